import { globSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';

const allowed = [
  /^package\.json$/,
  /^package\.nls(\.[a-z-]+)?\.json$/,
  /^(readme|changelog)\.md$/i,
  /^LICENSE(\.txt)?$/,
  /^dist\/[\w-]+\.js$/,
  /^dist\/sql-wasm\.wasm$/,
  /^dist\/webview\/[\w-]+\.(js|css|ttf)$/,
  /^media\/.+\.(svg|png|md|yaml)$/,
  /^tools\/verify-ledger\.mjs$/,
  /^schemas\/[\w.-]+\.json$/,
  // The editor adds this one when it installs the extension.
  /^\.vsixmanifest$/,
];

test('the package holds only what the extension needs at run time', () => {
  const folder = join(inject('profile'), 'extensions');
  const files = globSync('tidyllm.tidyllm-gateway-*/**', { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .map((path) => path.replaceAll('\\', '/').replace(/^[^/]+\//, ''));
  expect(files).toContain('package.json');
  // Only the tests run it.
  expect(files).not.toContain('dist/commandLine.js');
  expect(files.filter((path) => !allowed.some((pattern) => pattern.test(path)))).toEqual([]);
});

test('the package is small', async () => {
  const { size } = await stat(inject('vsix'));
  expect(size).toBeLessThan(1_800_000);
});

const dist = join(import.meta.dirname, '../../dist');
const atOnce = /(?:from|import)\s*"\.\/([^"]+\.js)"/g;
const ever = /(?:from|import)\s*\(?\s*["'`]\.\/([^"'`]+\.js)["'`]/g;

/** The text of a built file and of all that it loads, by name. */
async function loaded(
  file: string,
  imports: RegExp,
  found = new Map<string, string>(),
): Promise<Map<string, string>> {
  if (found.has(file)) return found;
  const text = await readFile(join(dist, file), 'utf8');
  found.set(file, text);
  for (const [, next = ''] of text.matchAll(imports)) await loaded(next, imports, found);
  return found;
}

test('what loads when the extension starts is small, and in few files', async () => {
  const files = await loaded('extension.js', atOnce);
  expect(files.size).toBeLessThan(10);
  const size = [...files.values()].reduce((sum, text) => sum + text.length, 0);
  expect(size).toBeGreaterThan(300_000);
  expect(size).toBeLessThan(550_000);
});

test('no part of the command needs the editor', async () => {
  const files = await loaded('cli.js', ever);
  expect(files.size).toBeGreaterThan(50);
  const withEditor = [...files]
    .filter(([, text]) => /from\s*["'`]vscode["'`]/.test(text))
    .map(([name]) => name);
  expect(withEditor).toEqual([]);
});
