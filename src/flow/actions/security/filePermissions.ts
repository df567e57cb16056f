import type { Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '../../report.ts';
import { textSection, type Checked } from './check.ts';

/** A kind of file that is private to this user. */
interface Private {
  id: string;
  name: string;
  /** Folder, below the state folder. */
  folder: string;
  /** The matching files in it. */
  files: RegExp;
  /** Whether the folder itself and its subfolders are checked too. */
  deep: boolean;
}

const privates: readonly Private[] = [
  { id: 'key', name: 'Signing key', folder: '', files: /^signing\.pem/, deep: false },
  { id: 'ledger', name: 'Ledger', folder: 'ledger', files: /\.journal$|quarantine/, deep: true },
  { id: 'content', name: 'Kept content and its keys', folder: 'content', files: /\.(enc|key)/, deep: true },
  { id: 'reports', name: 'Reports', folder: 'flow', files: /\.json$/, deep: true },
  { id: 'approver_key', name: 'Approver’s key', folder: '', files: /^approver\.pem/, deep: false },
  { id: 'requests', name: 'Requests for approval', folder: 'requests', files: /\.json$/, deep: true },
  { id: 'spool', name: 'Traces that wait', folder: 'spool', files: /./, deep: true },
  { id: 'conversations', name: 'Conversations', folder: 'conversations', files: /./, deep: true },
  { id: 'queries', name: 'Saved queries', folder: 'queries', files: /./, deep: true },
];

const others = 0o077;
const othersWrite = 0o022;

export interface PermissionsToCheck {
  /** The state folder. */
  state: string;
  /** Folder of the ledger in use. */
  ledger: string;
  /** The user's own files, which decide what calls may cost and where they go. */
  governing: readonly string[];
  settingsWithSecrets: readonly string[];
}

/** Finds files that others may read or write. On Windows the rules of the user profile protect them. */
export async function checkPermissions({
  state,
  ledger,
  governing,
  settingsWithSecrets,
}: PermissionsToCheck): Promise<Checked> {
  if (process.platform === 'win32')
    return {
      findings: [],
      section: section([['All', 'not checked', 'Windows protects the folders of the user profile.']]),
    };
  const rows: string[][] = [];
  const findings: Finding[] = [];
  take('state', 'State folder', await Promise.all([state].map(seenAt)));
  for (const { id, name, folder, files, deep } of privates) {
    const looked = new Set<string>();
    const seen = await look(join(state, folder), files, deep, looked);
    // A link may lead elsewhere.
    if (id === 'ledger') seen.push(...(await look(ledger, files, deep, looked)));
    take(id, name, seen);
  }
  if (settingsWithSecrets.length > 0)
    take('settings', 'Settings with secrets', await Promise.all(settingsWithSecrets.map(seenAt)));
  takeGoverning(await Promise.all(governing.map(seenAt)));
  return { findings, section: section(rows) };

  function take(id: string, name: string, seen: readonly Seen[]): void {
    const open = record(name, seen, others);
    const [first] = open;
    if (!first) return;
    findings.push({
      severity: 'problem',
      id: `open_${id}`,
      title: `${name}: accessible to others`,
      evidence: `${openText(first, open.length)}.`,
      remedy: `Run: chmod -R go= "${first.path}"`,
    });
  }

  function takeGoverning(seen: readonly Seen[]): void {
    for (const file of record('Settings and agreements', seen, othersWrite))
      findings.push({
        severity: 'problem',
        id: 'writable_settings',
        title: `${file.path}: writable by others`,
        evidence: `${openText(file, 1)}: whoever writes it changes caps, prices, endpoints and agreements.`,
        remedy: `Run: chmod go-w "${file.path}"`,
      });
  }

  /** Writes the row of a kind, and returns the files that have one of the bits. */
  function record(name: string, seen: readonly Seen[], bits: number): Present[] {
    const present = seen.filter((one): one is Present => one.found !== null);
    const open = present.filter(({ found }) => (found.mode & bits) !== 0);
    const [first] = open;
    rows.push([
      name,
      present.length === 0 ? 'none' : first ? 'open to others' : 'private',
      first ? openText(first, open.length) : `checked: ${present.length}`,
    ]);
    return open;
  }
}

interface Seen {
  path: string;
  found: Stats | null;
}

interface Present extends Seen {
  found: Stats;
}

function openText({ path, found }: Present, count: number): string {
  const mode = (found.mode & 0o777).toString(8).padStart(3, '0');
  return `${path} has mode ${mode}${count > 1 ? `, and ${count - 1} more` : ''}`;
}

/** The target of a path, with links resolved. */
async function seenAt(path: string): Promise<Seen> {
  const real = await realpath(path).catch(() => path);
  return { path: real, found: await stat(real).catch(() => null) };
}

/** Follows links; a folder in `looked` isn't checked again. */
async function look(folder: string, files: RegExp, deep: boolean, looked: Set<string>): Promise<Seen[]> {
  const itself = await seenAt(folder);
  if (!itself.found?.isDirectory() || looked.has(itself.path)) return [];
  looked.add(itself.path);
  const seen: Seen[] = deep ? [itself] : [];
  for (const name of await readdir(itself.path)) {
    const path = join(itself.path, name);
    const below = await seenAt(path);
    if (below.found?.isDirectory()) seen.push(...(deep ? await look(path, files, deep, looked) : []));
    else if (below.found?.isFile() && files.test(name)) seen.push(below);
  }
  return seen;
}

function section(rows: string[][]) {
  return textSection(
    'permissions',
    'File permissions',
    'Only this user may read or write these; only this user may write the user’s settings.yaml and flow.yaml.',
    ['What', 'Result', 'Evidence'],
    rows,
  );
}
