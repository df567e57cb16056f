import { globSync } from 'node:fs';
import { stat } from 'node:fs/promises';
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
  expect(files.filter((path) => !allowed.some((pattern) => pattern.test(path)))).toEqual([]);
});

test('the package is small', async () => {
  const { size } = await stat(inject('vsix'));
  expect(size).toBeLessThan(1_800_000);
});
