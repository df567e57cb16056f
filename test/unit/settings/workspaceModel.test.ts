import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../../src/settings/loadSettings.ts';
import { pricedModelIds, pricesAt } from '../../../src/pricing/priceTable.ts';
import { temporaryFolder } from '../../support/temporary.ts';

async function chosen(asked: string, user = '', environment: Record<string, string> = {}) {
  const home = temporaryFolder();
  const file = join(home, 'workspace.yaml');
  writeFileSync(join(home, 'settings.yaml'), user);
  writeFileSync(file, `aws: { bedrock: { default_model: ${JSON.stringify(asked)} } }`);
  const { settings, warnings } = await loadSettings(
    { TIDYLLM_HOME: home, ...environment },
    { workspaceFiles: [file] },
  );
  return { model: settings.aws.bedrock.default_model, warnings: warnings.map(({ message }) => message) };
}

const arn = 'arn:aws:bedrock:us-east-1:999999999999:application-inference-profile/theirs';
const sonnet = 'us.anthropic.claude-sonnet-4-6';

describe('the model that a workspace chooses', () => {
  it.each([
    ['a cheaper name', 'claude-haiku', ''],
    ['a cheaper id', 'us.amazon.nova-micro-v1:0', ''],
    ['another name of the same', sonnet, ''],
    ['a cheaper route to the same', 'global.anthropic.claude-sonnet-4-6', ''],
    [
      'one that the user has a lower price for',
      'my.model',
      'prices: { my.model: { input: "1", output: "1" } }',
    ],
    [
      'a name of the user’s for a cheaper one',
      'team',
      'bedrock: { model_mapping: { team: us.amazon.nova-micro-v1:0 } }',
    ],
    [
      'a name of the user’s for a profile of a cheaper one',
      'team',
      `bedrock: { model_mapping: { team: "${arn}" } }\nmodels: { team: { base: us.amazon.nova-micro-v1:0 } }`,
    ],
  ])('is taken: %s', async (_name, asked, user) => {
    expect(await chosen(asked, user)).toEqual({ model: asked, warnings: [] });
  });

  it.each([
    ['a dearer name', 'claude-opus', '', 'which is dearer than "claude-sonnet"'],
    ['a dearer id', 'us.anthropic.claude-opus-4-8', '', 'which is dearer than'],
    [
      'a dearer route',
      sonnet,
      'aws: { bedrock: { default_model: global.anthropic.claude-sonnet-4-6 } }',
      'dearer',
    ],
    ['an ARN', arn, '', 'is an ARN'],
    [
      'an ARN of a cheap model',
      'arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0',
      '',
      'is an ARN',
    ],
    ['an ARN in other letters', ' ARN:aws:bedrock:us-east-1:1:x/y', '', 'is an ARN'],
    ['one without a price', 'nobody.knows-this', '', 'for which no price is known'],
    ['one that only objects have', 'constructor', '', 'for which no price is known'],
    [
      'one whose output is dearer',
      'my.model',
      'prices: { my.model: { input: "0.1", output: "90" } }',
      'dearer',
    ],
    [
      'one whose input is dearer',
      'my.model',
      'prices: { my.model: { input: "90", output: "0.1" } }',
      'dearer',
    ],
    [
      'any in place of one without a price',
      'claude-haiku',
      'aws: { bedrock: { default_model: mine } }',
      'no price of "mine"',
    ],
    [
      'a name of the user’s for a dearer one',
      'team',
      'bedrock: { model_mapping: { team: us.anthropic.claude-opus-4-8 } }',
      'dearer',
    ],
    [
      'a name of the user’s for a profile nobody knows',
      'team',
      `bedrock: { model_mapping: { team: "${arn}" } }`,
      'no price',
    ],
  ])('is not taken: %s', async (_name, asked, user, told) => {
    const { model, warnings } = await chosen(asked, user);
    expect(model).not.toBe(asked);
    expect(warnings).toEqual([expect.stringContaining(told)]);
    expect(warnings[0]).toMatch(
      /^aws\.bedrock\.default_model .*stays; set another in the user's settings\.yaml$/,
    );
  });

  it('is measured by what is in force, from wherever', async () => {
    const cheap = { TIDYLLM_AWS_BEDROCK_DEFAULT_MODEL: 'nova-micro' };
    expect((await chosen('claude-haiku', '', cheap)).model).toBe('nova-micro');
    const dear = { TIDYLLM_AWS_BEDROCK_DEFAULT_MODEL: 'claude-opus' };
    expect((await chosen('claude-sonnet', '', dear)).model).toBe('claude-sonnet');
  });

  it('is never dearer, of all that have a price', async () => {
    const first = (id: string) => pricesAt(id)?.prices.standard?.[0];
    const most = first('us.amazon.nova-micro-v1:0');
    for (const id of pricedModelIds()) {
      const { model } = await chosen(id, '', { TIDYLLM_AWS_BEDROCK_DEFAULT_MODEL: 'nova-micro' });
      if (model !== id) continue;
      expect(Number(first(id)?.input)).toBeLessThanOrEqual(Number(most?.input));
      expect(Number(first(id)?.output)).toBeLessThanOrEqual(Number(most?.output));
    }
  });
});
