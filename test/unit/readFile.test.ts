import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  openFile,
  openFileSync,
  readFileBytes,
  readFileBytesSync,
  readFileText,
  requireReadable,
} from '../../src/readFile.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** What may be put where a file is expected, and why it isn't read. */
const noFiles: readonly [kind: string, make: (path: string) => void | Promise<void>, why: RegExp][] = [
  ['a pipe', (path) => void execFileSync('mkfifo', [path]), /it is not a file/],
  ['a link to a device without end', (path) => symlinkSync('/dev/zero', path), /it is not a file/],
  ['a link to a terminal', (path) => symlinkSync('/dev/tty', path), /it is not a file/],
  [
    'a folder',
    (path) => {
      mkdirSync(path);
    },
    /it is not a file/,
  ],
  ['a huge file', sparse(3_000_000_000), /it is larger than 1000000 bytes/],
  ['a file one byte too large', sparse(1_000_001), /it is larger than 1000000 bytes/],
  [
    'a socket',
    async (path) => {
      const server = createServer().listen(path);
      onTestFinished(() => void server.close());
      await new Promise((resolve) => server.once('listening', resolve));
    },
    /it is not a file/,
  ],
];

function sparse(bytes: number): (path: string) => void {
  return (path) => {
    writeFileSync(path, '');
    truncateSync(path, bytes);
  };
}

describe.runIf(process.platform !== 'win32')('the one reader', () => {
  it.each(noFiles)('refuses %s at once', async (_kind, make, why) => {
    const path = join(temporaryFolder(), 'file');
    await make(path);
    await expect(readFileBytes(path)).rejects.toThrow(why);
    await expect(readFileText(path)).rejects.toThrow(why);
    expect(() => readFileBytesSync(path)).toThrow(why);
    await expect(openFile(path, 1_000_000)).rejects.toThrow(why);
    expect(() => openFileSync(path, { mostBytes: 1_000_000 })).toThrow(why);
    expect(() => requireReadable(path)).toThrow(why);
  });

  it('reads what is there, also through links, and where a size is not told', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'file');
    writeFileSync(path, 'text'.repeat(100_000));
    symlinkSync(path, join(folder, 'link'));
    expect((await readFileBytes(join(folder, 'link'))).length).toBe(400_000);
    expect(readFileBytesSync(path).length).toBe(400_000);
    if (process.platform === 'linux') expect(await readFileText('/proc/self/status')).toContain('VmHWM');
  });

  it('gives a missing file’s own error', async () => {
    const path = join(temporaryFolder(), 'missing');
    await expect(readFileBytes(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(() => readFileBytesSync(path)).toThrow(/ENOENT/);
    expect(() => requireReadable(path)).not.toThrow();
  });
});
