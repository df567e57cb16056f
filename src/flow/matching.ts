import type { FlowAgreement } from './agreement.ts';
import { formatFlowEncoding } from './flowEncoding.ts';

/** The result of matching a command. */
export interface FlowMatch {
  /** Null if nothing matches well enough, or two agreements match about equally. */
  agreement: FlowAgreement | null;
  /** How well the best one matches, 0 to 1, three decimals. */
  confidence: number;
  /** Up to three, best first. */
  nearest: readonly { agreement: FlowAgreement; confidence: number }[];
  /** `name=value` of the command; not checked. */
  parameters: Readonly<Record<string, string>>;
  /** Whether another agreement matches nearly as well as the best one. */
  ambiguous: boolean;
}

/** A normalised trigger or phrase. */
interface Form {
  agreement: number;
  /** Its distinct words, in order, without stop words. */
  words: readonly Word[];
  /** Sum of their weights. */
  weight: number;
}

interface Word {
  text: string;
  stem: string;
  weight: number;
}

interface Score {
  agreement: number;
  confidence: number;
}

/** Longer texts are not commands: no form has so many words. */
const mostCharacters = 400;
const mostWords = 24;
/** Two scores closer than this are ambiguous. */
const margin = 0.05;
/** Agreements with a lower score aren't suggested. */
const leastConfidence = 0.3;
/** Weight of a word in one or no agreement; a word in every agreement weighs 1. */
const rareWeight = 1.5;
/** Factor of a match that isn't word for word. */
const sameStem = 0.97;
const otherOrder = 0.95;
const writtenTogether = 0.95;
/** The maximum score of an unknown encoding, a negation, a question or another target: below every threshold. */
const neverRun = 0.49;
/** Maximum number of forms compared in full, chosen by the weight of shared words. */
const mostCandidates = 48;

/** Stop words of commands. */
const emptyWords = new Set(
  'a an the of for on in to with and our my your their its me us i we you it this that please'.split(' '),
);
/** Polite openings and endings of a command. */
const opening =
  /^(?:(?:hey|hi|hello|ok|okay|now|please|kindly|just|tidyllm|flow|can you|could you|would you|will you|i want to|i want|i would like to|i d like to|i need to|i need|we need to|we need|let s|lets|go ahead and|run|start|execute|launch|perform|do(?= (?:a|an|the) )|make|give|show|get|me|us|a|an|the) )+/;
const closing = /(?: (?:please|pls|now|thanks|thank you|for me|for us|again))+$/;
/** Words that change the meaning, unless the form has them too. */
const turningWords = new Set(
  (
    'not no never dont don doesn didn isn wasn without except instead stop halt pause suspend cancel abort skip ' +
    'avoid undo unset revert reverse revoke rollback roll disable off deny block uninstall ' +
    'what why how when where who which whose explain describe define document write rename delete remove ' +
    'yesterday tomorrow failed finished was were did'
  ).split(' '),
);
/** Opening words that name an action; the others are only polite. */
const openingVerbs = /\b(?:run|start|execute|launch|perform|do|make|give|show|get)\b/;

/** Finds the agreement that a command means, as docs/flow-agreements.md defines. */
export class Matcher {
  readonly #agreements: readonly FlowAgreement[];
  readonly #forms: Form[] = [];
  /** Agreement by trigger, phrase or encoding, normalised by `formOf`. */
  readonly #exact = new Map<string, number>();
  /** Agreement by trigger or phrase without its spaces. */
  readonly #together = new Map<string, number>();
  /** Indexes of forms by the stem of a word. */
  readonly #formsByStem = new Map<string, number[]>();
  readonly #weights = new Map<string, number>();
  /** The words of forms by first letter and length, to look up misspelt words. */
  readonly #vocabulary = new Map<string, Set<string>>();

  constructor(agreements: readonly FlowAgreement[]) {
    this.#agreements = agreements;
    const texts = agreements.flatMap(({ trigger, phrases }, agreement) =>
      [trigger, ...phrases].map((text) => ({ agreement, form: formOf(text) })),
    );
    this.#weigh(texts);
    for (const { agreement, form } of texts) this.#add(agreement, form);
    agreements.forEach(({ flowEncoding, earlierEncodings }, agreement) => {
      for (const encoding of [formatFlowEncoding(flowEncoding), ...earlierEncodings])
        this.#addExact(encoding, agreement);
    });
  }

