import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkSettingsFile, loadSettings } from '../../../src/settings/loadSettings.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const own = 'prices: { my-entry: { input: "3", output: "15" } }';

function load(yaml: string, environment: Record<string, string> = {}, workspace?: string) {
  const home = temporaryFolder();
  writeFileSync(join(home, 'settings.yaml'), yaml);
  const file = join(home, 'workspace.yaml');
  if (workspace !== undefined) writeFileSync(file, workspace);
  const workspaceFiles = workspace === undefined ? [] : [file];
  return loadSettings({ TIDYLLM_HOME: home, ...environment }, { workspaceFiles });
}

describe('budget.unknown_price', () => {
  it.each([
    ...['Refuse', 'REFUSE', 'refuse ', 'refused', 'refuze', 'none', 'null', 'false', 'typo-model', 'default'],
    ...['my-entri', 'claude-opus', 'us.anthropic.claude-opus-4-9', 'toString', '__proto__', 'hasOwnProperty'],
  ])('that names no price, "%s", is a fault at its line, in a variable and in a workspace', async (name) => {
    const yaml = `${own}\nbudget:\n  unknown_price: "${name}"\n`;
    const message = expect.stringContaining(`must be "refuse" or an entry of the price table`) as string;
    await expect(load(yaml)).rejects.toMatchObject({ code: 'settings_invalid', message });
    await expect(load(yaml)).rejects.toThrow(/settings\.yaml:3:3: budget\.unknown_price/);
    expect(await checkSettingsFile('s.yaml', yaml, {}, 'user')).toMatchObject([
      { severity: 'error', message, place: { line: 3, column: 3 } },
    ]);
    await expect(load(own, { TIDYLLM_BUDGET_UNKNOWN_PRICE: name })).rejects.toThrow(
      /environment variable TIDYLLM_BUDGET_UNKNOWN_PRICE: budget\.unknown_price must be/,
    );
    await expect(load(own, {}, `budget: { unknown_price: "${name}" }`)).rejects.toThrow(
      /workspace\.yaml:1:11: budget\.unknown_price must be/,
    );
  });

  it.each(['refuse', 'my-entry', 'us.anthropic.claude-opus-4-8', 'amazon.nova-lite-v1:0'])(
    'may be %s',
    async (name) => {
      const yaml = `${own}\nbudget: { unknown_price: "${name}" }\n`;
      expect((await load(yaml)).settings.budget.unknown_price).toBe(name);
      expect(await checkSettingsFile('s.yaml', yaml, {}, 'user')).toEqual([]);
    },
  );
});
