import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { callOutcomes, type HistoryCall, type HistoryFilter } from '../../../src/history/calls.ts';
import type { UsageRow } from '../../../src/history/usage.ts';
import type { UsageDimension } from '../../../src/history/usageTotals.ts';
import { segmentNames } from '../../../src/ledger/journal.ts';
import type { CallDescription, LedgerRecord } from '../../../src/ledger/records.ts';

export interface NaiveHistory {
  /** Newest first. */
  calls: HistoryCall[];
  search(filter: HistoryFilter): { matching: HistoryCall[]; outcomes: Record<string, number> };
  usage(by: UsageDimension): UsageRow[];
}

interface Placed {
  record: LedgerRecord;
  hash: string;
  place: HistoryCall['records'][number];
}

/** A ledger's history as plainly as it can be told: everything in memory, one pass a question. */
export function naiveHistory(directory: string): NaiveHistory {
  const placed = readAll(directory);
  const byCall = Map.groupBy(
    placed.filter(({ record }) => record.call_id !== null),
    ({ record }) => record.call_id!,
  );
  const told = [...byCall.values()].map(tell);
  const calls = told.map(({ call }) => call).sort((a, b) => b.sequence - a.sequence);
  return {
    calls,
    search: (filter) => {
      const ofAnyOutcome = calls.filter((call) => matches(call, filter));
      const outcomes = Object.fromEntries(
        callOutcomes.map((outcome) => [
          outcome,
          ofAnyOutcome.filter((call) => call.outcome === outcome).length,
        ]),
      );
      const matching = ofAnyOutcome.filter((call) => filter.outcomes?.includes(call.outcome) ?? true);
      return { matching, outcomes };
    },
    usage: (by) => usageBy(by, told, placed),
  };
}

function readAll(directory: string): Placed[] {
  return segmentNames(directory).flatMap((segment) => {
    let offset = 0;
    return readFileSync(join(directory, segment), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((text, index) => {
        const length = Buffer.byteLength(text);
        const record = JSON.parse(text.slice(65)) as LedgerRecord;
        const place = { sequence: record.seq, segment, line: index + 1, offset, length };
        offset += length + 1;
        return { record, hash: text.slice(0, 64), place };
      });
  });
}

function tell(records: readonly Placed[]): { call: HistoryCall; timeZone: string; refused: boolean } {
  const first = records[0]!.record as LedgerRecord & CallDescription & { day: string; timezone: string };
  const last = records.findLast(({ record }) => !['DISPATCH', 'OVERRUN'].includes(record.kind))!;
  const { record: ending } = last;
  const call: HistoryCall = {
    callId: first.call_id!,
    outcome: 'pending',
    sequence: ending.seq,
    hash: last.hash,
    time: first.time,
    day: first.day,
    userId: first.user_id,
    reason: first.reason,
    model: first.model,
    modelId: first.model_id,
    backend: first.backend,
    workspace: first.workspace,
    branch: first.branch,
    command: first.command,
    account: first.account ?? null,
    callerArn: first.caller_arn ?? null,
    cost: 0n,
    saved: null,
    attempt: 1,
    costEstimated: false,
    tokens: null,
    processingTimeMs: null,
    timeToFirstTokenMs: null,
    errorCode: null,
    records: records.map(({ place }) => place),
  };
  if (ending.kind === 'RESERVE')
    Object.assign(call, { cost: BigInt(ending.reserved_micro_usd), costEstimated: true });
  if (ending.kind === 'REFUSE')
    Object.assign(call, { outcome: ending.outcome, errorCode: ending.error_code });
  if (ending.kind === 'VOID') {
    Object.assign(call, {
      outcome: ending.outcome,
      errorCode: ending.error_code,
      processingTimeMs: ending.processing_time_ms,
    });
  }
  if (ending.kind === 'EXPIRED_CHARGED') {
    Object.assign(call, {
      outcome: ending.outcome,
      cost: BigInt(ending.cost_micro_usd),
      costEstimated: true,
    });
  }
  if (ending.kind === 'SETTLE') {
    Object.assign(call, {
      outcome: ending.outcome,
      cost: BigInt(ending.cost_micro_usd),
      costEstimated: ending.estimated,
      tokens: ending.tokens,
      processingTimeMs: ending.processing_time_ms,
      timeToFirstTokenMs: ending.time_to_first_token_ms,
      errorCode: ending.error_code,
    });
  }
  return { call, timeZone: first.timezone, refused: ending.kind === 'REFUSE' };
}

function matches(call: HistoryCall, filter: HistoryFilter): boolean {
  const time = Date.parse(call.time);
  const is = (wanted: string | undefined, ...values: (string | null)[]): boolean =>
    wanted === undefined || values.includes(wanted);
  return (
    time >= (filter.from ?? 0) &&
    time < (filter.until ?? Infinity) &&
    call.day >= (filter.fromDay ?? '') &&
    call.day <= (filter.untilDay ?? '9') &&
    is(filter.userId, call.userId) &&
    is(filter.model, call.model, call.modelId) &&
    is(filter.workspace, call.workspace) &&
    is(filter.branch, call.branch) &&
    call.reason.toUpperCase().includes((filter.text ?? '').toUpperCase())
  );
}

function usageBy(
  by: UsageDimension,
  told: readonly ReturnType<typeof tell>[],
  placed: readonly Placed[],
): UsageRow[] {
  const rows = new Map<string | null, UsageRow>();
  const row = (key: string | null): UsageRow => {
    const known = rows.get(key) ?? {
      ...{
        key,
        calls: 0,
        refusals: 0,
        inputTokens: 0,
        outputTokens: 0,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
      },
      ...{ spent: 0n, estimated: 0n, adjusted: 0n },
    };
    rows.set(key, known);
    return known;
  };
  for (const { call, timeZone, refused } of told) {
    if (call.outcome === 'pending') continue;
    const keys: Record<UsageDimension, string | null> = {
      day: call.day,
      model: call.modelId ?? call.model,
      user: call.userId,
      workspace: call.workspace,
      branch: call.branch,
      hour: new Date(call.time).toLocaleTimeString('en-GB', { timeZone, hour12: false }).slice(0, 2),
    };
    const totals = row(keys[by]);
    if (refused) totals.refusals += 1;
    else totals.calls += 1;
    totals.inputTokens += call.tokens?.input_tokens ?? 0;
    totals.outputTokens += call.tokens?.output_tokens ?? 0;
    totals.cacheReadTokens += call.tokens?.cache_read_input_tokens ?? 0;
    totals.cacheWriteTokens +=
      (call.tokens?.cache_write_5m_input_tokens ?? 0) + (call.tokens?.cache_write_1h_input_tokens ?? 0);
    totals.spent += call.cost;
    if (call.costEstimated) totals.estimated += call.cost;
  }
  for (const { record } of placed) {
    if (record.kind !== 'ADJUST') continue;
    const totals = row(by === 'day' ? record.day : by === 'model' ? record.model_id : null);
    totals.spent += BigInt(record.difference_micro_usd);
    totals.adjusted += BigInt(record.difference_micro_usd);
  }
  const inOrder = by === 'day' || by === 'hour';
  return [...rows.values()].sort((a, b) =>
    inOrder || a.spent === b.spent
      ? (a.key ?? '').localeCompare(b.key ?? '', 'en')
      : a.spent > b.spent
        ? -1
        : 1,
  );
}
