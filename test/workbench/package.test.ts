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

test('what loads when the extension starts is small', async () => {
  const dist = join(import.meta.dirname, '../../dist');
  const loaded = new Map<string, number>();
  const load = async (file: string): Promise<void> => {
    if (loaded.has(file)) return;
    loaded.set(file, 0);
    const text = await readFile(join(dist, file), 'utf8');
    loaded.set(file, text.length);
    for (const [, next = ''] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) await load(next);
  };
  await load('extension.js');
  expect(loaded.size).toBeGreaterThan(10);
  expect([...loaded.values()].reduce((sum, size) => sum + size, 0)).toBeLessThan(550_000);
});
