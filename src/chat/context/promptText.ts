/** `/name argument` at the start of a message; null for any other message. */
export function promptAsked(message: string): { name: string; argument: string } | null {
  const [, name, argument = ''] = /^\s*\/([\w-]+)(?:\s+([\s\S]*))?$/.exec(message) ?? [];
  return name === undefined ? null : { name, argument: argument.trim() };
}

const input = /\$\{input:([\w-]+)(?::([^}]*))?\}/g;

/** The inputs that a prompt asks for, each once, with what is said of it. */
export function inputsOf(text: string): { name: string; hint: string }[] {
  const inputs = new Map<string, string>();
  for (const [, name = '', hint = ''] of text.matchAll(input)) if (!inputs.has(name)) inputs.set(name, hint);
  return [...inputs].map(([name, hint]) => ({ name, hint }));
}

/** What the editor knows, by the names that prompt files of other tools use for it. */
export const editorVariables = ['selection', 'selectedText', 'file', 'fileBasename'] as const;

export type EditorVariable = (typeof editorVariables)[number];

/** Those that a prompt has. */
export function variablesOf(text: string): EditorVariable[] {
  return editorVariables.filter((name) => text.includes(`\${${name}}`));
}

const filledIn = new RegExp(`${input.source}|\\$\\{(${editorVariables.join('|')})\\}`, 'g');

/**
 * The prompt with its inputs, by `input:NAME`, and what the editor knows, by its name. An argument that no input takes
 * stands at the end.
 */
export function filledPrompt(text: string, values: ReadonlyMap<string, string>, argument = ''): string {
  // In one pass: nothing is replaced in what was filled in.
  const filled = text.replace(
    filledIn,
    (_, asked?: string, _hint?: string, known?: string) =>
      values.get(asked === undefined ? (known ?? '') : `input:${asked}`) ?? '',
  );
  return argument === '' ? filled : `${filled}\n\n${argument}`;
}
