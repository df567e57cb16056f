// Sets up everything and runs every check and test. The last line printed is `N passed, N failed`.
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecks } from './check.mjs';
import { capture, killGroups, processes, signal } from './processes.mjs';
import { dependencies, environment, main, node24, root, testServers } from './setup.mjs';

const results = join(root, 'test-results');
const stageLimit = 20 * 60 * 1000;
/** Marks every process of this run, so that none is left behind unnoticed. */
const run = randomUUID();

/** The variables by which the tests find their servers, or why there are none. Before the stages, which set it. */
let installing;

const stages = [
  { name: 'set-up', work: setUp },
  { name: 'check', work: check },
  { name: 'build', work: build },
  { name: 'unit', work: () => vitest('unit', 'unit-mocked') },
  { name: 'servers', work: servers },
  ...['integration', 'faults', 'workbench'].map((name) => ({ name, work: () => vitest(name) })),
  { name: 'processes', work: leftovers },
];

await main(async () => {
  process.env.TEST_RUN = run;
  process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'tidyllm-test-'));
  // PostgreSQL runs as another user where we are root.
  chmodSync(process.env.TMPDIR, 0o711);
  process.env.VSIX = join(process.env.TMPDIR, 'extension.vsix');
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => process.exit(130));
  process.on('exit', () => {
    killGroups();
    for (const { pid } of ofThisRun()) signal(pid, 'SIGKILL');
    rmSync(process.env.TMPDIR, { recursive: true, force: true, maxRetries: 3 });
  });
  await rm(results, { recursive: true, force: true });
  let passed = 0;
  let failed = 0;
  for (const { name, work } of stages) {
    const start = performance.now();
    const outcome = await work().catch((error) => ({ passed: 0, failed: 1, output: String(error.stack) }));
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    passed += outcome.passed;
    failed += outcome.failed;
    console.log(`${name.padEnd(12)}${summary(outcome).padEnd(40)}${seconds.padStart(6)} s`);
    if (outcome.output) console.log(`${outcome.output.trim().replaceAll(/^/gm, '    ')}\n`);
    if (name === 'faults') console.log(await faultTable());
  }
  if (failed > 0 || passed === 0) process.exitCode = 1;
  console.log(`${passed} passed, ${failed} failed`);
});

/** @typedef {{ passed: number, failed: number, skipped?: number, output?: string }} Outcome */

/**
 * The packages are there at the end; what only the later stages need is fetched beside the checks.
 * @returns {Promise<Outcome>}
 */
async function setUp() {
  await dependencies();
  await node24();
  installing = testServers().catch((error) => error);
  return { passed: 0, failed: 0 };
}

/** @returns {Promise<Outcome>} */
async function servers() {
  const variables = await installing;
  if (variables instanceof Error) throw variables;
  Object.assign(process.env, variables);
  return { passed: 0, failed: 0 };
}

/** @returns {Promise<Outcome>} */
async function check() {
  const checks = await runChecks();
  const failures = checks.filter((one) => !one.passed);
  return {
    passed: checks.length - failures.length,
    failed: failures.length,
    output: failures.map(({ name, output }) => `${name}\n${output}`).join('\n'),
  };
}

/**
 * What is built here is what the later stages test.
 * @returns {Promise<Outcome>}
 */
async function build() {
  const outcome = { passed: 0, failed: 0, output: '' };
  for (const parameters of [['build.mjs'], ['tools/package.mjs', process.env.VSIX]]) {
    const { code, output } = await runWithNode24('node', parameters);
    if (code === 0) outcome.passed += 1;
    else Object.assign(outcome, { failed: outcome.failed + 1, output: outcome.output + output });
  }
  return outcome;
}

/** @returns {Promise<Outcome>} */
async function vitest(project, ...others) {
  const file = join(results, `${project}.json`);
  const { code, output } = await runWithNode24('vitest', [
    'run',
    ...[project, ...others].flatMap((name) => ['--project', name]),
    ...['--reporter=dot', '--reporter=json', `--outputFile.json=${file}`],
  ]);
  const report = await readJson(file);
  const host = project === 'workbench' ? await readJson(join(results, 'host.json')) : undefined;
  const passed = (report?.numPassedTests ?? 0) + (host?.stats.passes ?? 0);
  const failed = (report?.numFailedTests ?? 0) + (host?.stats.failures ?? 0);
  const skipped = (report?.numPendingTests ?? 0) + (host?.stats.pending ?? 0);
  // A file that could not be loaded or a run that broke off has no failed test of its own.
  const broken = failed === 0 && (code !== 0 || passed === 0) ? 1 : 0;
  return { passed, failed: failed + broken, skipped, ...(failed + broken > 0 && { output }) };
}

/**
 * Nothing that the tests started may outlive them.
 * @returns {Promise<Outcome>}
 */
async function leftovers() {
  const left = ofThisRun();
  return left.length === 0
    ? { passed: 1, failed: 0 }
    : { passed: 0, failed: 1, output: left.map(({ pid, command }) => `${pid} ${command}`).join('\n') };
}

function ofThisRun() {
  return processes().filter(
    ({ pid, environment }) => pid !== process.pid && environment.includes(`TEST_RUN=${run}`),
  );
}

async function runWithNode24(command, parameters) {
  const env = { ...environment(await node24()), ...(!process.stdout.isTTY && { NO_COLOR: '1' }) };
  return capture(command, parameters, { cwd: root, env, limit: stageLimit });
}

/** What each fault test did. */
async function faultTable() {
  const lines = await readFile(join(results, 'faults.txt'), 'utf8').catch(() => '');
  return lines.replaceAll(/^(?=.)/gm, '    ').trimEnd();
}

/** @param {Outcome} outcome */
function summary({ passed, failed, skipped }) {
  const parts = [passed && `${passed} passed`, failed && `${failed} failed`, skipped && `${skipped} skipped`];
  return parts.filter(Boolean).join(', ') || 'done';
}

async function readJson(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}
