import type { Core } from '../gateways/core.ts';
import { GatewayError } from '../errors.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

/** `tidyllm budget`: what a day has spent, holds and has left. */
export async function budget(core: Core, day: string | undefined, terminal: Terminal): Promise<number> {
  if (day !== undefined && !isDay(day)) {
    throw new GatewayError('invalid_request', `"${day}" is not a day such as 2026-01-31.`);
  }
  const status = await core.budget(day);
  const { limit, spent, reserved, remaining } = status;
  if (terminal.json) {
    const money = {
      limit_usd: microToUsd(limit),
      spent_usd: microToUsd(spent),
      reserved_usd: microToUsd(reserved),
    };
    printJson({
      day: status.day,
      timezone: status.timeZone,
      ...money,
      remaining_usd: microToUsd(remaining),
      status: status.level,
      scopes: [{ scope: 'ledger', key: core.ledger.mode, ...money }],
    });
    return 0;
  }
  const label = core.backend.simulated ? ' (SIMULATED)' : '';
  printLine(
    `${status.day} ${status.timeZone}${label}: ${formatUsd(spent)} of ${formatUsd(limit)} spent, ${status.level}`,
  );
  printLine(`${formatUsd(reserved)} reserved by calls under way, $${microToUsd(remaining)} left`);
  if (status.byModel.size > 0) {
    const rows = [...status.byModel].map(([model, use]) => [
      model,
      String(use.calls),
      String(use.tokens),
      formatUsd(use.spent),
    ]);
    printLine();
    printLine(table(['model', 'calls', 'tokens', 'spent'], rows, ['calls', 'tokens', 'spent']));
  }
  return 0;
}

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text) && text.length === 10;
}
