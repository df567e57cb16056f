import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { readSettingsText } from '../../../settings/loadSettings.ts';
import { SettingsDocument, type Environment } from '../../../settings/settingsDocument.ts';
import type { Finding } from '../../report.ts';
import { textSection, type Checked } from './check.ts';
import { placesIn, textOf, type SecretPlace } from './secretPlaces.ts';
import { searchFiles } from './searchFiles.ts';

const skippedFolders: readonly string[] = ['node_modules', '.git', '.hg', '.svn'];
const mostFiles = 20_000;
/** Maximum number of findings, and of rows in the table; further ones are only counted. */
const mostFindings = 20;
const mostRows = 500;

/** Secrets in plain text in settings files. */
export async function secretsInSettings(
  files: readonly string[],
  environment: Environment,
): Promise<SecretPlace[]> {
  const found = await Promise.all(
    files.map(async (file) => {
      const text = await readSettingsText(file);
      const named = new SettingsDocument(file, text, environment)
        .plainSecrets()
        .map(({ place }) => ({ file, line: place?.line ?? 1, kind: 'secret' }));
      const lines = new Set(named.map(({ line }) => line));
      return [...named, ...placesIn(file, withoutReferences(text)).filter(({ line }) => !lines.has(line))];
    }),
  );
  return found.flat().toSorted((one, other) => one.line - other.line);
}

/** Secrets in the user's agreements; none if there is no such file. */
export async function secretsInAgreements(file: string): Promise<SecretPlace[]> {
  const text = await textOf(file);
  return typeof text === 'string' ? placesIn(file, text) : [];
}

/** Removes references to the environment, which hold no secret, and keeps all positions. */
function withoutReferences(text: string): string {
  return text.replace(/\$?\$\{[^}]*\}/g, (reference) =>
    reference.startsWith('$$') ? reference : ' '.repeat(reference.length),
  );
}

/** The scope of a workspace search. */
export interface Scan {
  places: SecretPlace[];
  /** Number of files read. */
  files: number;
  /** Skipped files and folders, by cause. */
  skipped: Map<string, number>;
  /** Whether there are more files than the search limit. */
  cut: boolean;
}

/**
 * Searches a workspace for secrets, top folders first, in bounded time and memory, in threads of its own. Links are not
 * followed. `onProgress` gets the share of the files, 0 to 1.
 */
export async function scanWorkspace(
  folder: string,
  known: readonly string[],
  { signal, onProgress }: { signal: AbortSignal; onProgress: (share: number) => void },
): Promise<Scan> {
  const { files, skipped, cut } = await listFiles(folder, known, signal);
  const scan: Scan = { places: [], files: 0, skipped, cut };
  const names = files.map((path) => relative(folder, path));
  for (const [index, found] of (await searchFiles(folder, names, { signal, onProgress })).entries()) {
    if (Array.isArray(found)) {
      scan.files += 1;
      scan.places.push(...found);
    } else if (!isGitConfig(names[index] ?? ''))
      skipped.set(found.because, (skipped.get(found.because) ?? 0) + 1);
  }
  return scan;
}

/** Remote URLs may contain passwords. */
const gitConfig = join('.git', 'config');

function isGitConfig(name: string): boolean {
  return name === gitConfig || name.endsWith(`${sep}${gitConfig}`);
}

/** The files to search, in order, and what is not searched. */
async function listFiles(
  folder: string,
  known: readonly string[],
  signal: AbortSignal,
): Promise<{ files: string[]; skipped: Map<string, number>; cut: boolean }> {
  const skipped = new Map<string, number>();
  const skip = (why: string): void => void skipped.set(why, (skipped.get(why) ?? 0) + 1);
  const files: string[] = [];
  const folders = [folder];
  let looked = 0;
  for (const here of folders) {
    const entries = await readdir(here, { withFileTypes: true }).catch((): Dirent[] | null => null);
    if (!entries) skip('unreadable');
    signal.throwIfAborted();
    for (const entry of entries ?? []) {
      const path = join(here, entry.name);
      if (entry.isDirectory()) {
        if (!skippedFolders.includes(entry.name)) folders.push(path);
        else skip(`folders named ${entry.name}`);
        if (entry.name === '.git') files.push(join(path, 'config'));
        continue;
      }
      if (!entry.isFile() || known.includes(path)) continue;
      if (looked === mostFiles) return { files, skipped, cut: true };
      looked += 1;
      files.push(path);
    }
  }
  return { files, skipped, cut: false };
}

/** Secrets found in settings, and in the workspace if it was searched. */
export function secretsReport(settings: readonly SecretPlace[], scan: Scan | null, why: string): Checked {
  const inWorkspace = scan?.places ?? [];
  const rest = inWorkspace.length - mostFindings;
  const rows = [
    ...settings.map((place) => [textOfPlace(place), place.kind, 'settings']),
    ...inWorkspace.slice(0, mostRows).map((place) => [textOfPlace(place), place.kind, 'workspace']),
  ];
  return {
    findings: [
      ...settings.map((place): Finding => ({
        severity: 'problem',
        id: 'secret_in_settings',
        title: `${textOfPlace(place)} contains a secret in plain text`,
        evidence: `Kind: ${place.kind}. Its value is not repeated here.`,
        remedy: 'Keep it in an environment variable, write "${NAME}" instead, and rotate the secret.',
      })),
      ...inWorkspace.slice(0, mostFindings).map((place): Finding => ({
        severity: 'warning',
        id: 'secret_in_workspace',
        title: `${textOfPlace(place)} may contain a secret`,
        evidence: `Kind: ${place.kind}. Its value is not repeated here.`,
        remedy: 'Remove it from the file and its history, and rotate it if it is real.',
      })),
      ...(rest > 0
        ? [
            {
              severity: 'warning' as const,
              id: 'secret_in_workspace',
              title: `${rest} more places may contain secrets`,
              evidence: 'They are in the table.',
              remedy: 'Fix them like the others.',
            },
          ]
        : []),
    ],
    section: textSection(
      'secrets',
      'Secrets in plain text',
      [scanText(scan, why), ...(inWorkspace.length > mostRows ? [`Only ${mostRows} are listed.`] : [])].join(
        '\n',
      ),
      ['Place', 'Kind', 'In'],
      rows,
    ),
  };
}

function textOfPlace({ file, line }: SecretPlace): string {
  return `${file}:${line}`;
}

function scanText(scan: Scan | null, why: string): string {
  if (!scan) return why;
  const skipped = [...scan.skipped].map(([reason, count]) => `${count} ${reason}`).join(', ');
  return [
    `${scan.files} files of the workspace were read.`,
    ...(skipped === '' ? [] : [`Skipped: ${skipped}.`]),
    ...(scan.cut ? [`Only the first ${mostFiles} files were searched.`] : []),
  ].join(' ');
}
