import type { Core } from '../core/core.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { LoadedSettings, SettingsOverrides } from '../settings/loadSettings.ts';
import { OutputFailed } from './output.ts';
import { requireWellReadArguments } from './readText.ts';
import { errorJson, note, printError, printJson, type Terminal } from './terminal.ts';

export interface GlobalOptions {
  settings?: string;
  profile?: string;
  region?: string;
  backend?: string;
  user?: string;
  json?: boolean;
  quiet?: boolean;
}

/** Loads the code of a command, when it runs. */
type Load<Module> = () => Promise<Module>;

interface RunOptions<Module> {
  /** The JSON document of a failure, for commands that have one of their own. */
  failed?: (module: Module, error: GatewayError) => object;
  /** False for commands that must see the ledger as it is. */
  settles?: boolean;
  /** Whether to report afterwards which caps have reached an alert: for commands that make calls or correct costs. */
  alerts?: boolean;
}

/** Runs commands under the global options, reports their errors and keeps their exit codes. */
export class CommandRunner {
  readonly #globals: () => GlobalOptions;

  constructor(globals: () => GlobalOptions) {
    this.#globals = globals;
  }

  /** Runs a command on a composed core. */
  async run<Module>(
    load: Load<Module>,
    command: (module: Module, core: Core, terminal: Terminal) => Promise<number>,
    { failed, settles = true, alerts = false }: RunOptions<Module> = {},
  ): Promise<void> {
    const terminal = this.#terminal();
    const module = await load();
    let core: Core | null = null;
    try {
      requireWellReadArguments(process.argv.slice(2));
      core = await this.compose();
      await noteSettings(core.loaded, terminal);
      if (settles) await settleOrphans(core, terminal);
      process.exitCode = await command(module, core, terminal);
      if (alerts) await (await import('./budgetAlerts.ts')).noteBudgetAlerts(core, terminal);
    } catch (thrown) {
      fail(thrown, terminal, failed && ((error) => failed(module, error)));
    } finally {
      await core?.dispose();
    }
  }

  /** Runs a command that needs no core, or composes it itself. */
  async runAlone<Module>(
    load: Load<Module>,
    command: (module: Module, terminal: Terminal) => number | Promise<number>,
  ): Promise<void> {
    const terminal = this.#terminal();
    const module = await load();
    try {
      requireWellReadArguments(process.argv.slice(2));
      process.exitCode = await command(module, terminal);
    } catch (thrown) {
      fail(thrown, terminal);
    }
  }

  /** The core under the global options. Throws `GatewayError`. */
  async compose(): Promise<Core> {
    const { backend, user } = this.#globals();
    const [{ compose }, overrides, { projectFolderAround }] = await Promise.all([
      import('../app/compose.ts'),
      this.#overrides(),
      import('../settings/settingsPlaces.ts'),
    ]);
    return compose({
      environment: process.env,
      ...overrides,
      backend,
      user,
      mfaCode: async (serial) => (await import('./mfaCode.ts')).promptForMfaCode(serial),
      folders: [projectFolderAround(process.cwd())],
    });
  }

  /** The settings under the global options. Throws `SettingsInvalid`. */
  async settings(): Promise<LoadedSettings> {
    const { loadSettings } = await import('../settings/loadSettings.ts');
    return loadSettings(process.env, await this.#overrides());
  }

  /** Settings from the global options. Workspace files of the working folder and its parents may only tighten. */
  async #overrides(): Promise<SettingsOverrides> {
    const { workspaceFilesAround } = await import('../settings/settingsPlaces.ts');
    const { settings: settingsFile, profile, region } = this.#globals();
    return { settingsFile, profile, region, workspaceFiles: workspaceFilesAround(process.cwd()) };
  }

  #terminal(): Terminal {
    const { json, quiet } = this.#globals();
    return { json: json ?? false, quiet: quiet ?? false };
  }
}

function fail(
  thrown: unknown,
  terminal: Terminal,
  document: (error: GatewayError) => object = (error) => ({ error: errorJson(error) }),
): void {
  if (thrown instanceof OutputFailed) return;
  const error = GatewayError.is(thrown) ? thrown : unexpected(thrown);
  if (terminal.json) printJson(document(error));
  else printError(error);
  process.exitCode = error.exitCode;
}

function unexpected(error: unknown): GatewayError {
  return new GatewayError('internal_error', `An unexpected error occurred: ${messageOf(error)}`, {
    cause: error,
  });
}

async function noteSettings({ warnings, unused, file }: LoadedSettings, terminal: Terminal): Promise<void> {
  if (warnings.length > 0) {
    const { faultText } = await import('../yamlDocument.ts');
    for (const warning of warnings) note(terminal, `Warning: ${faultText(warning)}`);
  }
  if (unused.length > 0)
    note(terminal, `Not used by this version: ${unused.join(', ')} in ${file ?? 'settings'}.`);
}

/** Settles what dead processes left open, so that reports are correct. An unwritable ledger is only noted. */
async function settleOrphans(core: Core, terminal: Terminal): Promise<void> {
  try {
    if (await core.ledger.head()) await core.ledger.recover();
  } catch (error) {
    note(terminal, messageOf(error));
  }
}
