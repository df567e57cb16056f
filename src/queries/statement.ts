import { GatewayError } from '../errors.ts';

/** A word, sign or literal of a statement. */
interface Token {
  kind: 'word' | 'quoted' | 'text' | 'sign';
  text: string;
  /** Offset in UTF-16 units. */
  at: number;
}

/** What the tokens of SQLite look like; the groups are blanks and comments, quoted names, texts, words, and signs. */
const token =
  /(\s+|--[^\n]*|\/\*[^]*?(?:\*\/|$))|("(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?)|('(?:[^']|'')*'?)|([\p{L}_$][\p{L}\p{N}_$]*)|([^])/gu;

/** In UTF-16 units. */
const longestQuery = 100_000;
const beginnings = ['SELECT', 'WITH', 'VALUES'];
const writing = ['INSERT', 'UPDATE', 'DELETE', 'REPLACE'];
const hint =
  'Write one statement that begins with SELECT, WITH or VALUES. The tables are in docs/queries.md.';

/**
 * Checks that a text is one statement that reads. Throws `invalid_request` with the line and the column of what is not
 * allowed: another statement, writing, PRAGMA, ATTACH. The database refuses writing too.
 */
export function requireQuery(sql: string): void {
  if (sql.length > longestQuery) {
    const message = `The query has ${sql.length} characters; it may have ${longestQuery}.`;
    throw new GatewayError('invalid_request', message, { hint });
  }
  const tokens = tokensOf(sql);
  const [first] = tokens;
  if (!first) throw new GatewayError('invalid_request', 'The query is empty.', { hint });
  const beginning = first.text.toUpperCase();
  if (!beginnings.includes(beginning))
    throw refused(sql, first.at, `${wordOf(first)} is not allowed: a query only reads`);
  const end = tokens.findIndex(({ text }) => text === ';');
  const second = end === -1 ? undefined : tokens.slice(end).find(({ text }) => text !== ';');
  if (second) throw refused(sql, second.at, `a second statement begins, with ${wordOf(second)}`);
  const pragma = tokens.find(({ kind, text }) => kind !== 'text' && /^["`[]?pragma_/i.test(text));
  if (pragma) throw refused(sql, pragma.at, `${wordOf(pragma)} is not allowed: a query has no PRAGMA`);
  if (beginning === 'WITH') requireReading(sql, tokens);
}

/** WITH may come before a statement that writes. */
function requireReading(sql: string, tokens: readonly Token[]): void {
  let depth = 0;
  for (const [index, { kind, text, at }] of tokens.entries()) {
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    // replace(…) is a function.
    const isVerb = kind === 'word' && writing.includes(text.toUpperCase()) && tokens[index + 1]?.text !== '(';
    if (depth === 0 && isVerb)
      throw refused(sql, at, `${text.toUpperCase()} is not allowed: a query only reads`);
  }
}

/** SQLite's fault in a statement, with its place if the fault names one. */
export function faultIn(sql: string, message: string): GatewayError {
  if (message === 'out of memory') {
    return new GatewayError('invalid_request', 'The query needs more memory than it may use.', {
      hint: 'Select fewer columns or rows, or group them.',
    });
  }
  if (message.startsWith('attempt to write'))
    return new GatewayError('invalid_request', 'The query writes; a query only reads.', { hint });
  const named = /^near "(.*)": syntax error$/s.exec(message)?.[1] ?? /: ([^:]+)$/.exec(message)?.[1];
  const last = named?.split('.').at(-1)?.toUpperCase();
  const found = tokensOf(sql).find(({ text }) => text.replace(/^["`[]|["`\]]$/g, '').toUpperCase() === last);
  if (found) return refused(sql, found.at, message);
  return new GatewayError('invalid_request', `The query can’t be run: ${message}.`, { hint });
}

function refused(sql: string, at: number, why: string): GatewayError {
  const before = sql.slice(0, at).split('\n');
  const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
  return new GatewayError('invalid_request', `The query can’t be run, ${place}: ${why}.`, { hint });
}

function wordOf({ kind, text }: Token): string {
  const shown = text.length > 40 ? `${text.slice(0, 39)}…` : text;
  return kind === 'word' ? shown.toUpperCase() : shown;
}

function tokensOf(sql: string): Token[] {
  return [...sql.matchAll(token)].flatMap((match) => {
    const [text, blank, quoted, literal, word] = match;
    if (blank !== undefined) return [];
    const kind =
      quoted !== undefined ? 'quoted' : literal !== undefined ? 'text' : word !== undefined ? 'word' : 'sign';
    return [{ kind, text, at: match.index }];
  });
}
