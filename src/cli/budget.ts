import { GatewayError } from '../errors.ts';
import type { Core } from '../core/core.ts';
import type { Cap } from '../ledger/budgetFold.ts';
import { clockText } from '../ledger/reopenLedger.ts';
import { amountToMicro, formatUsd, microToUsd } from '../pricing/cost.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

/** `tidyllm budget`: spent, reserved and left on a day. */
export async function budget(core: Core, day: string | undefined, terminal: Terminal): Promise<number> {
  if (day !== undefined && !isDay(day)) {
    throw new GatewayError('invalid_request', `"${day}" is not a day such as 2026-01-31.`);
  }
  const status = await core.budget(day);
  const { limit, spent, reserved, remaining } = status;
  if (terminal.json) {
    printJson({
      day: status.day,
      timezone: status.timeZone,
      limit_usd: microToUsd(limit),
      spent_usd: microToUsd(spent),
      reserved_usd: microToUsd(reserved),
      remaining_usd: microToUsd(remaining),
      status: status.level,
      scopes: status.caps.map((cap) => ({
        scope: cap.scope,
        key: cap.scope === 'ledger' ? core.ledger.mode : cap.key,
        limit_usd: microToUsd(cap.limit),
        spent_usd: microToUsd(cap.spent),
        reserved_usd: microToUsd(cap.reserved),
      })),
    });
    return 0;
  }
  const label = core.backend.simulated ? ' (SIMULATED)' : '';
  printLine(
    `${status.day} ${status.timeZone}${label}: ${formatUsd(spent)} of ${formatUsd(limit)} spent, ${status.level}`,
  );
  printLine(`${formatUsd(reserved)} reserved by running calls, $${microToUsd(remaining)} left`);
  if (status.overruns > 0) {
    printLine(`Blocked: ${status.overruns} call(s) cost more than reserved.`);
    printLine('Check them, then: tidyllm budget acknowledge --reason …');
  }
  if (status.clockAheadMs > 0) {
    printLine(`Held: ${clockText(status.clockAheadMs)}.`);
    printLine('If the clock is right: tidyllm audit reopen --reason …');
  }
  const limits = new Map(status.caps.map(({ scope, key, limit: most }) => [`${scope} ${key}`, most]));
  const rows = status.scopes.map((scope) => [
    ...[scope.scope, scope.name, String(scope.calls), String(scope.tokens), formatUsd(scope.spent)],
    ...[formatUsd(scope.reserved), formatCap(limits.get(`${scope.scope} ${scope.key}`))],
  ]);
  if (rows.length > 0) {
    const figures = ['calls', 'tokens', 'spent', 'reserved', 'cap'];
    printLine();
    printLine(table(['by', 'name', ...figures], rows, figures));
  }
  return 0;
}

/** The cap that `budget raise` sets. */
export interface RaiseOptions {
  limit: string;
  reason?: string;
  user?: string;
  model?: string;
  workspace?: string;
}

/** The name of a known model, even if it can't be called now. */
function knownModel({ catalogue }: Core, name: string): string {
  return catalogue.idOf(name) === null ? catalogue.resolve(name).name : name;
}

/** `tidyllm budget raise`: a higher cap for today, with its reason. */
export async function budgetRaise(core: Core, options: RaiseOptions, terminal: Terminal): Promise<number> {
  const scopes = [
    ...(options.user === undefined ? [] : [{ scope: 'user' as const, key: options.user }]),
    ...(options.model === undefined
      ? []
      : [{ scope: 'model' as const, key: knownModel(core, options.model) }]),
    ...(options.workspace === undefined ? [] : [{ scope: 'workspace' as const, key: options.workspace }]),
  ];
  if (scopes.some(({ key }) => key.trim() === ''))
    throw new GatewayError('invalid_request', '--for-user and --workspace need a name.');
  if (scopes.length > 1)
    throw new GatewayError('invalid_request', 'Raise one cap at a time: --for-user, --model or --workspace.');
  const cap: Cap = { ...(scopes[0] ?? { scope: 'ledger', key: '' }), limit: usdOf(options.limit) };
  const { receipt, request } = await core.raiseCap(cap, options.reason ?? '');
  if (request) return (await import('./exceptions.ts')).printRequest(request, terminal);
  return printReceipt(terminal, receipt, `The cap for today is ${formatUsd(cap.limit)}.`);
}

/** `tidyllm budget acknowledge`: allows calls again after an overrun. */
export async function budgetAcknowledge(
  core: Core,
  { reason }: { reason?: string },
  terminal: Terminal,
): Promise<number> {
  return printReceipt(
    terminal,
    await core.acknowledgeOverruns(reason ?? ''),
    'Calls are allowed again today.',
  );
}

function printReceipt(
  terminal: Terminal,
  { sequence, hash }: { sequence: number; hash: string },
  text: string,
): number {
  if (terminal.json) printJson({ sequence, hash });
  else printLine(`${text} Recorded as #${sequence}.`);
  return 0;
}

function formatCap(limit: bigint | undefined): string {
  return limit === undefined ? '' : formatUsd(limit);
}

function usdOf(text: string): bigint {
  try {
    return amountToMicro(text);
  } catch {
    throw new GatewayError(
      'invalid_request',
      `--limit must be an amount such as 12.50, with at most 6 decimals, not "${text}".`,
    );
  }
}

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text) && text.length === 10;
}
