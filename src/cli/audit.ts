import { contentOf } from '../content/callContent.ts';
import { subjectHash } from '../content/contentKeys.ts';
import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { callJson, callOutcomes, type HistoryFilter } from '../history/calls.ts';
import { erasedAfter, tombstonesRead } from '../history/erasures.ts';
import { exportCalls, exportFormats, exportToFile, type ReadPage } from '../history/exportCalls.ts';
import { readProven } from '../history/recordProof.ts';
import { ledgerDamaged, type PlacedRecord } from '../ledger/readJournal.ts';
import type { CallOutcome } from '../ledger/records.ts';
import { formatUsd } from '../pricing/cost.ts';
import { traceIdOf } from '../tracking/trackedCall.ts';
import { tracedCallId } from '../tracking/traceOfRecords.ts';
import { visibleJson } from '../visibleText.ts';
import { workspaceKey } from '../workspaceKey.ts';
import { printContent } from './content.ts';
import { withHistory } from './history.ts';
import { dayOption, positiveInteger } from './options.ts';
import { writeSlowly } from './output.ts';
import { jsonText, note, printJson, printLine, table, type Terminal } from './terminal.ts';

/** The filters of `audit list` and `audit export`. */
export interface FilterOptions {
  from?: string;
  until?: string;
  user?: string;
  model?: string;
  outcome?: string[];
  text?: string;
  workspace?: string;
  branch?: string;
}

/** `tidyllm audit list`: the calls of the ledger, newest first. */
export async function auditList(
  core: Core,
  options: FilterOptions & { limit: string; cursor?: string },
  terminal: Terminal,
): Promise<number> {
  const limit = positiveInteger(options.limit, '--limit');
  const cursor = options.cursor === undefined ? null : positiveInteger(options.cursor, '--cursor');
  const filter = filterFrom(options);
  const { calls, next } = await withHistory(core, terminal, (index, catchUp) =>
    index.ask(() => index.page(filter, limit, cursor), catchUp),
  );
  if (terminal.json) {
    printJson({ records: calls.map(callJson), next_cursor: next === null ? null : String(next) });
    return 0;
  }
  const rows = calls.map((call) => [
    `#${call.sequence}`,
    call.time.slice(0, 19).replace('T', ' '),
    call.outcome,
    call.model,
    call.userId,
    `${formatUsd(call.cost)}${call.costEstimated ? ' est.' : ''}`,
    call.reason,
  ]);
  printLine(table(['#', 'time (UTC)', 'outcome', 'model', 'user', 'cost', 'reason'], rows, ['#', 'cost']));
  if (next !== null) printLine(`\nMore: the same command with --cursor ${next}`);
  return 0;
}

/** `tidyllm audit show`: one call with all its records, by call id or the sequence number of any record. */
export async function auditShow(
  core: Core,
  id: string,
  options: { content?: boolean },
  terminal: Terminal,
): Promise<number> {
  const { directory } = core.journal;
  const found = await withHistory(core, terminal, (index, catchUp) =>
    index.ask(() => {
      const call = index.find(id);
      const event = call === null && /^\d{1,15}$/.test(id) ? index.findEvent(Number(id)) : null;
      const places = call?.records ?? (event ? [event.place] : []);
      return { call, places, tombstones: index.events('tombstone', tombstonesRead) };
    }, catchUp),
  );
  const { call, places, tombstones } = found;
  if (places.length === 0) {
    throw new GatewayError('invalid_request', `The ledger has no call and no record "${id}".`, {
      hint: 'Give a call id or a sequence number from "tidyllm audit list".',
    });
  }
  const records: PlacedRecord[] = [];
  for (const place of places) {
    const proven = await readProven(directory, place);
    if (!proven.fits) throw changed(directory, proven);
    records.push(proven);
  }
  const all = records.map(({ record }) => record);
  const content = options.content
    ? await contentOf(core.content, all, (subject, after) =>
        erasedAfter(directory, tombstones, subjectHash(subject), after),
      )
    : null;
  const traceId = call && core.tracking.tracker.isOn ? traceIdOf(tracedCallId(all, call.callId)) : null;
  if (terminal.json) {
    printJson({
      call: call && callJson(call),
      trace_id: traceId,
      records: records.map(({ record, hash, segment, line }) => ({ segment, line, hash, record })),
      ...(content && { content }),
    });
    return 0;
  }
  for (const { segment, line, hash, record } of records) {
    printLine(`${segment}:${line}  ${hash}`);
    printLine(jsonText(record));
  }
  if (traceId !== null) printLine(`trace ${traceId}, in MLflow tr-${traceId}`);
  if (content) printContent(content);
  return 0;
}

function changed(directory: string, { segment, line, record }: PlacedRecord): GatewayError {
  const detail = 'the hash does not fit the record and the one before it';
  return ledgerDamaged(directory, { segment, line, sequence: record.seq, kind: 'hash_mismatch', detail });
}

/** `tidyllm audit export`: the matching calls, to a file written atomically or to standard output. */
export async function auditExport(
  core: Core,
  options: FilterOptions & { format: string; out?: string },
  terminal: Terminal,
): Promise<number> {
  const format = exportFormats.find((one) => one === options.format);
  if (!format) {
    throw new GatewayError('invalid_request', `--format must be jsonl or csv, not "${options.format}".`);
  }
  const { out } = options;
  if (out === undefined && terminal.json) {
    throw new GatewayError('invalid_request', 'With --json the export must go to a file.', {
      hint: 'Add --out FILE.',
    });
  }
  const filter = filterFrom(options);
  const calls = await withHistory(core, terminal, async (index, catchUp) => {
    const page: ReadPage = (...asked) => index.ask(() => index.page(...asked), catchUp);
    const chunks = exportCalls(page, filter, format);
    if (out !== undefined) return exportToFile(out, chunks);
    let written = 0;
    for await (const { text, calls: more } of chunks) {
      await writeSlowly(format === 'jsonl' ? visibleJson(text) : text);
      written += more;
    }
    return written;
  });
  if (terminal.json) printJson({ file: out, format, calls });
  else note(terminal, `${calls} ${calls === 1 ? 'call' : 'calls'} exported${out ? ` to ${out}` : ''}.`);
  return 0;
}

/** Throws `invalid_request` for invalid values. */
function filterFrom(options: FilterOptions): HistoryFilter {
  const from = options.from === undefined ? {} : bound(options.from, '--from');
  const until = options.until === undefined ? {} : bound(options.until, '--until');
  return {
    from: from.instant,
    fromDay: from.day,
    until: until.instant,
    untilDay: until.day,
    userId: options.user,
    model: options.model,
    workspace: options.workspace === undefined ? undefined : workspaceKey(options.workspace),
    branch: options.branch,
    outcomes: options.outcome?.flatMap((text) => text.split(',')).map(outcomeFrom),
    text: options.text,
  };
}

/** A policy day, or an instant in milliseconds since the epoch. */
function bound(text: string, option: string): { day?: string; instant?: number } {
  if (!text.includes('T')) return { day: dayOption(text, option) };
  const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (!Number.isNaN(instant)) return { instant };
  throw new GatewayError(
    'invalid_request',
    `${option} must be a day such as 2026-01-31 or a time such as 2026-01-31T09:30Z, not "${text}".`,
  );
}

function outcomeFrom(text: string): CallOutcome {
  const found = callOutcomes.find((outcome) => outcome === text);
  if (found) return found;
  throw new GatewayError('invalid_request', `--outcome must be ${callOutcomes.join(', ')}, not "${text}".`);
}
