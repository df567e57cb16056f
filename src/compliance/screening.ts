import { randomBytes } from 'node:crypto';
import { mapRequestTexts, mapTurnTexts, unreadableParts } from '../content/contentTexts.ts';
import { textOf, type ChatMessage, type RequestContent } from '../content/messages.ts';
import type { Finding, SearchedText } from '../detection/finding.ts';
import { GatewayError } from '../errors.ts';
import type { Remedy } from '../remedies.ts';
import type { Note, NoteData } from '../ledger/records.ts';
import type { Exceptions, RuleCount, Screened } from './found.ts';
import { checkControls, type CallFacts } from './controls.ts';
import { forbiddenPlaces, type Forbidden } from './placement.ts';
import { decisions, levelsOf, uncheckedDecision, type CompliancePolicy, type Decision } from './policy.ts';
import { irreversible, Placeholders } from './placeholders.ts';
import { withoutEncoded } from './encodedForms.ts';
import { patternOf } from './restorer.ts';
import { requireUseClass } from './useClass.ts';

/** Finds values in texts; null if a deadline passed. */
export interface TextDetector {
  /** Gets ready meanwhile. */
  start(): void;
  find(texts: readonly SearchedText[], signal?: AbortSignal): Promise<Finding[][] | null>;
}

/** A finding with its text: where it stands in words, and what happens to it. */
export interface PlacedFinding extends Finding {
  place: string;
  text: string;
  action: Decision;
}

/** A text, and what policy would do with it. */
export interface CheckedText {
  decision: Decision;
  findings: readonly PlacedFinding[];
  /** With everything replaced that policy doesn't let out. */
  redacted: string;
}

export interface ScreeningOptions {
  /** Decides the placeholders; of the subject and the conversation. */
  key: Buffer;
  /** Redacts what policy would block: the caller asked for it. */
  redactBlocked?: boolean;
  /** Which of these permits the caller has by an exception; none by default. */
  excepted?: Excepted;
  signal?: AbortSignal | undefined;
}

/** Looks for exceptions that give these permits. */
export type Excepted = (permits: readonly string[]) => Promise<Exceptions>;

/** How long records of calls are kept. */
export type KeptPolicy = Pick<CallFacts, 'retentionDays'>;

export type Controls = ReturnType<typeof checkControls>;

/** What was decided about a call, besides its content. */
export interface Judged {
  controls: Controls;
  /** All that the call needs, of its content too. */
  exceptions: Exceptions;
}

export const noExceptions: Exceptions = new Map();
const none: Excepted = () => Promise.resolve(noExceptions);

/** A value as short as this may be a word of other texts. */
const wordLength = 8;

/** Of a note. */
const mostRules = 40;
/** Of a request for an exception. */
const mostNeeds = 20;

/**
 * Looks for secrets and personal data in everything that leaves, and decides what happens to them by policy. A value
 * that is redacted is replaced wherever it stands in the request, also where no rule would find it.
 */
export class Screening {
  readonly #policy: CompliancePolicy;
  readonly #detector: TextDetector;
  readonly #kept: KeptPolicy;

  constructor(policy: CompliancePolicy, detector: TextDetector, kept: KeptPolicy) {
    this.#policy = policy;
    this.#detector = detector;
    this.#kept = kept;
  }

  /** A call begins: what searches it gets ready while its model is looked up. */
  start(): void {
    this.#detector.start();
  }

