import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scanWorkspace } from '../../../src/flow/actions/security/secrets.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const secret = 'password: q8Zx77Lm42PwR5tK9sVb\n';
const { signal } = new AbortController();
const nothing = (): void => undefined;

/** A workspace of so many files, each tenth with a secret in its second line. */
function workspaceOf(files: number): string {
  const folder = temporaryFolder();
  for (let file = 0; file < files; file += 1) {
    const inside = join(folder, `part-${file % 7}`);
    mkdirSync(inside, { recursive: true });
    writeFileSync(
      join(inside, `${String(file).padStart(5, '0')}.txt`),
      file % 10 === 0 ? `\n${secret}` : 'text',
    );
  }
  return folder;
}

describe('the search of a workspace', () => {
  it('finds the same in the same order however many threads share it', async () => {
    const folder = workspaceOf(1_500);
    mkdirSync(join(folder, '.git'));
    writeFileSync(join(folder, '.git', 'config'), 'url = https://ada:secretpw@git.example/x\n');
    writeFileSync(join(folder, 'picture.png'), Buffer.from([0x89, 0, 1]));
    writeFileSync(join(folder, 'huge.txt'), 'x'.repeat(1024 * 1024 + 1));
    const { places, files, skipped, cut } = await scanWorkspace(folder, [], { signal, onProgress: nothing });
    const [ofGit, ...others] = places;
    expect(ofGit).toEqual({ file: join('.git', 'config'), kind: 'secret', line: 1 });
    expect(others).toHaveLength(150);
    expect(others.every(({ kind, line }) => kind === 'secret' && line === 2)).toBe(true);
    expect(others.map(({ file }) => file)).toEqual(others.map(({ file }) => file).toSorted());
    expect({ files, cut }).toEqual({ files: 1_501, cut: false });
    expect(Object.fromEntries(skipped)).toEqual({
      'folders named .git': 1,
      binary: 1,
      'larger than 1 MiB': 1,
    });
  });

  it('tells its progress up to the end', async () => {
    const told: number[] = [];
    await scanWorkspace(workspaceOf(400), [], { signal, onProgress: (share) => told.push(share) });
    expect(told.length).toBeGreaterThan(1);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBe(1);
  });

  it('stops with the reason of who stops it', async () => {
    const stopped = new AbortController();
    const onProgress = (): void => stopped.abort(new Error('enough'));
    const scan = scanWorkspace(workspaceOf(400), [], { signal: stopped.signal, onProgress });
    await expect(scan).rejects.toThrow('enough');
  });

  it('leaves the thread that asks free', async () => {
    const folder = temporaryFolder();
    const text = Array.from({ length: 10_000 }, (_, line) => `const value${line} = read(${line});`).join(
      '\n',
    );
    for (let file = 0; file < 20; file += 1) writeFileSync(join(folder, `f${file}.ts`), text);
    const before = process.threadCpuUsage();
    expect((await scanWorkspace(folder, [], { signal, onProgress: nothing })).files).toBe(20);
    const { user, system } = process.threadCpuUsage(before);
    const all = process.threadCpuUsage();
    const { secretsIn } = await import('../../../src/content/redaction.ts');
    secretsIn(text);
    const once = process.threadCpuUsage(all);
    // Searching one of the twenty here takes more than asking for all of them.
    expect(user + system).toBeLessThan(10 * (once.user + once.system));
  });
});
