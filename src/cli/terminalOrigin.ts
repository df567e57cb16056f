import type { CallOrigin } from '../gateways/callOrigin.ts';
import { git } from '../git.ts';

/** Where a call from the terminal comes from. */
export async function terminalOrigin(folder: string | null, file?: string): Promise<CallOrigin> {
  return { door: 'cli', folder, branch: await currentBranch(), file };
}

/** The git branch of the working directory; null outside a repository or without git. */
async function currentBranch(): Promise<string | null> {
  try {
    const branch = await git(['symbolic-ref', '--short', '-q', 'HEAD'], {
      timeout: 2000,
      onlyWithWorkTree: true,
    });
    return branch.trim() || null;
  } catch {
    return null;
  }
}
