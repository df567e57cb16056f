import type { Core } from '../gateways/core.ts';
import { GatewayError } from '../errors.ts';
import { findCall, listCalls, type CallEntry } from '../ledger/history.ts';
import { verifyLedger } from '../ledger/readJournal.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

/** `tidyllm audit list`: the calls of the ledger, newest first. */
export async function auditList(
  core: Core,
  options: { limit: string; cursor?: string },
  terminal: Terminal,
): Promise<number> {
  const limit = positiveInteger(options.limit, '--limit');
  const before = options.cursor === undefined ? undefined : positiveInteger(options.cursor, '--cursor');
  const { calls, next } = await listCalls(core.ledger.directory, { limit, before });
  if (terminal.json) {
    printJson({ records: calls.map(callJson), next_cursor: next === null ? null : String(next) });
    return 0;
  }
  const rows = calls.map((call) => [
    `#${call.sequence}`,
    call.time.slice(0, 19).replace('T', ' '),
    call.outcome,
    call.opening.model,
    call.opening.user_id,
    `${formatUsd(call.cost)}${call.costEstimated ? ' est.' : ''}`,
    call.opening.reason,
  ]);
  printLine(table(['#', 'time (UTC)', 'outcome', 'model', 'user', 'cost', 'reason'], rows, ['#', 'cost']));
  if (next !== null) printLine(`\nMore: tidyllm audit list --cursor ${next}`);
  return 0;
}

/** `tidyllm audit show`: one call with every record of it, by call id or sequence number. */
export async function auditShow(core: Core, id: string, terminal: Terminal): Promise<number> {
  const found = await findCall(core.ledger.directory, id);
  if (!found) {
    throw new GatewayError('invalid_request', `The ledger has no call "${id}".`, {
      hint: 'Give a call id or a sequence number from "tidyllm audit list".',
    });
  }
  const records = found.records.map(({ record, hash, segment, line }) => ({ segment, line, hash, record }));
  if (terminal.json) {
    printJson({ call: callJson(found.call), records });
    return 0;
  }
  for (const { segment, line, hash, record } of records) {
    printLine(`${segment}:${line}  ${hash}`);
    printLine(JSON.stringify(record, null, 2));
  }
  return 0;
}

/** `tidyllm audit verify`: checks every record of the ledger; exit code 7 when one is wrong. */
export async function auditVerify(core: Core, terminal: Terminal): Promise<number> {
  const result = await verifyLedger(core.ledger);
  if (terminal.json) {
    printJson({
      ok: result.ok,
      records: result.records,
      segments: result.segments,
      head: result.head,
      first_fault: result.firstFault,
    });
  } else if (result.firstFault) {
    const { segment, line, sequence, kind, detail } = result.firstFault;
    printLine(`Damaged at ${segment}:${line} (record ${sequence}): ${kind}: ${detail}`);
    printLine(`${result.records} records before it are intact.`);
  } else {
    printLine(`${result.records} records intact in ${core.ledger.directory}`);
    if (result.head) printLine(`head #${result.head.sequence} ${result.head.hash}`);
  }
  return result.ok ? 0 : 7;
}

function callJson(call: CallEntry): object {
  const { opening, tokens } = call;
  const input = tokens?.input_tokens ?? 0;
  const cacheRead = tokens?.cache_read_input_tokens ?? 0;
  const cacheWrite = (tokens?.cache_write_5m_input_tokens ?? 0) + (tokens?.cache_write_1h_input_tokens ?? 0);
  const output = tokens?.output_tokens ?? 0;
  return {
    call_id: call.callId,
    sequence: call.sequence,
    time: call.time,
    user_id: opening.user_id,
    model: opening.model_id ?? opening.model,
    backend: opening.backend,
    reason: opening.reason,
    outcome: call.outcome,
    token_usage: {
      input_tokens: input,
      output_tokens: output,
      cache_read_input_tokens: cacheRead,
      cache_write_input_tokens: cacheWrite,
      total_tokens: input + output + cacheRead + cacheWrite,
    },
    cost_usd: microToUsd(call.cost),
    cost_estimated: call.costEstimated,
    processing_time_ms: call.processingTimeMs,
    cache_hit: false,
    workspace: opening.workspace,
    branch: opening.branch,
    hash: call.hash,
  };
}

function positiveInteger(text: string, option: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new GatewayError('invalid_request', `${option} must be a whole number above 0, not "${text}".`);
}
