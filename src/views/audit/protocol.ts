import * as z from 'zod/mini';
import { chartSchema } from '../webviewKit/chartShape.ts';
import { failureSchema, readyMessage, runMessage } from '../webviewKit/protocol.ts';

export const outcomes = [
  'success',
  'refused',
  'failed',
  'cancelled',
  'incomplete',
  'orphaned',
  'pending',
] as const;
const outcome = z.enum(outcomes);

/** The filter of the calls; null does not restrict. */
export const filterSchema = z.object({
  /** Policy days, YYYY-MM-DD, inclusive. */
  fromDay: z.nullable(z.string()),
  untilDay: z.nullable(z.string()),
  outcomes: z.array(outcome),
  userId: z.nullable(z.string()),
  model: z.nullable(z.string()),
  workspace: z.nullable(z.string()),
  branch: z.nullable(z.string()),
  text: z.string(),
});

/** One call in the table. */
const rowSchema = z.object({
  callId: z.string(),
  sequence: z.number(),
  /** Milliseconds since the epoch. */
  time: z.number(),
  outcome,
  reason: z.string(),
  model: z.string(),
  user: z.string(),
  tokens: z.nullable(z.number()),
  /** Formatted for display. */
  cost: z.string(),
  costEstimated: z.boolean(),
  ms: z.nullable(z.number()),
});

const recordSchema = z.object({
  kind: z.string(),
  sequence: z.number(),
  /** segment:line */
  place: z.string(),
  hash: z.string(),
  previous: z.string(),
  /** Whether the recomputed hash equals the stored one. */
  fits: z.boolean(),
  fields: z.array(z.object({ name: z.string(), value: z.string() })),
});

const detailSchema = z.object({
  row: rowSchema,
  /** Who asked, why, for what, from where. */
  facts: z.array(z.object({ name: z.string(), value: z.string() })),
  tokens: z.array(
    z.object({
      name: z.string(),
      count: z.number(),
      /** USD per 1,000,000; null where the cost is an upper bound. */
      price: z.nullable(z.string()),
      cost: z.nullable(z.string()),
    }),
  ),
  records: z.array(recordSchema),
  /** The signed checkpoint that covers the call; null until its segment is closed. */
  checkpoint: z.nullable(z.object({ size: z.number(), root: z.string(), keyIds: z.array(z.string()) })),
  content: z.discriminatedUnion('state', [
    z.object({ state: z.literal('none') }),
    z.object({ state: z.literal('erased'), erased: z.string() }),
    z.object({ state: z.literal('unavailable'), message: z.string() }),
    z.object({
      state: z.literal('kept'),
      redacted: z.boolean(),
      /** Whether the content matches its recorded hash; null where it was redacted. */
      matchesRecords: z.nullable(z.boolean()),
      messages: z.array(z.object({ role: z.string(), content: z.string() })),
    }),
  ]),
  /** The call id under which MLflow shows it; null if MLflow has no calls. */
  traced: z.nullable(z.string()),
  /** To the micro-dollar; null while the call runs. */
  charged: z.nullable(z.string()),
  /** Everything above as one JSON document. */
  json: z.string(),
});

/** The state of the chain, as far as it is known. */
const chainSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('unverified') }),
  z.object({ state: z.literal('verifying'), share: z.number() }),
  /** The index found a fault. */
  z.object({ state: z.literal('faulty'), message: z.string() }),
  z.object({ state: z.literal('intact'), records: z.number(), at: z.number() }),
  z.object({
    state: z.literal('broken'),
    /** segment:line */
    place: z.string(),
    sequence: z.number(),
    detail: z.string(),
  }),
]);

/** What can be queried, for the list beside the query. */
const schemaSchema = z.object({
  tables: z.array(
    z.object({
      name: z.string(),
      meaning: z.string(),
      columns: z.array(z.object({ name: z.string(), type: z.string(), meaning: z.string() })),
    }),
  ),
  functions: z.array(z.object({ name: z.string(), call: z.string(), meaning: z.string() })),
});

