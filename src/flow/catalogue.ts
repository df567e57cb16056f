import { isAbsolute, join } from 'node:path';
import { messageOf, systemCodeOf } from '../errors.ts';
import { foreignFile } from '../settings/foreignFile.ts';
import { readSettingsText } from '../settings/loadSettings.ts';
import type { Environment } from '../settings/settingsDocument.ts';
import { userDirectories } from '../settings/settingsPlaces.ts';
import { SettingsInvalid } from '../settings/settingsDocument.ts';
import type { Fault } from '../yamlDocument.ts';
import type { FlowAgreement } from './agreement.ts';
import { defaultAgreements, namesOfDefaults } from './defaultAgreements.ts';
import { leaves, parseFlowFile } from './flowDocument.ts';

/** An agreement file, which may not exist. */
export interface FlowFile {
  path: string;
  kind: 'user' | 'workspace';
}

/** All valid agreements, and the faults of the files. */
export interface Catalogue {
  /** Built-in agreements, then those of the files, in order. */
  agreements: readonly FlowAgreement[];
  faults: readonly Fault[];
  /** The files read. */
  files: readonly FlowFile[];
}

/**
 * The agreement files: next to the user's settings.yaml, and at `flow.files` in each folder. A name
 * that leaves the folder is a fault. Throws `settings_invalid` for an invalid TIDYLLM_HOME.
 */
export function flowFiles(
  environment: Environment,
  names: readonly string[],
  folders: readonly string[],
): { files: FlowFile[]; faults: Fault[] } {
  const files: FlowFile[] = [{ path: join(userDirectories(environment).config, 'flow.yaml'), kind: 'user' }];
  const faults: Fault[] = [];
  for (const name of new Set(names)) {
    if (isAbsolute(name) || /^[A-Za-z]:/.test(name) || leaves(name)) {
      const message = `flow.files: "${name}" is not in the workspace folder, and is not read`;
      faults.push({ severity: 'error', message, place: null });
      continue;
    }
    files.push(...folders.map((folder) => ({ path: join(folder, name), kind: 'workspace' as const })));
  }
  return { files, faults };
}

/**
 * Joins the built-in agreements with the existing files. A trigger, phrase, encoding or action that is already
 * used is a fault in the later file, and its agreement is left out. Never throws.
 */
export async function loadCatalogue({
  files,
  read: readText = readSettingsText,
}: {
  files: readonly FlowFile[];
  /** Text of a file; throws the system error. The editor returns unsaved text. */
  read?: (path: string) => Promise<string>;
}): Promise<Catalogue> {
  const agreements = [...defaultAgreements];
  const faults: Fault[] = [];
  const read: FlowFile[] = [];
  const taken = namesOfDefaults();
  for (const file of files) {
    const foreign = file.kind === 'workspace' ? foreignFile(file.path) : null;
    if (foreign !== null) {
      faults.push({ severity: 'warning', message: foreign, place: startOf(file.path) });
      continue;
    }
    try {
      const parsed = parseFlowFile(file.path, await readText(file.path), file.kind, taken);
      agreements.push(...parsed.agreements);
      faults.push(...parsed.faults);
      read.push(file);
    } catch (error) {
      if (error instanceof SettingsInvalid) faults.push(...error.faults);
      else if (!['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? ''))
        faults.push(unreadable(file.path, error));
    }
  }
  return { agreements, faults, files: read };
}

function unreadable(file: string, error: unknown): Fault {
  const message = `the agreements can't be read: ${messageOf(error)}`;
  return { severity: 'error', message, place: startOf(file) };
}

function startOf(file: string): Fault['place'] {
  return { file, line: 1, column: 1, endLine: 1, endColumn: 1 };
}
