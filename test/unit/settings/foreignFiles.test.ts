import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadCatalogue } from '../../../src/flow/catalogue.ts';
import { foreignFile } from '../../../src/settings/foreignFile.ts';
import { loadSettings } from '../../../src/settings/loadSettings.ts';
import { writeFlowFile } from '../../support/flowFiles.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const isRoot = process.getuid?.() === 0;

/** A workspace folder with a settings file that lowers the limit. */
function workspace(): { folder: string; file: string } {
  const folder = join(temporaryFolder(), 'work');
  const file = join(folder, '.tidyllm', 'settings.yaml');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, 'budget: { daily_limit_usd: "5" }');
  for (const path of [folder, dirname(file)]) chmodSync(path, 0o755);
  return { folder, file };
}

async function limitOf(file: string): Promise<{ limit: string; warnings: string[] }> {
  const { settings, warnings } = await loadSettings(
    { TIDYLLM_HOME: temporaryFolder() },
    { workspaceFiles: [file] },
  );
  return { limit: settings.budget.daily_limit_usd, warnings: warnings.map(({ message }) => message) };
}

/** What is made of a path of the workspace: of the folder, `.tidyllm` or the file. */
const changes: readonly [what: string, change: (path: string) => void, told: RegExp, rootOnly?: boolean][] = [
  [
    'belongs to another',
    (path) => chownSync(path, 12_345, 12_345),
    /belongs to another user \(12345\)/,
    true,
  ],
  ['is open to everybody', (path) => chmodSync(path, 0o777), /everybody may write to .*chmod o-w/],
];
const parts = ['the folder', '.tidyllm', 'the file'] as const;

describe.runIf(process.platform !== 'win32')('a workspace’s file', () => {
  for (const [what, change, told, rootOnly = false] of changes) {
    for (const part of parts) {
      it.runIf(!rootOnly || isRoot)(`does not count where ${part} ${what}`, async () => {
        const { folder, file } = workspace();
        const path = { 'the folder': folder, '.tidyllm': dirname(file), 'the file': file }[part];
        change(path);
        const { limit, warnings } = await limitOf(file);
        expect(limit).toBe('1000');
        expect(warnings).toEqual([expect.stringMatching(told)]);
        expect(warnings[0]).toContain(path);
      });
    }
  }

  it('counts where it is this user’s, its group may write or the folder is sticky', async () => {
    for (const mode of [0o755, 0o775, 0o1777]) {
      const { folder, file } = workspace();
      chmodSync(folder, mode);
      expect(await limitOf(file)).toEqual({ limit: '5', warnings: [] });
    }
  });

  it.runIf(isRoot)('of another, reached by a link or in a folder open to all, doesn’t count', async () => {
    const theirs = workspace();
    chownSync(theirs.file, 12_345, 12_345);
    const { file, folder } = workspace();
    const linked = join(folder, '.tidyllm', 'linked.yaml');
    symlinkSync(theirs.file, linked);
    expect((await limitOf(linked)).limit).toBe('1000');
    chmodSync(folder, 0o1777);
    chownSync(dirname(file), 12_345, 12_345);
    expect((await limitOf(file)).limit).toBe('1000');
  });

  it('that isn’t read can’t keep the gateway from starting', async () => {
    const { file } = workspace();
    writeFileSync(file, 'no: settings\n  at: all');
    chmodSync(file, 0o666);
    expect((await limitOf(file)).limit).toBe('1000');
  });

  it('of agreements doesn’t count either', async () => {
    const folder = join(temporaryFolder(), 'work');
    mkdirSync(folder);
    writeFlowFile(folder, {
      trigger: '[Theirs]',
      flow_encoding: '@team#theirs!run@workspace',
      expanded_meaning: 'Run something of theirs.',
      action: 'theirs',
      real_implementation: 'health_check',
      fallback: 'budget_summary',
    });
    const path = join(folder, '.tidyllm', 'flow.yaml');
    const triggers = async () =>
      (await loadCatalogue({ files: [{ path, kind: 'workspace' }] })).agreements.map(
        ({ trigger }) => trigger,
      );
    expect(await triggers()).toContain('[Theirs]');
    chmodSync(path, 0o666);
    expect(await triggers()).not.toContain('[Theirs]');
    const { faults } = await loadCatalogue({ files: [{ path, kind: 'workspace' }] });
    expect(faults).toMatchObject([{ severity: 'warning', place: { file: path } }]);
  });

  it('is looked at by its owner’s number: root’s counts for everybody', () => {
    const { file } = workspace();
    if (isRoot) expect(foreignFile(file, 12_345)).toBeNull();
    expect(foreignFile(join(dirname(file), 'missing'))).toBeNull();
  });
});
