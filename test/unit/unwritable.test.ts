import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportToFile } from '../../src/history/exportCalls.ts';
import { unwritable } from '../../src/unwritable.ts';
import { temporaryFolder } from '../support/temporary.ts';

async function* oneCall(): AsyncGenerator<{ text: string; calls: number }> {
  yield await Promise.resolve({ text: '{}\n', calls: 1 });
}

describe('a file that can’t be written', () => {
  const failing = [
    'ENOSPC',
    'EIO',
    'EROFS',
    'EACCES',
    'EPERM',
    'EDQUOT',
    'EFBIG',
    'EMFILE',
    'EBUSY',
    'EPIPE',
  ];
  const paths = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG'];
  it.each([...failing.map((code) => [code, 6] as const), ...paths.map((code) => [code, 2] as const)])(
    'for %s ends with %i, named with what to do',
    (code, exitCode) => {
      const error = Object.assign(new Error(`${code}: it failed, write`), { code });
      expect(unwritable('out.csv', error, 'Do this.')).toMatchObject({
        ...{ exitCode, hint: 'Do this.', message: `out.csv can’t be written: ${code}: it failed, write.` },
      });
    },
  );

  it('is told so of an export, on a full disk and where no folder is', async () => {
    await expect(exportToFile('/dev/full', oneCall())).rejects.toMatchObject({ exitCode: 6 });
    const nowhere = join(temporaryFolder(), 'none', 'out.csv');
    await expect(exportToFile(nowhere, oneCall())).rejects.toMatchObject({ exitCode: 2 });
  });
});
