import * as vscode from 'vscode';
import { GatewayError, messageOf } from '../errors.ts';
import type { ComposeOptions, Core } from '../core/core.ts';
import { gatewayUnavailable } from '../gateways/registry.ts';
import { Repeated } from '../repeated.ts';
import { changeStamp } from '../changeStamp.ts';
import { composeOptions, settingsFilesInUse } from './configuration.ts';
import { errorText } from './errorText.ts';

export type CoreState =
  | { kind: 'starting' }
  /** Invalid settings are not applied: the previous core stays, and the error says what to fix. */
  | { kind: 'ready'; core: Core; settingsError: GatewayError | null }
  /** The error stays until the next attempt, so that every view can show it with its fix. */
  | { kind: 'failed'; error: GatewayError };

/** Changes with any settings file. Where there can be none, composing says why. */
function settingsStamp(): string {
  try {
    return settingsFilesInUse()
      .map(({ path }) => changeStamp(path))
      .join();
  } catch (error) {
    return messageOf(error);
  }
}

/** Holds the one core of this window: composes it, replaces it when the configuration changes, closes it. */
export class CoreHolder {
  // Another extension in the same process could replace the deciding methods with its own.
  static {
    Object.freeze(this.prototype);
  }

  readonly #compose: (options: ComposeOptions) => Promise<Core>;
  readonly #log: vscode.LogOutputChannel;
  readonly #changed = new vscode.EventEmitter<CoreState>();
  readonly #ledgerChanged = new vscode.EventEmitter<Core>();
  readonly #uses = new Map<Core, Set<Promise<unknown>>>();
  readonly #closing = new Set<Promise<void>>();
  readonly #attempts = new Repeated(async () => this.#setState(await this.#composeOnce()));
  #state: CoreState = { kind: 'starting' };
  /** Of the settings files when they were read last. */
  #read = '';
  #stopLedger = (): void => undefined;

  readonly onDidChange = this.#changed.event;
  /** Fires when any process adds records to the ledger of the current core. */
  readonly onDidChangeLedger = this.#ledgerChanged.event;

  constructor(compose: (options: ComposeOptions) => Promise<Core>, log: vscode.LogOutputChannel) {
    this.#compose = compose;
    this.#log = log;
  }

  get state(): CoreState {
    return this.#state;
  }

  /** Composes from the current configuration; resolves when that has succeeded or failed. */
  reconnect(): Promise<void> {
    return this.#attempts.request();
  }

  /** The core, once it has started. Throws `gateway_unavailable`: there is no other route to a model. */
  async whenReady(): Promise<Core> {
    const { running } = this.#attempts;
    await (this.#state.kind === 'starting' ? (running ?? this.reconnect()) : running);
    // The editor tells of a changed file late, and not at all of one that changed before it began to watch.
    if (this.#read !== settingsStamp()) await this.reconnect();
    if (this.#state.kind === 'ready') return this.#state.core;
    throw gatewayUnavailable('corporate_llm', this.#state.kind === 'failed' ? this.#state.error : undefined);
  }

  /** Runs work with a core that stays open until the work ends, even if it is replaced meanwhile. */
  async use<T>(work: (core: Core) => Promise<T>): Promise<T> {
    const core = await this.whenReady();
    const use = Promise.resolve(core).then(work);
    const uses = this.#usesOf(core).add(use);
    try {
      return await use;
    } finally {
      uses.delete(use);
    }
  }

  /** Accepts no more work; resolves once the running work has ended and the ledger is closed. */
  async close(): Promise<void> {
    await this.#attempts.stop();
    this.#setState({
      kind: 'failed',
      error: new GatewayError('gateway_unavailable', 'The window is closing.'),
    });
    this.#changed.dispose();
    this.#ledgerChanged.dispose();
    await Promise.all(this.#closing);
  }

  async #composeOnce(): Promise<CoreState> {
    try {
      this.#read = settingsStamp();
      const core = await this.#compose(composeOptions());
      this.#log.info(
        `Gateway composed: ${core.backend.id} (${core.backend.location}), ledger ${core.journal.directory}`,
      );
      this.#settleOpenCalls(core);
      return { kind: 'ready', core, settingsError: null };
    } catch (error) {
      if (this.#state.kind === 'ready' && GatewayError.is(error, 'settings_invalid')) {
        this.#log.error(`The settings were not applied.\n${errorText(error)}`);
        return { ...this.#state, settingsError: error };
      }
      this.#log.error(`The gateway did not start.\n${errorText(error)}`);
      if (GatewayError.is(error)) return { kind: 'failed', error };
      const explained = new GatewayError(
        'gateway_unavailable',
        `The gateway did not start: ${messageOf(error)}`,
        {
          hint: 'See the output for details.',
          cause: error,
        },
      );
      return { kind: 'failed', error: explained };
    }
  }

  /** Settles the calls that a dead window left open; the health view shows it if the ledger refuses. */
  #settleOpenCalls(core: Core): void {
    core.ledger.recover().catch((error: unknown) => {
      this.#log.error(`The ledger could not be prepared.\n${errorText(error)}`);
    });
  }

  #setState(state: CoreState): void {
    const [before, core] = [coreOf(this.#state), coreOf(state)];
    this.#state = state;
    if (core !== before) {
      this.#stopLedger();
      this.#stopLedger =
        core?.ledger.onDidChange(() => this.#ledgerChanged.fire(core)) ?? ((): void => undefined);
    }
    this.#changed.fire(state);
    if (before === null || before === core) return;
    const closing = this.#closeWhenUnused(before).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async #closeWhenUnused(core: Core): Promise<void> {
    const uses = this.#usesOf(core);
    while (uses.size > 0) await Promise.allSettled(uses);
    this.#uses.delete(core);
    try {
      await core.dispose();
    } catch (error) {
      this.#log.error(`The gateway did not close cleanly.\n${errorText(error)}`);
    }
  }

  #usesOf(core: Core): Set<Promise<unknown>> {
    const uses = this.#uses.get(core) ?? new Set();
    this.#uses.set(core, uses);
    return uses;
  }
}

function coreOf(state: CoreState): Core | null {
  return state.kind === 'ready' ? state.core : null;
}