  match(text: string): FlowMatch {
    const { words, parameters } = splitCommand(text);
    const scores = this.#scores(words);
    const nearest = scores.slice(0, 3).flatMap(({ agreement: index, confidence }) => {
      const agreement = this.#agreements[index];
      return agreement ? [{ agreement, confidence: Math.round(confidence * 1000) / 1000 }] : [];
    });
    const [best, second] = nearest;
    const confidence = best?.confidence ?? 0;
    const enough = best !== undefined && confidence >= best.agreement.confidenceThreshold;
    const ambiguous = enough && second !== undefined && confidence - second.confidence < margin;
    return {
      agreement: enough && !ambiguous ? best.agreement : null,
      confidence,
      nearest,
      parameters,
      ambiguous,
    };
  }

  /** One score per similar agreement, best first. */
  #scores(command: string): Score[] {
    if (command.length > mostCharacters) return [];
    const encoding = command.trim().startsWith('@') ? command.replace(/\s/g, '').toLowerCase() : null;
    const form = formOf(command);
    const exact = encoding === null ? this.#exactOf(form) : this.#exact.get(encoding);
    if (exact !== undefined) return [{ agreement: exact, confidence: 1 }];
    const best = new Map<number, number>();
    const note = (agreement: number, confidence: number): void => {
      const capped = encoding === null ? confidence : Math.min(confidence, neverRun);
      if (capped >= leastConfidence) best.set(agreement, Math.max(capped, best.get(agreement) ?? 0));
    };
    const together = this.#together.get(withoutFrame(form).replaceAll(' ', ''));
    if (together !== undefined) note(together, writtenTogether);
    const inner = withoutFrame(form);
    const content = contentOf(inner);
    const hasVerb = openingVerbs.test(form.slice(0, startOf(form)));
    const words = content.length > mostWords ? [] : this.#wordsOf(content);
    for (const candidate of this.#candidates(words))
      note(candidate.agreement, similarity(words, candidate, hasVerb));
    return [...best]
      .map(([agreement, confidence]) => ({ agreement, confidence }))
      .sort((a, b) => b.confidence - a.confidence || a.agreement - b.agreement);
  }

