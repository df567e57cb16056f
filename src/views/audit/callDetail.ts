import { recordedAnswer, recordedRequest } from '../../compliance/recorded.ts';
import { countsInWords } from '../../compliance/words.ts';
import * as vscode from 'vscode';
import { appliedFiles } from '../../chat/apply/appliedNote.ts';
import { toolUsed } from '../../chat/tools/toolNote.ts';
import { requestIn, type ShownContent } from '../../content/callContent.ts';
import { readableRequest, readableTurn } from '../../content/readableContent.ts';
import { shortfallOf } from '../../gateways/shortfall.ts';
import type { HistoryCall } from '../../history/calls.ts';
import type { ProvenRecord } from '../../history/recordProof.ts';
import type { RecordOf, TokenCounts, UnitPrices } from '../../ledger/records.ts';
import type { SignedCheckpoint } from '../../ledger/signing.ts';
import { formatUsd, microToUsd, parseDecimal } from '../../pricing/cost.ts';
import { tracedCallId } from '../../tracking/traceOfRecords.ts';
import type { Detail, RecordDetail, Row } from './protocol.ts';

/** A call as the table shows it. */
export function rowOf(call: HistoryCall): Row {
  const { callId, sequence, outcome, reason, costEstimated } = call;
  return {
    callId,
    sequence,
    time: Date.parse(call.time),
    outcome,
    reason,
    model: call.model,
    user: call.userId,
    tokens: call.tokens && (Object.values(call.tokens) as number[]).reduce((sum, count) => sum + count, 0),
    cost: formatUsd(call.cost),
    costEstimated,
    ms: call.processingTimeMs,
  };
}

/** Everything known about a call: its reason, user, origin, cost and proof. */
export function detailOf(
  call: HistoryCall,
  records: readonly ProvenRecord[],
  checkpoint: SignedCheckpoint | null,
  content: Detail['content'],
  isTracked: boolean,
): Detail {
  const settled = find(records, 'SETTLE');
  return {
    row: rowOf(call),
    facts: factsOf(call, records),
    tokens: settled ? tokenRows(settled.tokens, settled.unit_prices) : [],
    records: records.map(recordDetail),
    checkpoint: checkpoint && {
      size: checkpoint.size,
      root: checkpoint.root,
      keyIds: checkpoint.signatures.map(({ keyId }) => keyId),
    },
    content,
    traced: isTracked
      ? tracedCallId(
          records.map(({ record }) => record),
          call.callId,
        )
      : null,
    charged: call.outcome === 'pending' ? null : `$${microToUsd(call.cost)}`,
    json: JSON.stringify(
      records.map(({ segment, line, hash, previous, record }) => ({ segment, line, hash, previous, record })),
      null,
      2,
    ),
  };
}

/** The kept prompt and answer of a call, as the view shows them. */
export function contentDetail(content: ShownContent): Detail['content'] {
  if (content.state !== 'kept') return content;
  const { answer, policy, matches_records: matchesRecords } = content;
  const roles: Readonly<Record<string, string>> = {
    system: vscode.l10n.t('System'),
    request: vscode.l10n.t('Request'),
    user: vscode.l10n.t('You'),
    assistant: vscode.l10n.t('Model'),
  };
  return {
    state: 'kept',
    redacted: policy === 'redacted',
    matchesRecords,
    messages: [
      ...readableRequest(requestIn(content)).map(({ role, text }) => ({
        role: roles[role] ?? role,
        content: text,
      })),
      ...(answer === null ? [] : [{ role: vscode.l10n.t('Answer'), content: readableTurn(answer) }]),
    ],
  };
}

