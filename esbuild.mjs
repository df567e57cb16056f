// Bundles the extension, the command line, the verification worker and the webviews: node esbuild.mjs [--dev] [--watch]
import { chmod, rm } from 'node:fs/promises';
import { existsSync, globSync } from 'node:fs';
import { basename } from 'node:path';
import { build, context } from 'esbuild';

const watch = process.argv.includes('--watch');
const development = watch || process.argv.includes('--dev');

/** @type {import('esbuild').BuildOptions} */
const common = {
  bundle: true,
  minify: !development,
  sourcemap: development,
  metafile: true,
  logLevel: 'warning',
  legalComments: 'none',
  define: { 'process.env.NODE_ENV': development ? '"development"' : '"production"' },
};

/**
 * Split into chunks, so that activation reads little and the AWS SDK is loaded by the first call.
 * @type {import('esbuild').BuildOptions}
 */
const node = {
  ...common,
  entryPoints: ['src/extension.ts', 'src/cli.ts', 'src/ledger/verifyWorker.ts'].filter(existsSync),
  outdir: 'dist',
  entryNames: '[name]',
  // Beside the entry points, so that `new URL('./verifyWorker.js', import.meta.url)` holds in every chunk.
  chunkNames: 'chunk-[name]-[hash]',
  platform: 'node',
  target: 'node22',
  format: 'esm',
  splitting: true,
  external: ['vscode'],
  // Bundled CommonJS packages call require for Node's own modules.
  banner: {
    js: `import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);`,
  },
};

/** @type {import('esbuild').BuildOptions} */
const webviews = {
  ...common,
  entryPoints: [
    ...globSync('src/views/*/webview/main.tsx').map((path) => ({ in: path, out: path.split(/[\\/]/)[2] })),
    { in: '@vscode/codicons/dist/codicon.css', out: 'codicon' },
  ],
  outdir: 'dist/webview',
  assetNames: '[name]',
  loader: { '.ttf': 'file' },
  platform: 'browser',
  target: 'chrome138',
  format: 'iife',
  jsx: 'automatic',
  jsxImportSource: 'preact',
};

await rm('dist', { recursive: true, force: true });
if (watch) {
  const contexts = await Promise.all([context(node), context(webviews)]);
  await Promise.all(contexts.map((one) => one.watch()));
  console.log('Watching …');
} else {
  const results = await Promise.all([build(node), build(webviews)]);
  if (existsSync('dist/cli.js')) await chmod('dist/cli.js', 0o755);
  printSizes(results.map((result) => result.metafile));
}

function printSizes(metafiles) {
  const outputs = metafiles.flatMap((metafile) => Object.entries(metafile.outputs));
  const chunks = outputs.filter(([path]) => basename(path).startsWith('chunk-') && !path.endsWith('.map'));
  const named = outputs.filter(([path]) => !basename(path).startsWith('chunk-') && !path.endsWith('.map'));
  const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1).padStart(8)} kB`;
  for (const [path, { bytes }] of named) console.log(kilobytes(bytes), path);
  const total = chunks.reduce((sum, [, { bytes }]) => sum + bytes, 0);
  console.log(kilobytes(total), `dist/chunk-*.js (${chunks.length})`);
}
