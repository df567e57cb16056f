import { extname } from 'node:path/posix';

const name = String.raw`([\p{L}_$][\p{L}\p{N}_$]*)`;
const modifiers =
  'export|default|declare|abstract|async|public|private|protected|internal|static|final|sealed|open|override|virtual|readonly|inline|extern|unsafe|pub(?:\\([^)]*\\))?|const|data|partial|local';

/** `class Name`, `function name`, `fn name` and the like, in most languages. */
const keyword = new RegExp(
  String.raw`^[ \t]*(?:(?:${modifiers})\s+)*(?:function\*?|class|interface|type|enum|namespace|module|record|struct|union|trait|protocol|object|extension|fun|func|fn|def|defp|defmodule|sub|mod|macro_rules!|const|let|var|val)\s+${name}`,
  'gmu',
);
const patterns = {
  script: [
    keyword,
    // Methods.
    new RegExp(
      String.raw`^[ \t]+(?:(?:public|private|protected|static|async|override|get|set)\s+)*#?(?!(?:if|for|while|switch|catch|return|function|with)\b)${name}\s*(?:<[^>\n]*>)?\([^;\n]*\{[ \t]*$`,
      'gmu',
    ),
    // exports.name = …, Thing.prototype.name = …, thing.name = function …
    new RegExp(String.raw`^[ \t]*(?:module\.)?exports\.${name}\s*=`, 'gmu'),
    new RegExp(String.raw`^[ \t]*[\w.]+\.${name}\s*=\s*(?:async\s+)?(?:function\b|\([^)\n]*\)\s*=>)`, 'gmu'),
  ],
  python: [keyword, new RegExp(String.raw`^${name}\s*(?::[^=\n]+)?=[^=]`, 'gmu')],
  go: [keyword, new RegExp(String.raw`^func\s+\([^)]*\)\s*${name}`, 'gmu')],
  c: [
    keyword,
    new RegExp(String.raw`^#\s*define\s+${name}`, 'gmu'),
    new RegExp(
      String.raw`^[ \t]*(?!return\b|else\b|new\b|throw\b)[\w<>,:*&\[\]? \t]+[ \t*&]${name}\s*\([^;\n]*\)\s*(?:const\s*)?(?:throws [\w, ]+)?\{?[ \t]*$`,
      'gmu',
    ),
  ],
  shell: [keyword, new RegExp(String.raw`^[ \t]*${name}\s*\(\)`, 'gmu')],
  sql: [
    new RegExp(
      String.raw`\bcreate\s+(?:or\s+replace\s+)?(?:table|view|function|procedure|type|index)\s+(?:if\s+not\s+exists\s+)?(?:\w+\.)?${name}`,
      'gimu',
    ),
  ],
  other: [keyword],
} as const;

const languageOf: Readonly<Record<string, keyof typeof patterns>> = Object.fromEntries(
  Object.entries({
    script: 'ts tsx mts cts js jsx mjs cjs vue svelte',
    python: 'py pyi',
    go: 'go',
    c: 'c h cc cpp cxx hpp hh m mm java cs scala groovy dart',
    shell: 'sh bash zsh',
    sql: 'sql',
    other: 'rs rb php kt kts swift ex exs lua pl pm jl proto',
  }).flatMap(([language, endings]) =>
    endings.split(' ').map((ending) => [`.${ending}`, language as keyof typeof patterns]),
  ),
);

/** The names that a piece of code defines; none for files that are not code. */
export function definitionsIn(path: string, text: string): string[] {
  const language = languageOf[extname(path).toLowerCase()];
  if (language === undefined) return [];
  const names = patterns[language].flatMap((pattern) =>
    [...text.matchAll(pattern)].flatMap(([, defined]) => defined ?? []),
  );
  return [...new Set(names)];
}

/** Whether a piece of code only passes on what other files define. */
export function onlyReExports(path: string, text: string): boolean {
  if (languageOf[extname(path).toLowerCase()] === 'python') return path.endsWith('__init__.py');
  const rest = text.replace(/^[ \t]*export\b[^;]*?\bfrom\s*(['"])[^'"\n]*\1[ \t]*;?/gm, '');
  return rest !== text && rest.trim() === '';
}
