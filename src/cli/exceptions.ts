import { keyIn } from '../approvals/personalKey.ts';
import type { ListedRequest } from '../approvals/approvals.ts';
import { requestFileIn, requestFileText } from '../approvals/requestFile.ts';
import type { RequestFile, SignedDecision, SignedRequest } from '../approvals/request.ts';
import { termsInWords } from '../approvals/words.ts';
import type { Core } from '../core/core.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { endOfDay } from '../ledger/day.ts';
import { replaceFile } from '../replaceFile.ts';
import { similarName } from '../similarName.ts';
import { dayOption } from './options.ts';
import { readTextFile } from './readText.ts';
import { note, printJson, printLine, table, type Terminal } from './terminal.ts';

export interface ExceptionOptions {
  reason?: string;
  rule: string[];
  model: string[];
  place: string[];
  for?: string;
  until?: string;
  out?: string;
}

/** `tidyllm compliance exception request`: asks for what is named, or for what the last blocked call needs. */
export async function exceptionRequest(
  core: Core,
  options: ExceptionOptions,
  terminal: Terminal,
): Promise<number> {
  const { rule, model, place, out, reason = '' } = options;
  for (const one of rule) requireRule(one, await core.compliance.ruleIds());
  for (const one of model) await core.catalogue.learn(one);
  const named = [
    ...rule.map((one) => `rule:${one}`),
    ...model.map((one) => `model:${core.catalogue.idOf(one) ?? one}`),
    ...place.map((one) => `region:${one}`),
  ];
  const allows = named.length > 0 ? named : [...(await core.approvals.lastBlocked())];
  if (allows.length === 0)
    throw new GatewayError(
      'invalid_request',
      'Policy kept back no call of yours that an exception would allow.',
      {
        hint: 'Name what you need: --rule ID, --model NAME or --place NAME.',
      },
    );
  const until = await untilOf(core, options);
  const asked = { reason, ...(until !== undefined && { until }) };
  const request = await core.approvals.ask({ kind: 'exception', allows }, asked);
  if (out !== undefined) await write(out, requestFileText(request));
  return printRequest(request, terminal, out);
}

/** Throws `invalid_request` for a rule that finds nothing: an exception to it would allow nothing. */
function requireRule(id: string, known: readonly string[]): void {
  if (known.includes(id)) return;
  const similar = similarName(id, known);
  throw new GatewayError('invalid_request', `There is no rule "${id}".`, {
    hint: similar ? `Did you mean ${similar}?` : 'The refusal of a call names the rule that kept it back.',
  });
}

/** Says what was recorded, and what has to follow. */
export function printRequest(request: ListedRequest, terminal: Terminal, out?: string): number {
  if (terminal.json) printJson(requestJson(request));
  else {
    const { id, terms, until } = request.request;
    printLine(`Request ${id} is recorded as #${request.sequence}: ${termsInWords(terms)}, until ${until}.`);
    note(terminal, nextSteps(id, out));
  }
  return 0;
}

function nextSteps(id: string, out: string | undefined): string {
  const file = out ?? `request-${id}.json`;
  return [
    'It allows nothing before another person of compliance.approvers has signed it:',
    ...(out === undefined ? [`  you:      tidyllm compliance exception show ${id} --out ${file}`] : []),
    `  approver: tidyllm compliance exception approve ${file} --reason … --out ${file}`,
    `  you:      tidyllm compliance exception import ${file}`,
  ].join('\n');
}

/** `tidyllm compliance exception list`: the requests of the last thirty days, oldest first. */
export async function exceptionList(core: Core, terminal: Terminal): Promise<number> {
  const requests = await core.approvals.list();
  if (terminal.json) printJson({ requests: requests.map(requestJson) });
  else if (requests.length === 0) note(terminal, 'Nobody asked for anything in the last 30 days.');
  else {
    const rows = requests.map(({ request, state, decided }) => [
      ...[request.id, state.replace('_', ' '), termsInWords(request.terms), request.user_id, request.until],
      decided?.decision.approver ?? '',
    ]);
    printLine(table(['id', 'state', 'what', 'requester', 'until', 'decided by'], rows));
  }
  return 0;
}

/** `tidyllm compliance exception show`: a request of this ledger or of a file; with `--out` as the file for its approver. */
export async function exceptionShow(
  core: Core,
  source: string,
  { out }: { out?: string },
  terminal: Terminal,
): Promise<number> {
  const found = isId(source) ? await core.approvals.find(source) : await fileAt(source);
  if (out !== undefined) {
    await write(out, requestFileText(found, found.decided));
    note(terminal, `Written to ${out}.`);
  }
  if (terminal.json) printJson('state' in found ? requestJson(found) : found);
  else printSigned(found, 'state' in found ? found.state : null);
  return 0;
}

export interface DecisionOptions {
  reason?: string;
  key?: string;
  out?: string;
}