  /** The owner of a form, with polite words removed step by step: built-in agreements first, then the user's. */
  #exactOf(form: string): number | undefined {
    const owners = unframed(form).flatMap((inner) => this.#exact.get(inner) ?? []);
    const rank = (owner: number): number =>
      ['built-in', 'user', 'workspace'].indexOf(this.#agreements[owner]?.source.kind ?? 'workspace');
    return owners.sort((a, b) => rank(a) - rank(b))[0];
  }

  /** The forms that share the most words, by weight. */
  #candidates(words: readonly CommandWord[]): Form[] {
    const shared = new Float64Array(this.#forms.length);
    for (const { known } of words) {
      for (const { stem, weight } of known) {
        for (const form of this.#formsByStem.get(stem) ?? []) shared[form] = (shared[form] ?? 0) + weight;
      }
    }
    const total = words.reduce((sum, { weight }) => sum + weight, 0);
    const candidates: { form: Form; bound: number }[] = [];
    shared.forEach((weight, index) => {
      const form = weight === 0 ? undefined : this.#forms[index];
      const bound = form ? weight / Math.max(form.weight, total) : 0;
      if (form && bound >= leastConfidence) candidates.push({ form, bound });
    });
    return candidates
      .sort((a, b) => b.bound - a.bound)
      .slice(0, mostCandidates)
      .map(({ form }) => form);
  }

  /** The words of a command with their candidates: themselves, or words they may misspell. */
  #wordsOf(content: readonly string[]): CommandWord[] {
    return content.map((text) => {
      const stem = stemOf(text);
      const weight = this.#weights.get(stem);
      const known = weight === undefined ? this.#misspelt(text) : [{ stem, text, similarity: 1, weight }];
      return { text, weight: Math.max(rareWeight * Number(weight === undefined), weight ?? 0), known };
    });
  }

  #misspelt(text: string): Known[] {
    const found: Known[] = [];
    for (const first of new Set(text.slice(0, 2))) {
      for (let length = text.length - 2; length <= text.length + 2; length += 1) {
        for (const word of this.#vocabulary.get(`${first}${length}`) ?? []) {
          const likeness = spellingSimilarity(text, word);
          const stem = stemOf(word);
          if (likeness > 0)
            found.push({ stem, text: word, similarity: likeness, weight: this.#weights.get(stem) ?? 0 });
        }
      }
    }
    return found;
  }

  #weigh(texts: readonly { agreement: number; form: string }[]): void {
    const owners = new Map<string, Set<number>>();
    for (const { agreement, form } of texts) {
      for (const word of contentOf(form)) add(owners, stemOf(word), agreement);
    }
    const count = Math.max(2, this.#agreements.length);
    for (const [stem, { size }] of owners)
      this.#weights.set(
        stem,
        1 + ((rareWeight - 1) * Math.log(count / Math.min(size, count))) / Math.log(count),
      );
  }

  #add(agreement: number, form: string): void {
    this.#addExact(form, agreement);
    const compact = form.replaceAll(' ', '');
    if (!this.#together.has(compact)) this.#together.set(compact, agreement);
    const words = contentOf(form).map((text) => {
      const stem = stemOf(text);
      return { text, stem, weight: this.#weights.get(stem) ?? rareWeight };
    });
    const index = this.#forms.push({
      agreement,
      words,
      weight: words.reduce((sum, { weight }) => sum + weight, 0),
    });
    for (const { text, stem } of words) {
      const known = this.#formsByStem.get(stem);
      if (!known) this.#formsByStem.set(stem, [index - 1]);
      else if (known.at(-1) !== index - 1) known.push(index - 1);
      add(this.#vocabulary, `${text.charAt(0)}${text.length}`, text);
    }
  }

  /** The first owner keeps a form; the catalogue prevents duplicates. */
  #addExact(form: string, agreement: number): void {
    if (!this.#exact.has(form)) this.#exact.set(form, agreement);
  }
}

interface Known {
  stem: string;
  text: string;
  similarity: number;
  weight: number;
}

interface CommandWord {
  text: string;
  weight: number;
  known: readonly Known[];
}

/** A normalised trigger or phrase: its words in lower case, without brackets and punctuation. */
export function formOf(text: string): string {
  return (
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).join(' ');
}

/**
 * The look-alike keys of a trigger or phrase: the stems of its words, joined, without accents, and with
 * one letter for all that look the same. The first is complete; the others have polite words removed.
 */
export function namesLike(text: string): string[] {
  return unframed(formOf(text.normalize('NFKD').replace(/\p{M}/gu, ''))).map((form) =>
    form.split(' ').map(stemOf).join('').replace(/[1l]/g, 'i').replaceAll('0', 'o').replaceAll('rn', 'm'),
  );
}

/**
 * The smaller of two shares: of the command's words in the form, and of the form's words in the command. Each word
 * counts by its weight and its similarity to the matched word. A word that replaces another one, or
 * a verb that was removed with the opening, names something else.
 */
function similarity(words: readonly CommandWord[], form: Form, hasVerb: boolean): number {
  const taken = new Set<number>();
  const order: number[] = [];
  let [matched, total] = [0, 0];
  for (const { weight, known } of words) {
    total += weight;
    let [best, at] = [0, -1];
    form.words.forEach((word, index) => {
      if (taken.has(index)) return;
      const likeness = Math.max(
        0,
        ...known
          .filter(({ stem }) => stem === word.stem)
          .map((one) => (one.text === word.text ? one.similarity : sameStem * one.similarity)),
      );
      if (likeness > best) [best, at] = [likeness, index];
    });
    if (at < 0) continue;
    taken.add(at);
    order.push(at);
    matched += best * (form.words[at]?.weight ?? 0);
    total += (form.words[at]?.weight ?? 0) - weight;
  }
  const share = matched / Math.max(total, form.weight);
  const inOrder = order.every((at, index) => index === 0 || at > (order[index - 1] ?? 0));
  const lacking = form.words.filter((_, index) => !taken.has(index));
  const replaced = lacking.length > 0 && (hasVerb || order.length < words.length);
  const turned =
    lacking.some(({ text }) => turningWords.has(text)) ||
    words.some(({ text }) => turningWords.has(text) && !form.words.some((word) => word.text === text));
  const confidence = share * (inOrder ? 1 : otherOrder);
  return turned || replaced ? Math.min(confidence, neverRun) : confidence;
}

/** The command without its `name=value` parts, and those parts. */
function splitCommand(text: string): { words: string; parameters: Record<string, string> } {
  const parameters: Record<string, string> = {};
  const words = text
    .slice(0, mostCharacters * 20)
    .replace(
      /(?<=^|[\s\]])([a-z][a-z0-9_]*)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"']*))(?=\s|$)/gi,
      (_match, name: string, quoted?: string, single?: string, plain?: string) => {
        parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? single ?? plain ?? '';
        return ' ';
      },
    );
  return { words, parameters };
}

