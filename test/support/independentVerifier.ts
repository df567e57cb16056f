import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** What the auditor's own script says. */
export function independently(folder: string, anchors?: string | null, key?: string): string {
  const file = join(folder, 'anchors.txt');
  if (typeof anchors === 'string') writeFileSync(file, anchors);
  const parameters = [
    resolve('tools/verify-ledger.mjs'),
    ...(key === undefined ? [] : ['--key', key]),
    folder,
    ...(typeof anchors === 'string' ? [file] : []),
  ];
  try {
    return execFileSync(process.execPath, parameters, { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}
