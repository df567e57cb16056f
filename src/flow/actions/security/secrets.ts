import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { secretsIn } from '../../../content/redaction.ts';
import { NoOrdinaryFile, readFileBytes } from '../../../readFile.ts';
import { readSettingsText } from '../../../settings/loadSettings.ts';
import { SettingsDocument, type Environment } from '../../../settings/settingsDocument.ts';
import type { Finding } from '../../report.ts';
import { textSection, type Checked } from './check.ts';

const skippedFolders: readonly string[] = ['node_modules', '.git', '.hg', '.svn'];
const mostBytes = 1024 * 1024;
const mostFiles = 20_000;
/** A file with a zero byte in its first bytes is binary. */
const sniffed = 8192;
/** Files that hold only variables, without examples. */
const variablesFile = /^\.env(?:\.(?!example|sample|template|dist)[\w.-]+)?$/;
/** Maximum number of findings, and of rows in the table; further ones are only counted. */
const mostFindings = 20;
const mostRows = 500;

/** A secret by place and kind, never by value. */
export interface SecretPlace {
  file: string;
  line: number;
  kind: string;
}

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

/** Searches a workspace for secrets, top folders first, in bounded time and memory. Links are not followed. */
export async function scanWorkspace(
  folder: string,
  known: readonly string[],
  signal: AbortSignal,
): Promise<Scan> {
  const scan: Scan = { places: [], files: 0, skipped: new Map(), cut: false };
  const skip = (why: string): void => void scan.skipped.set(why, (scan.skipped.get(why) ?? 0) + 1);
  const folders = [folder];
  let looked = 0;
  for (const here of folders) {
    const entries = await readdir(here, { withFileTypes: true }).catch((): Dirent[] | null => null);
    if (!entries) skip('unreadable');
    for (const entry of entries ?? []) {
      signal.throwIfAborted();
      const path = join(here, entry.name);
      if (entry.isDirectory()) {
        if (!skippedFolders.includes(entry.name)) folders.push(path);
        else skip(`folders named ${entry.name}`);
        // Remote URLs may contain passwords.
        const config = entry.name === '.git' ? await textOf(join(path, 'config')) : null;
        if (typeof config === 'string') {
          scan.files += 1;
          scan.places.push(...placesIn(relative(folder, join(path, 'config')), config));
        }
        continue;
      }
      if (!entry.isFile() || known.includes(path)) continue;
      if (looked === mostFiles) return { ...scan, cut: true };
      looked += 1;
      const text = await textOf(path);
      if (typeof text !== 'string') {
        skip(text.because);
        continue;
      }
      scan.files += 1;
      scan.places.push(...placesIn(relative(folder, path), text));
    }
  }
  return scan;
}

async function textOf(path: string): Promise<string | { because: string }> {
  try {
    const bytes = await readFileBytes(path, mostBytes);
    if (bytes.subarray(0, sniffed).includes(0)) return { because: 'binary' };
    return bytes.toString('utf8');
  } catch (error) {
    const isTooLarge = error instanceof NoOrdinaryFile && error.isTooLarge;
    return { because: isTooLarge ? 'larger than 1 MiB' : 'unreadable' };
  }
}

function placesIn(file: string, text: string): SecretPlace[] {
  return secretsIn(text, { words: variablesFile.test(basename(file)) }).map(({ kind, index }) => ({
    file,
    kind,
    line: text.slice(0, index).split('\n').length,
  }));
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
