import { globSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

export interface HostTestReport {
  stats: { passes: number; failures: number; pending: number };
  failures: { fullTitle: string; err: { message?: string; stack?: string } }[];
}

/**
 * Bundles test/workbench/host/*.test.ts as an extension of its own without any function (the one under test is the
 * installed VSIX), and makes room for its report. Returns the extension's folder.
 */
export async function bundleSuite(results: string): Promise<string> {
  // Inside the repository, so that the suite finds mocha in node_modules.
  const folder = resolve('.cache/host-tests');
  await rm(folder, { recursive: true, force: true });
  await mkdir(results, { recursive: true });
  await rm(reportIn(results), { force: true });
  await build({
    entryPoints: [...globSync('test/workbench/host/*.test.ts'), 'test/workbench/host/index.ts'],
    outdir: folder,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['vscode', 'mocha'],
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  const manifest = {
    name: 'host-tests',
    publisher: 'tidyllm',
    version: '0.0.0',
    type: 'commonjs',
    engines: { vscode: '*' },
    main: './main.js',
    activationEvents: ['*'],
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'main.js'), 'exports.activate = () => {};');
  return folder;
}

/** What the suite left in the folder HOST_TEST_RESULTS. */
export async function readReport(results: string): Promise<HostTestReport> {
  return JSON.parse(await readFile(reportIn(results), 'utf8')) as HostTestReport;
}

function reportIn(results: string): string {
  return join(results, 'host.json');
}
