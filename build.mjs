// Bundles the extension, the command line, the workers and the webviews: node build.mjs [--dev] [--watch] [FOLDER]
import { chmod, copyFile, mkdir, rm, stat } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build, context } from 'esbuild';
import { rolldown, watch } from 'rolldown';
import { lazyNodeHttp } from './tools/lazyNodeHttp.mjs';
import { sharedChunks } from './tools/sharedChunks.mjs';

const { values, positionals } = parseArgs({
  options: { dev: { type: 'boolean' }, watch: { type: 'boolean' } },
  allowPositionals: true,
});
const outdir = positionals[0] ?? 'dist';
const development = values.dev ?? values.watch ?? false;
const environment = development ? '"development"' : '"production"';

const entries = [
  'src/extension.ts',
  'src/cli.ts',
  // What cli.js runs; the tests run it many times in one process.
  'src/cli/commandLine.ts',
  'src/ledger/verifyPartWorker.ts',
  'src/ledger/verifyWorker.ts',
  'src/history/historyWorker.ts',
  'src/queries/queryWorker.ts',
  'src/retrieval/searchWorker.ts',
  'src/detection/detectionWorker.ts',
  'src/flow/actions/security/secretsWorker.ts',
];

/**
 * What Node.js runs. Split into chunks, so that activation reads little and the AWS SDK is loaded by the first call.
 * @type {import('rolldown').InputOptions}
 */
const node = {
  input: entries,
  platform: 'node',
  // After the editor, what DBOS loads only if it is installed.
  external: [
    'vscode',
    'pg-native',
    '@dbos-inc/dbos-enterprise',
    '@dbos-inc/otel',
    /^@opentelemetry\//,
    'winston',
    'winston-transport',
  ],
  plugins: [lazyNodeHttp.rolldown],
  // Chunks may export what other chunks need beside what the entry does.
  preserveEntrySignatures: 'allow-extension',
  transform: {
    target: 'node22',
    // Bundled CommonJS packages ask where they are.
    define: { 'process.env.NODE_ENV': environment, __dirname: 'import.meta.dirname' },
  },
  checks: { ineffectiveDynamicImport: false },
};

/** @type {import('rolldown').OutputOptions} */
const nodeOutput = {
  dir: outdir,
  format: 'esm',
  minify: !development,
  sourcemap: development,
  entryFileNames: '[name].js',
  // Beside the entry points, so that `new URL('./verifyWorker.js', import.meta.url)` holds in every chunk.
  chunkFileNames: '[name]-[hash].js',
  codeSplitting: sharedChunks({
    entries,
    roots: ['src/extension.ts', 'src/cli.ts', 'src/app/compose.ts'],
    separate: 'src/cli/commandLine.ts',
  }),
};

/**
 * Split into chunks too: what shows an answer is large, and several views do.
 * @type {import('esbuild').BuildOptions}
 */
const webviews = {
  bundle: true,
  minify: !development,
  sourcemap: development,
  metafile: true,
  logLevel: 'warning',
  legalComments: 'none',
  define: { 'process.env.NODE_ENV': environment },
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
await mkdir(outdir, { recursive: true });
// The thread of a query reads it beside itself.
await copyFile(
  createRequire(import.meta.url).resolve('sql.js/dist/sql-wasm.wasm'),
  join(outdir, 'sql-wasm.wasm'),
);
if (values.watch) {
  watch({ ...node, output: nodeOutput });
  await (await context(webviews)).watch();
  console.log('Watching …');
} else {
  const [bundled, { metafile }] = await Promise.all([bundleForNode(), build(webviews)]);
  await chmod(join(outdir, 'cli.js'), 0o755);
  await printSizes(bundled, Object.keys(metafile.outputs));
}
async function bundleForNode() {
  const bundle = await rolldown(node);
  const { output } = await bundle.write(nodeOutput);
  await bundle.close();
  return output;
}

async function printSizes(bundled, webviewPaths) {
  const line = (bytes, name) => console.log(`${(bytes / 1024).toFixed(1).padStart(8)} kB ${name}`);
  const bytesOf = async (path) => (await stat(path)).size;
  let chunkBytes = 0;
  for (const { fileName, isEntry } of bundled) {
    const bytes = await bytesOf(join(outdir, fileName));
    if (isEntry) line(bytes, fileName);
    else chunkBytes += bytes;
  }
  line(chunkBytes, `in ${bundled.filter(({ isEntry }) => !isEntry).length} chunks`);
  for (const path of webviewPaths.filter((one) => !one.endsWith('.map')))
    line(await bytesOf(path), relative(resolve(outdir), resolve(path)));
}
