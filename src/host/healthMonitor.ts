import * as vscode from 'vscode';
import { GatewayError } from '../errors.ts';
import type { Core } from '../core/core.ts';
import { gatewayIds, type GatewayId, type Health } from '../gateways/gateway.ts';
import {
  serviceIds,
  type CredentialStatus,
  type ServiceHealth,
  type ServiceId,
} from '../gateways/services.ts';
import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import type { Receipt } from '../ledger/contract.ts';
import type { CoreHolder } from './coreHolder.ts';
import { inBackground } from './failures.ts';
import type { SettingsFile } from './settingsFile.ts';

/** What refuses a connection must show within five seconds. */
const lookEveryMs = 3_000;
const checkTimeoutMs = 4_000;

/** What the last look found; null or absent where nobody has looked yet. */
export interface Findings {
  credentials: CredentialStatus | null;
  services: Readonly<Partial<Record<ServiceId, ServiceHealth>>>;
  /** Of the mock, where it stands in for Bedrock. */
  simulated: ServiceHealth | null;
  gateways: Readonly<Partial<Record<GatewayId, ServiceHealth>>>;
  ledger: { head: Receipt | null; budget: BudgetStatus; error: null } | { error: GatewayError } | null;
  /** Agreements that can run, and errors in the files that define them. */
  flow: { agreements: number; errors: number } | null;
  /** Where settings.yaml is, or would be. */
  settingsFile: string | null;
}

export const nothingFound: Findings = {
  credentials: null,
  services: {},
  simulated: null,
  gateways: {},
  ledger: null,
  flow: null,
  settingsFile: null,
};

/** Checks services, gateways and ledger for every view at once: now, on a change, and on a schedule while one is seen. */
export class HealthMonitor implements vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #settingsFile: Pick<SettingsFile, 'path'>;
  readonly #log: vscode.LogOutputChannel;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #following: vscode.Disposable;
  /** The last of each check, for since when it is so. */
  readonly #last = new Map<string, ServiceHealth>();
  #core: Core | null = null;
  #stopLedger = (): void => undefined;
  #findings = nothingFound;
  #round: { core: Core | null; done: Promise<void> } | null = null;
  #watchers = 0;
  #timer: NodeJS.Timeout | undefined;

  /** After each single finding. */
  readonly onDidChange = this.#changed.event;

  constructor(holder: CoreHolder, settingsFile: Pick<SettingsFile, 'path'>, log: vscode.LogOutputChannel) {
    this.#holder = holder;
    this.#settingsFile = settingsFile;
    this.#log = log;
    this.#following = holder.onDidChange(() => this.#follow());
    this.#follow();
  }

  get findings(): Findings {
    return this.#findings;
  }

  /** Looks now, and again and again until the result is disposed. */
  watch(): vscode.Disposable {
    this.#watchers += 1;
    void this.refresh();
    let watching = true;
    return {
      dispose: () => {
        if (!watching) return;
        watching = false;
        this.#watchers -= 1;
        if (this.#watchers === 0) clearTimeout(this.#timer);
      },
    };
  }

  /** Resolves once everything was checked, or its time is over. A look that is under way is joined. */
  refresh(): Promise<void> {
    const core = this.#core;
    if (this.#round?.core !== core) this.#round = { core, done: this.#look(core) };
    return this.#round.done;
  }

  dispose(): void {
    this.#following.dispose();
    this.#stopLedger();
    this.#watchers = 0;
    clearTimeout(this.#timer);
    this.#changed.dispose();
  }

  /** A core that replaces another is looked at although nobody watches: the badge tells of it. */
  #follow(): void {
    const { state } = this.#holder;
    const core = state.kind === 'ready' ? state.core : null;
    if (core === null || core !== this.#core) {
      this.#core = core;
      this.#stopLedger();
      this.#stopLedger =
        core?.ledger.onDidChange(() => {
          if (this.#watchers > 0) inBackground(this.#log, this.#readLedger(core));
        }) ?? (() => undefined);
      this.#findings = { ...nothingFound, settingsFile: this.#findings.settingsFile };
      this.#last.clear();
    }
    this.#changed.fire();
    if (state.kind !== 'starting') void this.refresh();
  }

  async #look(core: Core | null): Promise<void> {
    clearTimeout(this.#timer);
    const looks = [
      this.#settingsFile.path().then((settingsFile) => this.#found({ settingsFile })),
      ...(core ? this.#checks(core) : []),
    ];
    for (const look of looks) inBackground(this.#log, look);
    await Promise.allSettled(looks);
    // Of a core that was replaced meanwhile another look is under way.
    if (this.#round?.core !== core) return;
    this.#round = null;
    if (this.#watchers > 0) this.#timer = setTimeout(() => void this.refresh(), lookEveryMs);
  }

  #checks(core: Core): Promise<void>[] {
    const { sessions, backend, registry } = core;
    const signal = AbortSignal.timeout(checkTimeoutMs);
    const gateways = registry.healthCheck(signal);
    return [
      sessions.credentialStatus().then((credentials) => this.#found({ credentials }, core)),
      ...serviceIds.map(async (id) => {
        const found = this.#timed(id, await inTime(sessions.checkHealth(id, signal), signal));
        this.#found({ services: { ...this.#findings.services, [id]: found } }, core);
      }),
      ...gatewayIds.map(async (id) => {
        const found = this.#timed(
          id,
          await inTime(
            gateways.then((all) => all[id]),
            signal,
          ),
        );
        this.#found({ gateways: { ...this.#findings.gateways, [id]: found } }, core);
      }),
      ...(backend.simulated
        ? [
            inTime(backend.checkHealth(signal), signal).then((found) =>
              this.#found({ simulated: this.#timed('simulated', found) }, core),
            ),
          ]
        : []),
      this.#readLedger(core),
      core.flow.catalogue().then(({ agreements, faults }) => {
        const errors = faults.filter(({ severity }) => severity === 'error').length;
        this.#found({ flow: { agreements: agreements.length, errors } }, core);
      }),
    ];
  }

  async #readLedger(core: Core): Promise<void> {
    try {
      const [head, budget] = await Promise.all([core.ledger.head(), core.budget()]);
      this.#found({ ledger: { head, budget, error: null } }, core);
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      this.#found({ ledger: { error } }, core);
    }
  }

  #timed(id: string, health: Health | ServiceHealth): ServiceHealth {
    const before = this.#last.get(id);
    const own = 'since' in health ? health.since : health.checkedAt;
    const found = { ...health, since: before?.state === health.state ? before.since : own };
    this.#last.set(id, found);
    return found;
  }

  /** Takes a finding, unless the core it tells of has been replaced. */
  #found(finding: Partial<Findings>, core?: Core): void {
    if (core && core !== this.#core) return;
    this.#findings = { ...this.#findings, ...finding };
    this.#changed.fire();
  }
}

/** A check that ignores its signal must not keep the others' next look waiting. */
function inTime<T extends Health>(check: Promise<T>, signal: AbortSignal): Promise<T | Health> {
  const late = Promise.withResolvers<Health>();
  signal.addEventListener('abort', () => late.resolve(timedOut()), { once: true });
  return Promise.race([check, late.promise]);
}

function timedOut(): Health {
  const evidence = vscode.l10n.t('No answer within {0} s.', checkTimeoutMs / 1000);
  return { state: 'failed', latencyMs: null, evidence, error: null, checkedAt: new Date().toISOString() };
}
