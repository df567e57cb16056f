import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '../../report.ts';
import { textSection, type Checked } from './check.ts';

/** A kind of file of this user's alone. */
interface Private {
  id: string;
  name: string;
  /** Folder, below the state folder. */
  folder: string;
  /** Which of its files. */
  files: RegExp;
  /** Whether the folder itself, and those below it, count as well. */
  deep: boolean;
}

const privates: readonly Private[] = [
  { id: 'key', name: 'Signing key', folder: '', files: /^signing\.pem/, deep: false },
  { id: 'ledger', name: 'Ledger', folder: 'ledger', files: /\.journal$|quarantine/, deep: true },
  { id: 'content', name: 'Kept content and its keys', folder: 'content', files: /\.(enc|key)/, deep: true },
  { id: 'reports', name: 'Reports', folder: 'flow', files: /\.json$/, deep: true },
];

const others = 0o077;

/** Looks for what people besides this user may read or write; on Windows the profile's own rules guard it. */
export async function checkPermissions(
  state: string,
  settingsWithSecrets: readonly string[],
): Promise<Checked> {
  if (process.platform === 'win32')
    return {
      findings: [],
      section: section([['All', 'not checked', 'Windows guards the profile’s folders.']]),
    };
  const rows: string[][] = [];
  const findings: Finding[] = [];
  take('state', 'State folder', [await seenAt(state)]);
  for (const { id, name, folder, files, deep } of privates)
    take(id, name, await look(join(state, folder), files, deep));
  if (settingsWithSecrets.length > 0)
    take('settings', 'Settings with secrets', await Promise.all(settingsWithSecrets.map(seenAt)));
  return { findings, section: section(rows) };

  function take(id: string, name: string, seen: readonly Seen[]): void {
    const present = seen.filter((one): one is Seen & { found: Stats } => one.found !== null);
    const open = present.filter(({ found }) => (found.mode & others) !== 0);
    const [first] = open;
    rows.push([
      name,
      present.length === 0 ? 'none' : first ? 'open to others' : 'private',
      first ? openText(first, open.length) : `looked at: ${present.length}`,
    ]);
    if (!first) return;
    findings.push({
      severity: 'problem',
      id: `open_${id}`,
      title: `${name}: others may get at it`,
      evidence: `${openText(first, open.length)}.`,
      remedy: `Run: chmod -R go= "${first.path}"`,
    });
  }
}

interface Seen {
  path: string;
  found: Stats | null;
}

function openText({ path, found }: Seen & { found: Stats }, count: number): string {
  const mode = (found.mode & 0o777).toString(8).padStart(3, '0');
  return `${path} has mode ${mode}${count > 1 ? `, and ${count - 1} more` : ''}`;
}

async function seenAt(path: string): Promise<Seen> {
  return { path, found: await lstat(path).catch(() => null) };
}

async function look(folder: string, files: RegExp, deep: boolean): Promise<Seen[]> {
  const itself = await seenAt(folder);
  if (!itself.found?.isDirectory()) return [];
  const entries = await readdir(folder, { withFileTypes: true, recursive: deep });
  const below = entries
    .filter((entry) => (entry.isDirectory() ? deep : entry.isFile() && files.test(entry.name)))
    .map((entry) => seenAt(join(entry.parentPath, entry.name)));
  return [...(deep ? [itself] : []), ...(await Promise.all(below))];
}

function section(rows: string[][]) {
  return textSection(
    'permissions',
    'File permissions',
    'Nobody but this user may read or write these.',
    ['What', 'Result', 'Evidence'],
    rows,
  );
}
