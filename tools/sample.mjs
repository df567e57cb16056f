import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './setup.mjs';

/**
 * Copies the sample project into a folder and makes that a git repository on a branch with a ticket's name.
 * @param {string} folder
 */
export async function copySample(folder) {
  await cp(join(root, 'sample'), folder, { recursive: true });
  const identity = [
    '-c',
    'user.name=Sample',
    '-c',
    'user.email=sample@example.com',
    '-c',
    'commit.gpgsign=false',
  ];
  const git = (...parameters) => promisify(execFile)('git', [...identity, ...parameters], { cwd: folder });
  await git('init', '--quiet', '--initial-branch', 'JIRA-123-fix-flaky-login-test');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'Log in with a session store');
}