  /**
   * The results of the controls for a call. Throws `compliance_blocked` where policy forbids its model, place or use and no
   * exception allows it.
   */
  async judge(
    call: Pick<CallFacts, 'screened' | 'placement' | 'reason' | 'caller' | 'useClass'>,
    excepted: Excepted = none,
  ): Promise<Judged> {
    requireUseClass(call.useClass, this.#policy);
    const forbidden = forbiddenPlaces(call.placement, call.screened, this.#policy);
    const allowed =
      forbidden.length === 0 ? noExceptions : await excepted(forbidden.map(({ permit }) => permit));
    const kept = forbidden.filter(({ permit }) => !allowed.has(permit));
    if (kept.length > 0) throw forbiddenError(kept, call.screened);
    return {
      controls: checkControls({ ...call, ...this.#kept, policy: this.#policy }),
      exceptions: new Map([...call.screened.exceptions, ...allowed]),
    };
  }

  /** Throws `compliance_blocked`, with the counts in `ComplianceBlocked.findings`, for what policy keeps back. */
  async screen(
    content: RequestContent,
    { key, redactBlocked = false, excepted = none, signal }: ScreeningOptions,
  ): Promise<Screened> {
    const unreadable = unreadableParts(content);
    const found = await this.find(content, signal);
    if (found === null) {
      if (uncheckedDecision(this.#policy) === 'block') throw notChecked();
      return {
        content,
        decision: 'allow',
        findings: [],
        exceptions: noExceptions,
        placeholders: new Map(),
        unreadable,
        late: true,
      };
    }
    const findings = countsOf(found);
    const exceptions = redactBlocked ? noExceptions : await this.#exceptionsFor(found, excepted);
    const isExcepted = ({ action, rule }: PlacedFinding): boolean =>
      action === 'block' && exceptions.has(permitOf(rule));
    const blocked = found.filter((one) => one.action === 'block' && !isExcepted(one));
    if (blocked.length > 0 && !redactBlocked) throw keptBack(blocked, findings);
    const redacted = found.filter((one) => one.action !== 'allow' && !isExcepted(one));
    const placeholders = new Placeholders(
      key,
      redacted.length === 0 ? new Set() : literalPlaceholders(content),
    );
    return {
      content: redacted.length === 0 ? content : withoutValues(content, redacted, placeholders),
      decision: redacted.length === 0 ? 'allow' : 'redact',
      findings,
      exceptions,
      placeholders: placeholders.values,
      unreadable,
      late: false,
    };
  }

  async #exceptionsFor(found: readonly PlacedFinding[], excepted: Excepted): Promise<Exceptions> {
    const blocked = found.filter(({ action }) => action === 'block').map(({ rule }) => permitOf(rule));
    return blocked.length === 0 ? noExceptions : excepted([...new Set(blocked)]);
  }

  /** Ids of the rules that may find something. */
  async ruleIds(): Promise<string[]> {
    const { ruleIds } = await import('../detection/ruleIds.ts');
    return ruleIds(this.#policy.patterns);
  }

  /** Everything that is found in a request, in its order; null if the deadline passed. */
  async find(content: RequestContent, signal?: AbortSignal): Promise<PlacedFinding[] | null> {
    const texts = new SearchedTexts();
    mapRequestTexts(content, (text, place, name) => texts.add(text, place, name));
    const found = await this.#detector.find(texts.all, signal);
    return found && texts.placed(found).map((one) => ({ ...one, action: this.actionOn(one) }));
  }

  /**
   * A reason as it may be recorded, where nobody can erase it: without what policy doesn't let out, for good. Never throws;
   * a reason that can't be searched is withheld.
   */
  async recordable(reason: string): Promise<string> {
    const found = await this.#detector.find([{ text: reason }]).catch(() => null);
    if (found === null) return '(withheld: it could not be searched)';
    const replaced = found.flat().filter((one) => this.actionOn(one) !== 'allow');
    return replaced.reduceRight(
      (text, { start, end, kind }) => `${text.slice(0, start)}[${kind.toLowerCase()}]${text.slice(end)}`,
      reason,
    );
  }

  /** What policy would do with a text in a request; null if the deadline passed. Nothing is sent or recorded. */
  async check(text: string): Promise<CheckedText | null> {
    const content: RequestContent = { system: null, messages: [{ role: 'user', content: text }] };
    const findings = await this.find(content);
    if (findings === null) return null;
    const actions = findings.map(({ action }) => action);
    const replaced = findings.filter(({ action }) => action !== 'allow');
    const { messages } = withoutValues(content, replaced, new Placeholders(randomBytes(32)));
    return {
      decision: decisions.findLast((one) => actions.includes(one)) ?? 'allow',
      findings,
      redacted: messages.map((message) => textOf(message.content)).join(''),
    };
  }

  /**
   * What is found in an answer as it was received; null if it wasn't searched. It is recorded, and changes nothing. Never
   * throws: the answer is billed, and its record must be written.
   */
  async findInAnswer(message: ChatMessage | null): Promise<RuleCount[] | null> {
    const texts = new SearchedTexts();
    mapTurnTexts(message?.content ?? '', (text, place, name) => texts.add(text, place, name), 'the answer');
    const found = await this.#detector.find(texts.all).catch(() => null);
    return found && countsOf(texts.placed(found));
  }

  /** The decision about a request with the results of its controls, for its record. */
  noteOf(
    screened: Pick<Screened, 'decision' | 'findings'> & Partial<Screened & Pick<ComplianceBlocked, 'needs'>>,
    { controls, exceptions }: Judged = { controls: new Map(), exceptions: noExceptions },
    useClass: string | null = null,
  ): Note {
    const { decision, findings, needs = [], unreadable, late = false } = screened;
    const unread = Object.entries(unreadable ?? {}).filter(([, count]) => count > 0);
    return {
      topic: 'compliance.request',
      data: {
        decision,
        levels: levelsOf(this.#policy),
        ...countsNoted(findings),
        ...controlsNoted(controls),
        ...(exceptions.size > 0 && { exceptions: [...new Set(exceptions.values())] }),
        ...(needs.length > 0 && { blocked: needs.slice(0, mostNeeds) }),
        ...(useClass !== null && { use_class: useClass }),
        ...(unread.length > 0 && { unreadable: Object.fromEntries(unread) }),
        ...(late && { late }),
      },
    };
  }

  /** What was found in an answer, for its record; null if it wasn't searched. */
  answerNotes(found: readonly RuleCount[] | null): Note[] {
    if (found === null) return [{ topic: 'compliance.answer', data: { late: true } }];
    return found.length === 0 ? [] : [{ topic: 'compliance.answer', data: countsNoted(found) }];
  }

  /** What policy does with a finding. */
  actionOn({ class: of }: Pick<Finding, 'class'>): Decision {
    return of === 'secret' ? this.#policy.secrets : this.#policy.personal_data;
  }
}

/** The texts of a request or an answer, each once under a name. */
class SearchedTexts {
  readonly #all = new Map<string, SearchedText & { place: string }>();

  get all(): readonly (SearchedText & { place: string })[] {
    return [...this.#all.values()];
  }

  /** Gives the text back as it is. */
  add(text: string, place: string, name?: string): string {
    const key = JSON.stringify([text, name]);
    if (text !== '' && !this.#all.has(key)) this.#all.set(key, { text, place, name });
    return text;
  }

  /** The findings with their places; what a text holds under several names is one. `found` is in the order of `all`. */
  placed(found: readonly (readonly Finding[])[]): Omit<PlacedFinding, 'action'>[] {
    const placed = new Map<string, Omit<PlacedFinding, 'action'>>();
    for (const [index, { text, place }] of this.all.entries())
      for (const one of found[index] ?? []) {
        const key = JSON.stringify([text, one.start, one.end]);
        if (!placed.has(key)) placed.set(key, { ...one, place, text });
      }
    return [...placed.values()];
  }
}

/** A request that policy keeps back, with what was found in it. */
export class ComplianceBlocked extends GatewayError {
  readonly decision = 'block';
  readonly findings: readonly RuleCount[];
  /** What an exception would have to permit: `rule:email`. */
  readonly needs: readonly string[];
  /** Whether it was not searched in time. */
  readonly late: boolean;

  constructor(
    message: string,
    hint: string,
    { findings, needs, late, remedy }: Pick<ComplianceBlocked, 'findings' | 'needs' | 'late' | 'remedy'>,
  ) {
    const asking: Remedy[] = needs.length === 0 ? [] : [{ kind: 'request_exception', allows: [...needs] }];
    super('compliance_blocked', message, {
      hint: `Nothing was sent. ${hint}`,
      remedy: [...remedy.slice(0, 1), ...asking, ...remedy.slice(1)],
    });
    this.findings = findings;
    this.needs = needs;
    this.late = late;
  }
}

/** The ids of the controls by result; those without any are left out. */
function controlsNoted(controls: Controls): NoteData {
  const results: Record<string, string[]> = {};
  for (const [id, result] of controls) (results[result] ??= []).push(id);
  return controls.size === 0 ? {} : { controls: results };
}

function countsNoted(findings: readonly RuleCount[]): NoteData {
  const noted = findings
    .slice(0, mostRules)
    .map(({ rule, class: of, count }) => ({ rule, class: of, count }));
  return { findings: noted, ...(findings.length > mostRules && { more_rules: findings.length - mostRules }) };
}

/** What looks like a placeholder in a request, except in reasoning, where it is one. */
function literalPlaceholders(content: RequestContent): Set<string> {
  const found = new Set<string>();
  mapRequestTexts(content, (text, place) => {
    if (!place.startsWith('the reasoning'))
      for (const [literal] of text.matchAll(/\[[A-Z0-9-]{3,80}\]/g)) found.add(literal);
    return text;
  });
  return found;
}

/**
 * The request with every redacted value replaced, longest first, so that no part of a value is left. A short value, which
 * may be a word, is replaced only in the texts in which it was found; a longer one also in its encoded forms.
 */
function withoutValues(
  content: RequestContent,
  redacted: readonly PlacedFinding[],
  placeholders: Placeholders,
): RequestContent {
  const kinds = new Map<string, string | null>();
  for (const { text, start, end, class: of, kind } of redacted) {
    const value = text.slice(start, end);
    if (!kinds.has(value)) kinds.set(value, of === 'secret' ? null : kind);
  }
  // Also in a form of it, which is a value of its own: it comes back as it was.
  const instead = (form: string, values: readonly string[]): string => {
    const [kind = null, ...others] = values.map(
      (value) => kinds.get(value.replaceAll('+', ' ')) ?? kinds.get(value) ?? null,
    );
    const isSecret = kind === null || others.includes(null);
    return isSecret ? irreversible(form) : placeholders.reversible(kind, form);
  };
  const long = [...kinds.keys()]
    .filter((value) => value.length >= wordLength)
    .flatMap((value) => (value.includes(' ') ? [value, value.replaceAll(' ', '+')] : [value]));
  const everywhere = patternOf(long);
  const within = new Map<string, string[]>();
  for (const { text, start, end } of redacted)
    within.set(text, [...(within.get(text) ?? []), text.slice(start, end)]);
  return mapRequestTexts(content, (text) => {
    const own = within.get(text)?.filter((value) => value.length < wordLength) ?? [];
    const pattern = own.length === 0 ? everywhere : patternOf([...long, ...new Set(own)]);
    const plain = text.replace(pattern, (value) => instead(value, [value]));
    return long.length === 0 ? plain : withoutEncoded(plain, everywhere, instead);
  });
}

function countsOf(found: readonly Finding[]): RuleCount[] {
  const counts = new Map<string, RuleCount>();
  for (const { rule, class: of } of found) {
    const before = counts.get(rule);
    if (before) before.count += 1;
    else counts.set(rule, { rule, class: of, count: 1 });
  }
  return [...counts.values()];
}

/** What was found and where, without the value. */
function wordsOf({ rule, place, text, start }: PlacedFinding): string {
  const before = text.slice(0, start).split('\n');
  return `${rule} in ${place}, line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

function keptBack(blocked: readonly PlacedFinding[], findings: readonly RuleCount[]): ComplianceBlocked {
  const [first, second] = blocked.map(wordsOf);
  const others = blocked.length > 2 ? ` and ${blocked.length - 2} more` : '';
  const what = `${first}${second ? `, ${second}` : ''}${others}`;
  const hint = `Take the values out, or have them redacted. ${askingHint}`;
  const needs = [...new Set(blocked.map(({ rule }) => permitOf(rule)))];
  return new ComplianceBlocked(`Policy keeps this request back: ${what}.`, hint, {
    findings,
    needs,
    late: false,
    remedy: [{ kind: 'retry', redact: true }],
  });
}

const askingHint = 'Otherwise ask for an exception: tidyllm compliance exception request --reason …';

function forbiddenError(
  kept: readonly Forbidden[],
  { findings, late }: Pick<Screened, 'findings' | 'late'>,
): ComplianceBlocked {
  const [first] = kept;
  const needs = [...new Set(kept.map(({ permit }) => permit))];
  return new ComplianceBlocked(
    `Policy keeps this request back: ${first?.why ?? ''}.`,
    `${first?.hint ?? ''} ${askingHint}`,
    {
      findings,
      needs,
      late,
      remedy: [{ kind: 'choose_model' }, { kind: 'open_settings', place: { key: 'compliance' } }],
    },
  );
}

/** What an exception for a rule's findings is called. */
export function permitOf(rule: string): string {
  return `rule:${rule}`;
}

function notChecked(): ComplianceBlocked {
  const message = 'The request was not searched for secrets and personal data within compliance.deadline_ms.';
  const hint = 'Send less at once, or raise compliance.deadline_ms.';
  return new ComplianceBlocked(message, hint, { findings: [], needs: [], late: true, remedy: [] });
}
