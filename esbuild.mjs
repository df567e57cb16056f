// Bundles the extension, the command line, the workers and the webviews: node esbuild.mjs [--dev] [--watch] [FOLDER]
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { build, context } from 'esbuild';
import { lazyNodeHttp } from './tools/lazyNodeHttp.mjs';

const { values, positionals } = parseArgs({
  options: { dev: { type: 'boolean' }, watch: { type: 'boolean' } },
  allowPositionals: true,
});
const outdir = positionals[0] ?? 'dist';
const development = values.dev ?? values.watch ?? false;

/** Bundled CommonJS packages call require for Node's own modules, and ask where they are. */
const requireBanner = `import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url); const __dirname = import.meta.dirname;`;

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
  entryPoints: [
    'src/extension.ts',
    'src/cli.ts',
    // What cli.js runs; the tests run it many times in one process.
    'src/cli/commandLine.ts',
    'src/ledger/verifyWorker.ts',
    'src/history/historyWorker.ts',
    'src/queries/queryWorker.ts',
    // Copied: the thread of a query reads it beside itself.
    'sql.js/dist/sql-wasm.wasm',
    'src/retrieval/searchWorker.ts',
    'src/detection/detectionWorker.ts',
  ],
  outdir,
  entryNames: '[name]',
  loader: { '.wasm': 'copy' },
  // Beside the entry points, so that `new URL('./verifyWorker.js', import.meta.url)` holds in every chunk.
  chunkNames: '[name]-[hash]',
  platform: 'node',
  target: 'node22',
  format: 'esm',
  splitting: true,
  external: ['vscode'],
  plugins: [lazyNodeHttp],
  banner: { js: requireBanner },
};

/**
 * Split into chunks too: what shows an answer is large, and several views do.
 * @type {import('esbuild').BuildOptions}
 */
const webviews = {
  ...common,
  entryPoints: [
    ...globSync('src/views/*/webview/main.tsx').map((path) => ({ in: path, out: path.split(/[\\/]/)[2] })),
    { in: '@vscode/codicons/dist/codicon.css', out: 'codicon' },
  ],
  outdir: join(outdir, 'webview'),
  assetNames: '[name]',
  loader: { '.ttf': 'file' },
  platform: 'browser',
  target: 'chrome138',
  format: 'esm',
  splitting: true,
  chunkNames: '[name]-[hash]',
  jsx: 'automatic',
  jsxImportSource: 'preact',
};

await rm(outdir, { recursive: true, force: true });
if (values.watch) {
  const contexts = await Promise.all([context(node), context(webviews)]);
  await Promise.all(contexts.map((one) => one.watch()));
  console.log('Watching …');
} else {
  const results = await Promise.all([build(node), build(webviews)]);
  if (!development) await withoutNeedlessBanners(Object.keys(results[0].metafile.outputs));
  await chmod(join(outdir, 'cli.js'), 0o755);
  printSizes(results.map((result) => result.metafile));
}

/** Most chunks hold no CommonJS package: for them the banner would only be work at every start. */
async function withoutNeedlessBanners(paths) {
  for (const path of paths.filter((one) => one.endsWith('.js'))) {
    const bare = (await readFile(path, 'utf8')).replace(`${requireBanner}\n`, '');
    if (!/\b(?:require|__dirname)\b/.test(bare)) await writeFile(path, bare);
  }
}

function printSizes(metafiles) {
  const outputs = metafiles
    .flatMap((metafile) => Object.entries(metafile.outputs))
    .map(([path, { bytes }]) => ({ path: relative(outdir, path), bytes }))
    .filter(({ path }) => !path.endsWith('.map'));
  const isChunk = ({ path }) => /-[A-Z0-9]{8}\.js$/.test(path);
  const chunks = outputs.filter(isChunk);
  const named = outputs.filter((output) => !isChunk(output));
  const total = chunks.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of [...named, { path: `in ${chunks.length} chunks`, bytes: total }])
    console.log(`${(bytes / 1024).toFixed(1).padStart(8)} kB ${path}`);
}
