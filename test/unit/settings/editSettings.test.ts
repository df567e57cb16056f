import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocument, stringify } from 'yaml';
import { GatewayError } from '../../../src/errors.ts';
import { withSetting } from '../../../src/settings/editSettings.ts';
import { settingsTemplate } from '../../../src/settings/settingsTexts.ts';
import { testSeed } from '../../support/random.ts';

const set = (text: string): string => withSetting(text, ['budget', 'daily_limit_usd'], '"20"');

describe('setting one value of a settings file', () => {
  it.each([
    ['an empty file', '', 'budget:\n  daily_limit_usd: "20"\n'],
    [
      'a file without the section',
      'aws:\n  region: eu-west-1',
      'aws:\n  region: eu-west-1\nbudget:\n  daily_limit_usd: "20"\n',
    ],
    ['an empty section', 'budget:\naws: {}\n', 'budget:\n  daily_limit_usd: "20"\naws: {}\n'],
    ['an empty section with a comment', 'budget: # money\naws: {}\n', null],
    [
      'a section with other keys',
      'budget:\n    # zone\n    timezone: UTC # ours\n',
      'budget:\n    # zone\n    daily_limit_usd: "20"\n    timezone: UTC # ours\n',
    ],
    [
      'a value',
      'budget:\n  daily_limit_usd: "1000" # a day\n  timezone: UTC\n',
      'budget:\n  daily_limit_usd: "20" # a day\n  timezone: UTC\n',
    ],
    ['a number', 'budget: { daily_limit_usd: 1000 }\n', 'budget: { daily_limit_usd: "20" }\n'],
    ['a reference', 'budget:\n  daily_limit_usd: "${LIMIT}"\n', 'budget:\n  daily_limit_usd: "20"\n'],
    [
      'a key without a value',
      'budget:\n  daily_limit_usd:\n  timezone: UTC\n',
      'budget:\n  daily_limit_usd: "20"\n  timezone: UTC\n',
    ],
    ['brackets', 'budget: { timezone: UTC }\n', 'budget: { daily_limit_usd: "20", timezone: UTC }\n'],
    ['empty brackets', 'budget: {}\n', 'budget: { daily_limit_usd: "20" }\n'],
    [
      'Windows line ends',
      'aws: {}\r\nbudget:\r\n  timezone: UTC\r\n',
      'aws: {}\r\nbudget:\r\n  daily_limit_usd: "20"\r\n  timezone: UTC\r\n',
    ],
    [
      'the key in another section',
      'team:\n  daily_limit_usd: 5\n',
      'team:\n  daily_limit_usd: 5\nbudget:\n  daily_limit_usd: "20"\n',
    ],
  ])('in %s leaves everything else', (_what, before, after) => {
    const edited = set(before);
    if (after !== null) expect(edited).toBe(after);
    expect(parseDocument(edited).toJS()).toMatchObject({ budget: { daily_limit_usd: '20' } });
    expect(set(edited)).toBe(edited);
  });

  it('takes it out of the template’s comments, and changes two lines', () => {
    for (const template of [settingsTemplate(), settingsTemplate().replaceAll('\n', '\r\n')]) {
      const edited = set(template);
      const [before, after] = [template.split('\n'), edited.split('\n')];
      expect(after).toHaveLength(before.length);
      const changed = after.filter((line, index) => line !== before[index]);
      expect(changed.map((line) => line.trimEnd().replace(/ +#.*/, ''))).toEqual([
        'budget:',
        '  daily_limit_usd: "20"',
      ]);
      expect(parseDocument(edited).toJS()).toEqual({ budget: { daily_limit_usd: '20' } });
    }
  });

  it.each([
    ['what isn’t YAML', 'budget: [\n'],
    ['a list', '- budget\n'],
    ['a text', 'hello\n'],
    ['an alias', 'a: &a { timezone: UTC }\nbudget: *a\n'],
    ['a mapping in place of the value', 'budget:\n  daily_limit_usd: { usd: 5 }\n'],
    ['a list in place of the section', 'budget:\n  - timezone\n'],
    ['two documents', 'budget: {}\n---\naws: {}\n'],
  ])('refuses %s', (_what, text) => {
    expect(() => set(text)).toThrow(GatewayError);
    expect(() => set(text)).toThrow('budget.daily_limit_usd can’t be set'.replace('’', "'"));
  });

  it('of any mapping changes that value alone, and keeps every comment', () => {
    const scalar = fc.oneof(fc.integer(), fc.boolean(), fc.string({ maxLength: 12 }), fc.constant(null));
    const name = fc.stringMatching(/^[a-z_]{1,8}$/);
    const section = fc.dictionary(name, scalar, { maxKeys: 4 });
    const file = fc.dictionary(name, fc.oneof(section, scalar), { maxKeys: 4 });
    const budget = fc.option(fc.tuple(section, fc.option(scalar, { nil: undefined })), { nil: undefined });
    const style = fc.constantFrom('block' as const, 'flow' as const);
    fc.assert(
      fc.property(file, budget, style, (values, own, collectionStyle) => {
        const [others = {}, limit] = own ?? [];
        const limited = limit === undefined ? others : { ...others, daily_limit_usd: limit };
        const all = own === undefined ? values : { ...values, budget: limited };
        const text = `# kept above\n${stringify(all, { collectionStyle })}# kept below\n`;
        const before = (parseDocument(text).toJS() ?? {}) as Record<string, object>;
        if (
          before['budget'] !== undefined &&
          (typeof before['budget'] !== 'object' || Array.isArray(before['budget']))
        )
          return;
        const edited = set(text);
        expect(parseDocument(edited).toJS()).toEqual({
          ...before,
          budget: { ...before['budget'], daily_limit_usd: '20' },
        });
        for (const comment of ['# kept above', '# kept below']) expect(edited).toContain(comment);
      }),
      { seed: testSeed(), numRuns: 500 },
    );
  });
});
