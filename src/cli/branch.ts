import { git } from '../git.ts';

/** The git branch of the working directory; null outside a repository or without git. */
export async function currentBranch(): Promise<string | null> {
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
