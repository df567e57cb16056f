import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replaceFile } from '../../src/replaceFile.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('a file that is replaced', () => {
  it('is the one that a link leads to, also where nothing is yet; the link stays', async () => {
    const folder = temporaryFolder();
    const [target, link, dangling] = ['target', 'link', 'dangling'].map((name) => join(folder, name));
    writeFileSync(target ?? '', 'before');
    symlinkSync(target ?? '', link ?? '');
    symlinkSync(join('made', 'later'), dangling ?? '');
    await replaceFile(link ?? '', 'after');
    expect(readlinkSync(link ?? '')).toBe(target);
    expect(readFileSync(target ?? '', 'utf8')).toBe('after');
    await replaceFile(dangling ?? '', 'new');
    expect(readFileSync(join(folder, 'made', 'later'), 'utf8')).toBe('new');
    expect(lstatSync(dangling ?? '').isSymbolicLink()).toBe(true);
  });

  it('is written into where it is a pipe', async () => {
    const pipe = join(temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const [read] = await Promise.all([readFile(pipe, 'utf8'), replaceFile(pipe, 'through')]);
    expect(read).toBe('through');
    expect(lstatSync(pipe).isFIFO()).toBe(true);
  });

  it('that is a device stays one, and says when it takes nothing', async () => {
    await replaceFile('/dev/null', 'gone');
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
    await expect(replaceFile('/dev/full', 'full')).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(lstatSync('/dev/full').isCharacterDevice()).toBe(true);
  });
});
