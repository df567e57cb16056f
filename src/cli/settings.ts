import { dirname, join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { createFile } from '../createFile.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { checkSettingsFile, readSettingsText, type LoadedSettings } from '../settings/loadSettings.ts';
import { settingsInEffect, withoutSecrets } from '../settings/settingsInEffect.ts';
import { SettingsInvalid } from '../settings/settingsDocument.ts';
import { settingsPath, workspaceFileName } from '../settings/settingsPlaces.ts';
import { settingsTemplate } from '../settings/settingsTexts.ts';
import { faultText, type Fault } from '../yamlDocument.ts';
import { faultJson } from './faultJson.ts';
import { note, printJson, printLine, table, writeMessage, type Terminal } from './terminal.ts';

/** `tidyllm settings show`: every value in effect, with `origin` also its origin. */
export function settingsShow(
  loaded: LoadedSettings,
  { origin }: { origin?: boolean },
  terminal: Terminal,
): number {
  const { file, userFile, workspaceFiles, warnings, unused } = loaded;
  const settings = withoutSecrets(loaded.settings);
  if (terminal.json) {
    printJson({
      file,
      user_file: userFile,
      workspace_files: workspaceFiles,
      settings,
      ...(origin && {
        origins: Object.fromEntries(settingsInEffect(loaded).map((one) => [one.key, one.origin])),
      }),
      warnings: warnings.map(faultJson),
      unused,
    });
    return 0;
  }
  for (const warning of warnings) note(terminal, `Warning: ${faultText(warning)}`);
  if (!origin) {
    printLine(stringify(settings, { lineWidth: 0 }).trimEnd());
    return 0;
  }
  const rows = settingsInEffect(loaded).map(({ key, value, origin: { source, text } }) => [
    key,
    JSON.stringify(value),
    source,
    source === 'default' ? '' : text,
  ]);
  printLine(table(['key', 'value', 'source', 'where'], rows));
  return 0;
}

/** `tidyllm settings validate`: the faults of a single file; 2 if it can't be used. */
export async function settingsValidate(
  file: string,
  { workspace }: { workspace?: boolean },
  terminal: Terminal,
): Promise<number> {
  const path = resolve(file);
  const kind = workspace || path.endsWith(workspaceFileName) ? 'workspace' : 'user';
  const faults = await faultsOf(path, kind);
  const ok = faults.every(({ severity }) => severity !== 'error');
  if (terminal.json) {
    printJson({ ok, file: path, kind, faults: faults.map(faultJson) });
    return ok ? 0 : 2;
  }
  for (const fault of faults) {
    if (fault.severity === 'error') writeMessage(`Error: ${faultText(fault)}`);
    else note(terminal, `Warning: ${faultText(fault)}`);
  }
  if (ok) printLine(`${path}: valid ${kind} settings`);
  return ok ? 0 : 2;
}

async function faultsOf(path: string, kind: 'user' | 'workspace'): Promise<readonly Fault[]> {
  try {
    return await checkSettingsFile(path, await readSettingsText(path), process.env, kind);
  } catch (error) {
    if (error instanceof SettingsInvalid) return error.faults;
    throw new GatewayError('settings_invalid', `${path} can't be read: ${messageOf(error)}`, {
      hint: 'Name a settings file.',
      cause: error,
    });
  }
}

/** `tidyllm settings init`: creates a commented file; an existing file is not changed. */
export function settingsInit(
  { settingsFile, workspace }: { settingsFile: string | undefined; workspace?: boolean },
  terminal: Terminal,
): number {
  const path = workspace
    ? join(process.cwd(), workspaceFileName)
    : resolve(settingsPath(process.env, { settingsFile }));
  const created = createOrFail(path);
  if (terminal.json) printJson({ file: path, created });
  else if (created) printLine(`Created ${path}`);
  else note(terminal, `${path} already exists and was not changed.`);
  return created ? 0 : 2;
}

function createOrFail(path: string): boolean {
  try {
    return createFile(path, settingsTemplate());
  } catch (error) {
    throw new GatewayError('settings_invalid', `${path} can't be created: ${messageOf(error)}`, {
      hint: `Check that ${dirname(path)} is writable.`,
      cause: error,
    });
  }
}
