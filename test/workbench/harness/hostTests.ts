import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { globSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { Editor } from './editor.ts';

export interface HostTestReport {
  stats: { passes: number; failures: number; pending: number };
  failures: { fullTitle: string; err: { message?: string; stack?: string } }[];
}

/**
 * Runs test/workbench/host/*.test.ts with Mocha inside the extension host, beside the packaged
 * extension, and returns the report, which it also leaves in test-results/host.json.
 */
export async function runHostTests(environment: Record<string, string> = {}): Promise<HostTestReport> {
  // Inside the repository, so that the suite finds mocha in node_modules.
  const bundle = resolve('.cache/host-tests');
  const results = resolve('test-results');
  const report = join(results, 'host.json');
  await bundleSuite(bundle);
  await mkdir(results, { recursive: true });
  await rm(report, { force: true });
  const editor = await Editor.start({ env: { ...environment, HOST_TEST_RESULTS: results } });
  onTestFinished(() => editor.dispose());
  const ended = Promise.withResolvers<number>();
  const developmentOptions = {
    extensions: [editor.remoteUri(bundle)],
    extensionTestsPath: editor.remoteUri(join(bundle, 'index')),
  };
  await editor.open(editor.workspace, {
    // The tests end the window, perhaps before its status item was seen.
    awaitExtension: false,
    prepare: async (page) => {
      await page.exposeFunction('codeAutomationLog', () => undefined);
      await page.exposeFunction('codeAutomationExit', ended.resolve);
      await page.addInitScript(injectDevelopmentOptions, developmentOptions);
    },
  });
  await ended.promise;
  return JSON.parse(await readFile(report, 'utf8')) as HostTestReport;
}

/** The suite is an extension of its own without any function: the one under test is the installed VSIX. */
async function bundleSuite(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
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
}

/** Runs in the page before the workbench reads its configuration from the document. */
function injectDevelopmentOptions(options: Record<string, unknown>): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its element below
  const original = Element.prototype.getAttribute;
  Element.prototype.getAttribute = function (name) {
    const value = original.call(this, name);
    if (name !== 'data-settings' || !value || this.id !== 'vscode-workbench-web-configuration') return value;
    const configuration = JSON.parse(value) as { developmentOptions?: object };
    return JSON.stringify({
      ...configuration,
      developmentOptions: { ...configuration.developmentOptions, ...options },
    });
  };
}
