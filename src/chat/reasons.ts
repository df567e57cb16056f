const sharedBranches = new Set([
  'main',
  'master',
  'trunk',
  'develop',
  'development',
  'dev',
  'release',
  'HEAD',
]);

/**
 * The audit reason derived from a branch name: `JIRA-123-fix-flaky-login-test` becomes
 * `JIRA-123 fix flaky login test`. Null for branch names that don't describe the work.
 */
export function reasonFromBranch(branch: string): string | null {
  const name = branch.slice(branch.lastIndexOf('/') + 1);
  if (sharedBranches.has(name) || /^[\d.]*$/.test(name)) return null;
  const [, ticket, rest = ''] = /^([A-Za-z][A-Za-z\d]*-\d+)?(.*)$/.exec(name) ?? [];
  const words = rest.split(/[-_\s]+/).filter((word) => word !== '');
  return [...(ticket === undefined ? [] : [ticket]), ...words].join(' ') || null;
}

/** Adds a reason to the most recently used ones, latest first. */
export function rememberReason(used: readonly string[], reason: string, most = 10): string[] {
  return [reason, ...used.filter((other) => other !== reason)].slice(0, most);
}
