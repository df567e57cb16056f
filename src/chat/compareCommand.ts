/** What `/compare …` asks: the text behind it, empty if there is none; null for any other message. */
export function comparedQuestion(message: string): string | null {
  const found = /^\s*\/compare(?:\s([\s\S]*))?$/.exec(message);
  return found && (found[1] ?? '').trim();
}
