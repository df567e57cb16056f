import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The git branch of the working directory; null outside a repository or without git. */
export async function currentBranch(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['symbolic-ref', '--short', '-q', 'HEAD'], {
      timeout: 2000,
    });
    return stdout.trim() || null;
  } catch {
    return null;
  }
}
