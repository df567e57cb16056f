import { beforeAll, describe, expect, it } from 'vitest';
import { YamlDocument } from '../../src/yamlDocument.ts';
import { checkSettingsText } from '../../src/settings/loadSettings.ts';
import { parseFlowFile } from '../../src/flow/flowDocument.ts';
import { namesOfDefaults } from '../../src/flow/defaultAgreements.ts';

const count = 40_000;
const times = (make: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join('');

/** Texts of which much is what a parser may take long for. */
const texts: readonly [name: string, text: string][] = [
  ['names', times((index) => `k${index}: 1\n`)],
  ['names in braces', `{${times((index) => `k${index}: 1, `)}}`],
  ['names in a section', `budget:\n  per_user_usd:\n${times((index) => `    k${index}: "1"\n`)}`],
  ['the same name', times(() => 'k: 1\n')],
  ['anchors', `a:\n${times((index) => `  - &a${index} x\n`)}`],
  ['aliases', `a: &a x\nb:\n${times(() => '  - *a\n')}`],
  ['aliases of as many anchors', `a:\n${times((index) => `  - &a${index} x\n  - *a${index}\n`)}`],
  ['merged names', `a: &a { x: 1 }\n${times((index) => `k${index}: { <<: *a }\n`)}`],
  ['anchors without values', times(() => '&a ')],
  ['tags', times((index) => `k${index}: !t x\n`)],
  ['documents', times(() => '---\na: 1\n')],
  ['items', `a: [${times(() => '1,')}]`],
  ['dashes', times(() => '- ')],
  ['brackets', times(() => '[')],
  ['braces and commas', times(() => '{,')],
  ['question marks', times(() => '? ')],
  ['tabs', times(() => '\t- a\n')],
  ['quotes', times(() => '"')],
  ['directives', times(() => '%a\n')],
  ['references', `aws: { profile: "${times(() => '${X}')}" }`],
  ['megabytes', `a: ${'x'.repeat(20_000_000)}`],
];

/** Reads a text as settings and as agreements; returns the processor's time for it in milliseconds. */
function workOf(text: string): number {
  const before = process.cpuUsage();
  checkSettingsText('settings.yaml', text, {}, 'workspace');
  parseFlowFile('flow.yaml', text, 'workspace', namesOfDefaults());
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

describe('a text with very many', () => {
  /** What the largest file takes that is read whole. */
  let usual: number;

  beforeAll(() => {
    const largest = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1\n`).join('');
    // The first time, code is compiled too.
    usual = Math.min(workOf(largest), workOf(largest));
  });

  it.each(texts)('%s is read or refused with little more work than a large file', (_name, text) => {
    const work = workOf(text);
    expect(work).toBeLessThan(5 * usual);
  });

  it.each([
    ['names', 20_001, 'the file has more than 20000 names; split it'],
    ['anchors', 1_001, 'the file has more than 1000 anchors and aliases; split it'],
  ])('%s says so', (what, number, message) => {
    const lines = Array.from({ length: number }, (_, index) =>
      what === 'names' ? `k${index}: 1\n` : `- &a${index} x\n`,
    );
    expect(new YamlDocument('f', lines.join('')).faults).toMatchObject([{ severity: 'error', message }]);
    expect(new YamlDocument('f', lines.slice(1).join('')).faults).toEqual([]);
  });
});

it('text that only looks like anchors and names is none', () => {
  const text = `a: |\n${'  &b: *c\n'.repeat(2_000)}b: "${'*a '.repeat(2_000)}"\n# ${'&a '.repeat(2_000)}`;
  expect(new YamlDocument('f', text).faults).toEqual([]);
});

it('an alias stands for the last anchor of its name before it', () => {
  const document = new YamlDocument('f', 'a: &x { k: 1 }\nb: *x\nc: &x { k: 2 }\nd: *x\n');
  expect(document.contents).toEqual({ a: { k: 1 }, b: { k: 1 }, c: { k: 2 }, d: { k: 2 } });
  expect(document.fault(['d', 'k'], 'here').place).toMatchObject({ line: 3 });
  expect(document.fault(['b', 'k'], 'here').place).toMatchObject({ line: 1 });
});