const savedQuerySchema = z.object({ name: z.string(), sql: z.string(), builtIn: z.boolean() });

/** Sequence numbers of records, each of which can be shown. */
const records = z.array(z.number());

/** What the records of calls say about a level's controls. */
const complianceSchema = z.object({
  calls: z.number(),
  checkedCalls: z.number(),
  blockedCalls: z.number(),
  blockedRecords: records,
  redactedCalls: z.number(),
  lateCalls: z.number(),
  controls: z.array(
    z.object({
      id: z.string(),
      source: z.string(),
      title: z.string(),
      evidence: z.string(),
      passed: z.number(),
      failed: z.number(),
      unchecked: z.number(),
      failedRecords: records,
    }),
  ),
  rules: z.array(
    z.object({
      rule: z.string(),
      class: z.string(),
      findings: z.number(),
      calls: z.number(),
      records,
    }),
  ),
});

/** The result of a query, as text for display. */
const queryResultSchema = z.object({
  columns: z.array(z.object({ name: z.string(), isNumber: z.boolean() })),
  /** The first rows; null for no value. */
  rows: z.array(z.array(z.nullable(z.string()))),
  /** Rows of the whole result, which files and copies have. */
  total: z.number(),
  /** How many rows there are and how long it took. */
  summary: z.string(),
  /** What was cut or left out. */
  notes: z.array(z.string()),
  chart: z.nullable(z.object({ title: z.string(), shape: chartSchema })),
});

/** From the extension to the view. */
export const hostMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('ledger'),
    directory: z.string(),
    simulated: z.boolean(),
    /** Whether there are records of the other kind, live or simulated, to switch to. */
    hasOther: z.boolean(),
  }),
  z.object({ type: z.literal('starting'), failure: z.nullable(failureSchema) }),
  /** Share of the journal that is indexed; null when all of it is. */
  z.object({ type: z.literal('indexing'), share: z.nullable(z.number()) }),
  z.object({
    type: z.literal('matches'),
    query: z.number(),
    total: z.number(),
    counts: z.record(outcome, z.number()),
  }),
  /** Calls numbered from the oldest match; the newest comes first. */
  z.object({
    type: z.literal('rows'),
    query: z.number(),
    first: z.number(),
    rows: z.array(rowSchema),
  }),
  z.object({
    type: z.literal('facets'),
    users: z.array(z.string()),
    models: z.array(z.string()),
    workspaces: z.array(z.string()),
    branches: z.array(z.string()),
  }),
  z.object({ type: z.literal('detail'), sequence: z.number(), detail: z.nullable(detailSchema) }),
  z.object({ type: z.literal('chain'), chain: chainSchema, anchors: z.array(z.string()) }),
  /** Shows a call, even if the filter hides it. */
  z.object({ type: z.literal('reveal'), sequence: z.number() }),
  /** The position of a call, counted from the oldest match. */
  z.object({ type: z.literal('queries'), schema: schemaSchema, saved: z.array(savedQuerySchema) }),
  /** A query was saved, and has this name. */
  z.object({ type: z.literal('saved'), name: z.string() }),
  /** Answers to a query carry its number. */
  z.object({
    type: z.literal('queryProgress'),
    run: z.number(),
    step: z.enum(['indexing', 'copying', 'running']),
    share: z.nullable(z.number()),
  }),
  z.object({ type: z.literal('queryResult'), run: z.number(), result: queryResultSchema }),
  z.object({ type: z.literal('queryFailed'), run: z.number(), failure: z.nullable(failureSchema) }),
  /** Levels that can be chosen, and those that are in force; the first day of the report unless one is chosen. */
  z.object({
    type: z.literal('complianceLevels'),
    levels: z.array(z.string()),
    inForce: z.array(z.string()),
    since: z.string(),
    until: z.string(),
  }),
  /** Answers to a report carry its number. */
  z.object({ type: z.literal('complianceReport'), run: z.number(), report: complianceSchema }),
  z.object({ type: z.literal('complianceFailed'), run: z.number(), failure: failureSchema }),
  z.object({ type: z.literal('found'), query: z.number(), sequence: z.number(), number: z.number() }),
]);

