import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { Editor } from './editor.ts';
import { bundleSuite, readReport, type HostTestReport } from './hostSuite.ts';

/**
 * Runs test/workbench/host/*.test.ts with Mocha inside the extension host, beside the packaged
 * extension, and returns the report, which it also leaves in test-results/host.json.
 */
export async function runHostTests(environment: Record<string, string> = {}): Promise<HostTestReport> {
  const results = resolve('test-results');
  const bundle = await bundleSuite(results);
  const editor = await Editor.start({
    everyExtension: true,
    env: { ...environment, HOST_TEST_RESULTS: results },
  });
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
  return readReport(results);
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