function factsOf(call: HistoryCall, records: readonly ProvenRecord[]): Detail['facts'] {
  const reserve = find(records, 'RESERVE');
  const { file = null } = reserve ?? find(records, 'REFUSE') ?? {};
  const settled = find(records, 'SETTLE');
  const time = new Intl.DateTimeFormat(vscode.env.language, { dateStyle: 'medium', timeStyle: 'medium' });
  const milliseconds = (ms: number | null): string | null =>
    ms === null ? null : vscode.l10n.t('{0} ms', ms.toLocaleString(vscode.env.language));
  const exact = `$${microToUsd(call.cost)}`;
  const because = settled?.estimated_because;
  const estimated = because
    ? vscode.l10n.t('{0} (estimated: {1})', exact, because)
    : vscode.l10n.t('{0} (estimated)', exact);
  const charged = call.costEstimated ? estimated : exact;
  const shortfall = settled && shortfallOf(settled.stop_reason, ' ');
  const facts: [name: string, value: string | null][] = [
    [vscode.l10n.t('Reason'), call.reason || vscode.l10n.t('(no reason)')],
    [vscode.l10n.t('User'), call.userId],
    [vscode.l10n.t('OS account'), call.account],
    [vscode.l10n.t('AWS caller'), call.callerArn],
    [vscode.l10n.t('Started'), time.format(new Date(call.time))],
    [vscode.l10n.t('Policy day'), call.day],
    [vscode.l10n.t('Model'), call.model],
    [vscode.l10n.t('Model id'), call.modelId],
    [vscode.l10n.t('Back-end'), call.backend],
    [vscode.l10n.t('Region'), reserve?.region ?? null],
    [vscode.l10n.t('Workspace'), call.workspace],
    [vscode.l10n.t('Branch'), call.branch],
    [vscode.l10n.t('File'), file],
    [vscode.l10n.t('Front door'), call.command],
    [vscode.l10n.t('Comparison'), comparisonOf(records)],
    [vscode.l10n.t('Tools'), toolsOf(records)],
    [vscode.l10n.t('Applied to'), filesOf(records)],
    ...complianceOf(records),
    [vscode.l10n.t('Reserved'), reserve ? formatUsd(BigInt(reserve.reserved_micro_usd)) : null],
    [call.outcome === 'pending' ? vscode.l10n.t('Held') : vscode.l10n.t('Charged'), charged],
    [vscode.l10n.t('Duration'), milliseconds(call.processingTimeMs)],
    [vscode.l10n.t('First token after'), milliseconds(call.timeToFirstTokenMs)],
    [vscode.l10n.t('Stop reason'), settled?.stop_reason ?? null],
    [vscode.l10n.t('Answer'), shortfall?.message ?? null],
    [vscode.l10n.t('Error'), call.errorCode],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
}

/** The comparison that a call belongs to, which its models' calls share. */
function comparisonOf(records: readonly ProvenRecord[]): string | null {
  for (const { record } of records) {
    if (record.kind !== 'note' || record.topic !== 'call.compared') continue;
    const { comparison_id: id, models } = record.data;
    if (typeof id === 'string' && typeof models === 'number')
      return vscode.l10n.t('{0} ({1} models)', id, models);
  }
  return null;
}

/** What compliance policy decided, what was found, and the controls that failed. */
function complianceOf(records: readonly ProvenRecord[]): [name: string, value: string | null][] {
  const notes = records.flatMap(({ record }) => (record.kind === 'note' ? record : []));
  const request = notes.map(recordedRequest).find((one) => one !== null);
  const answer = notes.flatMap((note) => recordedAnswer(note) ?? []);
  if (!request) return [];
  const { decision, findings, late, levels, controls, exceptions, use_class: useClass } = request;
  const { t } = vscode.l10n;
  const decided = { allow: t('let through'), redact: t('redacted'), block: t('kept back') }[decision];
  const found = late ? t('not searched in time') : countsInWords(findings);
  const text = found === '' ? decided : t('{0}: {1}', decided, found);
  return [
    [t('Compliance'), t('{0} ({1})', text, levels.join(', '))],
    [t('Found in the answer'), answer.length === 0 ? null : countsInWords(answer)],
    [t('Exceptions'), exceptions?.join(', ') ?? null],
    [t('Use class'), useClass ?? null],
    [t('Failed controls'), controls?.failed?.join(', ') ?? null],
  ];
}

/** The files that took code of the answer, in order. */
function filesOf(records: readonly ProvenRecord[]): string | null {
  const files = records.flatMap(({ record }) => (record.kind === 'note' ? appliedFiles(record) : []));
  return files.length === 0 ? null : files.join(', ');
}

/** The tools that the answer asked for, each with what it read and how it was allowed. */
function toolsOf(records: readonly ProvenRecord[]): string | null {
  const uses = records.flatMap(({ record }) => (record.kind === 'note' ? (toolUsed(record) ?? []) : []));
  return uses.length === 0 ? null : uses.join(', ');
}

function tokenRows(tokens: TokenCounts, prices: UnitPrices | null): Detail['tokens'] {
  const rows: [name: string, count: number, price: string | null | undefined][] = [
    [vscode.l10n.t('Input'), tokens.input_tokens, prices?.input],
    [vscode.l10n.t('Output'), tokens.output_tokens, prices?.output],
    [vscode.l10n.t('Cache read'), tokens.cache_read_input_tokens, prices?.cache_read],
    [vscode.l10n.t('Cache write, 5 min'), tokens.cache_write_5m_input_tokens, prices?.cache_write_5m],
    [vscode.l10n.t('Cache write, 1 h'), tokens.cache_write_1h_input_tokens, prices?.cache_write_1h],
  ];
  return rows
    .filter(([, count], index) => count > 0 || index < 2)
    .map(([name, count, price]) => ({
      name,
      count,
      price: price === null || price === undefined ? null : `$${price}`,
      cost: price === null || price === undefined ? null : exactCost(count, price),
    }));
}

/** Tokens at USD per million, exactly; the whole call is rounded up once. */
export function exactCost(tokens: number, price: string): string {
  // parseDecimal counts 10^-12 USD per million tokens.
  const digits = (BigInt(tokens) * parseDecimal(price)).toString().padStart(19, '0');
  const fraction = digits.slice(-18).replace(/0+$/, '');
  return `$${digits.slice(0, -18)}${fraction ? `.${fraction}` : ''}`;
}

function recordDetail({ record, hash, previous, fits, segment, line }: ProvenRecord): RecordDetail {
  return {
    kind: record.kind,
    sequence: record.seq,
    place: `${segment}:${line}`,
    hash,
    previous,
    fits,
    fields: fieldsOf(record),
  };
}

/** Every field with its stored name; nested names are joined with a dot. */
function fieldsOf(value: object, prefix = ''): { name: string; value: string }[] {
  return Object.entries(value).flatMap(([key, field]: [string, unknown]) => {
    const name = `${prefix}${key}`;
    if (field !== null && typeof field === 'object') return fieldsOf(field, `${name}.`);
    return [{ name, value: typeof field === 'string' ? field : JSON.stringify(field) }];
  });
}

function find<Kind extends 'RESERVE' | 'REFUSE' | 'SETTLE'>(
  records: readonly ProvenRecord[],
  kind: Kind,
): RecordOf<Kind> | undefined {
  return records.map(({ record }) => record).find((record) => record.kind === kind) as
    RecordOf<Kind> | undefined;
}
