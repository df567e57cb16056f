import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { programPath, runProgram } from '../../src/program.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { patience } from '../support/patience.ts';

describe('on Windows a program is looked for', () => {
  const found = (path: string, there: readonly string[], name = 'Path'): string | null =>
    programPath('git', { [name]: path }, { platform: 'win32', isProgram: (one) => there.includes(one) });

  const git = 'C:\\Program Files\\Git\\cmd\\git.exe';
  it.each([
    ['in a folder of PATH', 'C:\\Program Files\\Git\\cmd', git],
    ['in one in quotes', '"C:\\Program Files\\Git\\cmd"', git],
    ['after folders without it', 'C:\\Windows;C:\\Program Files\\Git\\cmd', git],
    ['not in the working folder', '', null],
    ['not where PATH names the working folder', '.;;C:', null],
    ['not in folders inside the working folder', 'tools;.\\tools;..\\tools;C:tools', null],
    ['not on whichever drive that is', '\\tools;/tools', null],
    ['on a share', '\\\\server\\tools', '\\\\server\\tools\\git.exe'],
  ])('%s', (_name, path, expected) => {
    const everywhere = ['', '.\\', 'tools\\', '.\\tools\\', '..\\tools\\', 'C:', 'C:tools\\', '\\tools\\'];
    const there = [...everywhere.map((folder) => `${folder}git.exe`), git, '\\\\server\\tools\\git.exe'];
    expect(found(path, there)).toBe(expected);
  });

  it('by whatever spelling of PATH, and never as a script', () => {
    expect(found('C:\\a', ['C:\\a\\git.exe'], 'PATH')).toBe('C:\\a\\git.exe');
    expect(found('C:\\a', ['C:\\a\\git.exe'], 'path')).toBe('C:\\a\\git.exe');
    expect(found('C:\\a', ['C:\\a\\git.cmd', 'C:\\a\\git.bat', 'C:\\a\\git'])).toBeNull();
  });
});

describe.runIf(process.platform !== 'win32')('elsewhere a program', () => {
  function script(folder: string, text: string): string {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'tool');
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  it.each(['.', '', 'bin', './bin'])(
    'of the working folder isn’t run though PATH has "%s"',
    async (relative) => {
      const work = temporaryFolder();
      const before = process.cwd();
      script(join(work, relative), 'echo theirs');
      const own = temporaryFolder();
      script(own, 'echo ours');
      process.chdir(work);
      onTestFinished(() => process.chdir(before));
      const environment = { PATH: `${relative}:${own}:/bin` };
      expect(await runProgram('tool', [], { timeout: patience, cwd: work, environment })).toBe('ours\n');
      const nowhere = runProgram('tool', [], {
        timeout: patience,
        cwd: work,
        environment: { PATH: relative },
      });
      await expect(nowhere).rejects.toThrow('tool is not in a folder of PATH');
    },
  );

  it('is a file that can be run, also through a link', () => {
    const first = temporaryFolder();
    const second = temporaryFolder();
    const third = temporaryFolder();
    mkdirSync(join(first, 'tool'));
    writeFileSync(join(second, 'tool'), '');
    symlinkSync(script(temporaryFolder(), ''), join(third, 'tool'));
    expect(programPath('tool', { PATH: [first, second, third].join(':') })).toBe(join(third, 'tool'));
  });

  it('that fails says what it said, not how it was called', async () => {
    const own = temporaryFolder();
    script(own, 'echo broken >&2; exit 1');
    const run = runProgram('tool', ['argument'], { timeout: patience, environment: { PATH: `${own}:/bin` } });
    await expect(run).rejects.toThrow(/^tool: broken$/);
  });
});