/** The form, and its remainders as polite words are removed one by one; longest first. */
function unframed(form: string): string[] {
  const inner = withoutFrame(form);
  const forms = new Set([form, inner]);
  const start = startOf(form);
  for (const text of [form, form.slice(0, start + inner.length)]) {
    for (let at = text.indexOf(' ') + 1; at > 0 && at <= start; at = text.indexOf(' ', at) + 1)
      forms.add(text.slice(at));
    forms.add(text);
  }
  return [...forms].sort((a, b) => b.length - a.length);
}

/** Where the opening ends; 0 if the form has only polite words. */
function startOf(form: string): number {
  return withoutFrame(form) === form ? 0 : (opening.exec(form)?.[0].length ?? 0);
}

function withoutFrame(form: string): string {
  const inner = form.replace(opening, '').replace(closing, '');
  return inner === '' ? form : inner;
}

/** The distinct words without stop words; all words if only stop words are left. */
function contentOf(form: string): string[] {
  const words = [...new Set(form.split(' '))].filter((word) => word !== '');
  const content = words.filter((word) => !emptyWords.has(word));
  return content.length > 0 ? content : words;
}

/** The word without English endings that don't change the meaning. */
function stemOf(word: string): string {
  if (word.length < 5 || /(ss|is|us)$/.test(word))
    return word.length === 4 ? word.replace(/(?<=[^s])s$/, '') : word;
  return word.replace(/(?<=\w{3})(ing|ies|ed|es|s|e)$/, (ending) => (ending === 'ies' ? 'y' : ''));
}

/**
 * The similarity of a misspelling to a word, 0 if it is likely another word. The first two letters must be right,
 * or swapped with a neighbour, and neither may have a digit. A word of up to four letters may have two letters
 * swapped or one doubled; one of five to seven letters may have one mistake, a longer one two. A replaced
 * letter counts as two mistakes, because in short words it makes another word.
 */
function spellingSimilarity(text: string, word: string): number {
  const [shorter, longer] = text.length < word.length ? [text, word] : [word, text];
  const swapped = (at: number): boolean => text[at] === word[at + 1] && text[at + 1] === word[at];
  const firsts = swapped(0) || (text[0] === word[0] && (text[1] === word[1] || swapped(1)));
  if (shorter.length < 3 || !firsts || /\d/.test(text + word)) return 0;
  const most = longer.length < 5 ? 1 : word.length < 8 ? 1 : 2;
  const mistakes = mistakesBetween(text, word, most);
  if (mistakes > most) return 0;
  if (word.length < 5 && !isSlip(text, word)) return 0;
  return 1 - mistakes / longer.length;
}

/** Whether a short word has two letters swapped, or one doubled. */
function isSlip(text: string, word: string): boolean {
  return text.length === word.length
    ? Array.from(text).filter((letter, index) => letter !== word[index]).length === 2
    : text.replace(/(.)\1/g, '$1') === word;
}

/** Insertions, deletions and swaps of neighbours, and twice the substitutions (optimal string alignment); stops above `most`. */
function mistakesBetween(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let [before, last] = [
    new Array<number>(b.length + 1).fill(0),
    Array.from({ length: b.length + 1 }, (_, j) => j),
  ];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j += 1) {
      let value = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 2),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        value = Math.min(value, (before[j - 2] ?? 0) + 1);
      row.push(value);
      least = Math.min(least, value);
    }
    if (least > most) return most + 1;
    [before, last] = [last, row];
  }
  return last[b.length] ?? most + 1;
}

function add<Value>(map: Map<string, Set<Value>>, key: string, value: Value): void {
  const known = map.get(key);
  if (known) known.add(value);
  else map.set(key, new Set([value]));
}