/** From the view to the extension. */
export const viewMessageSchema = z.discriminatedUnion('type', [
  readyMessage,
  /** Shows the ledger of simulated calls, or of live ones. */
  z.object({ type: z.literal('show'), simulated: z.boolean() }),
  /** A new filter; responses carry its number. */
  z.object({ type: z.literal('filter'), query: z.number(), filter: filterSchema }),
  z.object({ type: z.literal('rows'), query: z.number(), first: z.number(), limit: z.number() }),
  z.object({ type: z.literal('find'), query: z.number(), sequence: z.number() }),
  z.object({ type: z.literal('detail'), sequence: z.number() }),
  z.object({ type: z.literal('verify') }),
  z.object({ type: z.literal('stopVerifying') }),
  z.object({ type: z.literal('openFault') }),
  z.object({ type: z.literal('openRecord'), place: z.string() }),
  z.object({ type: z.literal('openInMlflow'), call: z.string() }),
  z.object({ type: z.literal('export'), format: z.enum(['jsonl', 'csv']) }),
  z.object({ type: z.literal('erase'), user: z.string() }),
  /** Asks for the tables and the saved queries. */
  z.object({ type: z.literal('queries') }),
  z.object({
    type: z.literal('runQuery'),
    run: z.number(),
    sql: z.string(),
    /** Policy days, YYYY-MM-DD, inclusive; null does not restrict. */
    since: z.nullable(z.string()),
    until: z.nullable(z.string()),
  }),
  z.object({ type: z.literal('cancelQuery') }),
  z.object({ type: z.literal('saveQuery'), sql: z.string() }),
  z.object({ type: z.literal('deleteQuery'), name: z.string() }),
  z.object({ type: z.literal('saveResult'), format: z.enum(['csv', 'sqlite']) }),
  z.object({ type: z.literal('copyResult'), format: z.enum(['markdown', 'json']) }),
  /** Asks for the levels. */
  z.object({ type: z.literal('complianceLevels') }),
  z.object({
    type: z.literal('complianceReport'),
    run: z.number(),
    level: z.string(),
    since: z.string(),
    until: z.string(),
  }),
  z.object({ type: z.literal('saveCompliance'), format: z.enum(['md', 'csv', 'json']) }),
  /** Shows the call of a record. */
  z.object({ type: z.literal('showRecord'), sequence: z.number() }),
  z.object({ type: z.literal('copy'), text: z.string() }),
  runMessage(['tidyllm.refreshHealth']),
]);

/** What the view remembers while it is hidden. */
export const keptSchema = z.object({
  directory: z.string(),
  filter: filterSchema,
  /** Of the selected call. */
  sequence: z.nullable(z.number()),
  tab: z.optional(z.enum(['calls', 'compliance', 'query'])),
  /** The text of the query. */
  sql: z.optional(z.string()),
});

export type QuerySchema = z.infer<typeof schemaSchema>;
export type SavedQuery = z.infer<typeof savedQuerySchema>;
export type ShownResult = z.infer<typeof queryResultSchema>;
export type ShownCompliance = z.infer<typeof complianceSchema>;
export type Outcome = (typeof outcomes)[number];
export type Kept = z.infer<typeof keptSchema>;
export type Filter = z.infer<typeof filterSchema>;
export type Row = z.infer<typeof rowSchema>;
export type RecordDetail = z.infer<typeof recordSchema>;
export type Detail = z.infer<typeof detailSchema>;
export type Chain = z.infer<typeof chainSchema>;
export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ViewMessage = z.infer<typeof viewMessageSchema>;
