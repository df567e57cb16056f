/**
 * A command line in a form that a person can judge: nothing in it can move the cursor, change the reading direction
 * or imitate a separate line. Each line has a mark, and a command of several lines says how many.
 */
export function shownCommand(command: string): string {
  const lines = command.split('\n').map((line) => `> ${escaped(line)}`);
  return lines.length === 1 ? (lines[0] ?? '') : `${lines.length} lines:\n${lines.join('\n')}`;
}

function escaped(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
