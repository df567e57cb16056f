import { RE2JS } from 're2js';

/** Longer texts are not compared with a pattern: the time grows with both, and never faster. */
const mostCharacters = 10_000;

/**
 * A pattern as a check of texts, in the syntax of JavaScript without what can take exponential time: look-around and
 * references to groups. Throws for any other syntax.
 */
export function patternCheck(source: string): (text: string) => boolean {
  const pattern = RE2JS.compile(RE2JS.translateRegExp(source));
  return (text) => text.length <= mostCharacters && pattern.matcher(text).find();
}
