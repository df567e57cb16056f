// The tests inside the extension host, in VS Code for the desktop: npm run test:desktop [-- PATH]
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  downloadAndUnzipVSCode,
  resolveCliPathFromVSCodeExecutablePath,
  runTests,
  SilentReporter,
  TestRunFailedError,
} from '@vscode/test-electron';
import { calmSettings, writeSettings } from '../../tools/editor.mjs';
import { packageExtension } from '../../tools/package.mjs';
import { copySample } from '../../tools/sample.mjs';
import { messageOf } from '../../src/errors.ts';
import { cache } from '../../tools/setup.mjs';
import { hostEnvironment } from './harness/hostEnvironment.ts';
import { bundleSuite, readReport } from './harness/hostSuite.ts';

const code = process.argv[2] ?? (await downloaded());
if (code === null) process.exitCode = 2;
else if (!(await testIn(code))) process.exitCode = 1;

/** Says why there is none, and what to do. */
async function downloaded(): Promise<string | null> {
  try {
    const reporter = new SilentReporter();
    return await downloadAndUnzipVSCode({ cachePath: join(cache, 'vscode-desktop'), reporter });
  } catch (error) {
    console.error(
      `VS Code can’t be downloaded (${messageOf(error)}): connect to the internet, or name the program of an installed one with \`npm run test:desktop -- PATH\`.`,
    );
    return null;
  }
}

/** Runs the suite with a profile of its own; tells what it did, and returns whether it passed. */
async function testIn(code: string): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'tidyllm-desktop-'));
  try {
    const profile = join(folder, 'profile');
    const workspace = join(folder, 'workspace');
    const results = resolve('test-results');
    await writeSettings(profile, calmSettings);
    await copySample(workspace);
    await mkdir(join(folder, 'home'));
    const options = [
      '--user-data-dir',
      join(profile, 'data'),
      '--extensions-dir',
      join(profile, 'extensions'),
    ];
    await install(code, options, join(folder, 'extension.vsix'));
    const suite = await bundleSuite(results);
    await runTests({
      vscodeExecutablePath: code,
      extensionDevelopmentPath: suite,
      extensionTestsPath: join(suite, 'index'),
      extensionTestsEnv: { ...hostEnvironment(folder), HOST_TEST_RESULTS: results },
      launchArgs: [workspace, ...options],
    }).catch((error: unknown) => {
      // What failed is in the report.
      if (!(error instanceof TestRunFailedError)) throw error;
    });
    const report = await readReport(results).catch(() => null);
    if (!report) {
      console.error(
        'VS Code ended before the tests did, and what it printed is above. On Linux it needs a screen: `xvfb-run npm run test:desktop` gives it one.',
      );
      return false;
    }
    const { stats, failures } = report;
    for (const { fullTitle, err } of failures)
      console.error(`${fullTitle}\n${err.stack ?? err.message ?? ''}\n`);
    console.log(`${stats.passes} passed, ${stats.failures} failed`);
    return stats.passes > 0 && stats.failures === 0;
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function install(code: string, options: readonly string[], vsix: string): Promise<void> {
  await packageExtension(vsix);
  const commandLine = resolveCliPathFromVSCodeExecutablePath(code);
  await promisify(execFile)(commandLine, [...options, '--install-extension', vsix, '--force'], {
    shell: process.platform === 'win32',
  });
}