/**
 * `tidyllm compliance exception approve|reject`: signs a decision about a request of this ledger, and records it, or about
 * one in a file, for its requester to import.
 */
export async function exceptionDecide(
  core: Core,
  decision: 'approved' | 'rejected',
  source: string,
  { reason = '', key, out }: DecisionOptions,
  terminal: Terminal,
): Promise<number> {
  const ofLedger = isId(source);
  if (ofLedger === (out !== undefined))
    throw new GatewayError(
      'invalid_request',
      ofLedger
        ? '--out goes with a file.'
        : 'A decision about a file needs --out FILE, which may be the same file.',
    );
  const found = ofLedger ? await core.approvals.find(source) : await fileAt(source);
  const signer = key === undefined ? undefined : keyIn(key);
  const signed = await core.approvals.decide(found, { decision, reason }, signer);
  if (out === undefined) return printTaken(await core.takeDecision(signed), terminal);
  await write(out, requestFileText(found, signed));
  if (terminal.json) printJson(signed);
  else {
    printSigned({ ...found, decided: signed }, null);
    note(terminal, `Written to ${out}. The requester imports it: tidyllm compliance exception import ${out}`);
  }
  return 0;
}

/** `tidyllm compliance exception import`: records the decision that an approver's file has. */
export async function exceptionImport(core: Core, path: string, terminal: Terminal): Promise<number> {
  const { decided, ...request } = await fileAt(path);
  if (decided === undefined)
    throw new GatewayError('invalid_request', `The file ${path} has no decision yet.`, {
      hint: `An approver runs: tidyllm compliance exception approve ${path} --reason … --out ${path}`,
    });
  return printTaken(await core.takeDecision(decided, request), terminal);
}

/** `tidyllm compliance exception revoke`: ends what was allowed, or asked for. */
export async function exceptionRevoke(
  core: Core,
  id: string,
  { reason = '' }: { reason?: string },
  terminal: Terminal,
): Promise<number> {
  return printTaken(await core.approvals.revoke(id, reason), terminal);
}

/** `tidyllm compliance key`: this user's public key, made when there is none, and under which names it may approve. */
export function complianceKey(core: Core, terminal: Terminal): number {
  const { public_key: publicKey, names } = core.approvals.ownKey();
  if (terminal.json) printJson({ public_key: publicKey, approver_names: names });
  else {
    printLine(publicKey);
    note(
      terminal,
      names.length === 0
        ? 'It is not one of compliance.approvers.'
        : `It may approve as ${names.join(', ')}.`,
    );
  }
  return 0;
}

function isId(source: string): boolean {
  return /^[0-9a-f]{8}$/.test(source);
}

async function fileAt(path: string): Promise<RequestFile> {
  return requestFileIn(await readTextFile(path), path);
}

async function write(path: string, text: string): Promise<void> {
  try {
    await replaceFile(path, text);
  } catch (error) {
    throw new GatewayError('invalid_request', `The file ${path} can’t be written: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function printTaken(request: ListedRequest, terminal: Terminal): number {
  if (terminal.json) printJson(requestJson(request));
  else printSigned(request, request.state);
  return 0;
}

function printSigned(
  { request, decided }: SignedRequest & { decided?: SignedDecision | null | undefined },
  state: string | null,
): void {
  const { id, terms, user_id: user, account, reason, until, ledger_id: ledger } = request;
  const rows: string[][] = [
    ['request', id],
    ...(state === null ? [] : [['state', state.replace('_', ' ')]]),
    ['allows', termsInWords(terms)],
    ['for', account === null ? user : `${user} (account ${account})`],
    ['until', until],
    ['because', reason],
    ['ledger', ledger],
    ...(decided
      ? [[decided.decision.decision, `by ${decided.decision.approver}: ${decided.decision.reason}`]]
      : []),
  ];
  printLine(table(rows[0] ?? [], rows.slice(1)));
}

/** A request in the JSON form that every command shares. */
function requestJson({ request, sequence, state, decided }: ListedRequest): object {
  const { id, terms, user_id, account, reason, until } = request;
  return {
    id,
    sequence,
    state,
    terms,
    user_id,
    account,
    reason,
    until,
    decided: decided && decided.decision,
  };
}

async function untilOf(
  { ledger }: Core,
  { for: span, until }: ExceptionOptions,
): Promise<string | undefined> {
  if (span !== undefined && until !== undefined)
    throw new GatewayError('invalid_request', 'Give either --for or --until.');
  if (until !== undefined) return endOfDay(dayOption(until, '--until'), ledger.timeZone).toISOString();
  if (span === undefined) return undefined;
  const [, number = '', unit = ''] = /^([1-9]\d{0,4})([smhd])$/.exec(span) ?? [];
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit];
  if (unitMs === undefined)
    throw new GatewayError('invalid_request', `--for must be a time such as 12h or 3d, not "${span}".`);
  return new Date(Date.parse(await ledger.time()) + Number(number) * unitMs).toISOString();
}
