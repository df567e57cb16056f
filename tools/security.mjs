// The tests of attacks alone: npm run test:security
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { environment, main, node24, root, testServers, ToolError } from './setup.mjs';

/** What each attacks, and where. */
const attacks = {
  'the exported API': ['workbench/host'],
  'a ledger that was damaged, removed or replaced': ['unit/ledger/closure', 'integration/closedLedger'],
  'a closed ledger in every view': ['workbench/closedLedger'],
  'names of models, workspaces and users': [
    ...['integration/modelCaps', 'integration/workspaceCaps', 'unit/userName', 'integration/userNames'],
    'integration/callers',
  ],
  'settings of a workspace': ['unit/settings/workspaceModel', 'unit/settings/foreignFiles'],
  'the clock and variables': ['unit/ledger/heldClock', 'integration/looseningVariables'],
  'keys and verifiers': [
    ...['unit/ledger/keys', 'integration/pinnedKey', 'unit/ledger/twoVerifiers', 'faults/twoVerifiers'],
  ],
  'what is printed': ['unit/visibleText', 'integration/foreignText'],
  'what servers answer': ['integration/unboundedAnswers', 'integration/endsOfAnswers'],
  files: ['unit/readFile', 'unit/excessiveYaml', 'integration/hostileFiles', 'integration/hostileLedger'],
  'commands and repositories': ['integration/flow/shell', 'unit/program', 'integration/hostileRepository'],
  'the gaps of an installation': ['integration/flow/securityTest'],
};

await main(async () => {
  const files = Object.values(attacks)
    .flat()
    .map((name) => `test/${name}.test.ts`);
  const missing = files.filter((file) => !existsSync(join(root, file)));
  if (missing.length > 0) throw new ToolError(`These tests are not there: ${missing.join(', ')}.`);
  const servers = await testServers();
  const env = { ...environment(await node24()), ...servers };
  if ((await run('node', ['build.mjs'], env)) === 0)
    process.exitCode = await run('vitest', ['run', ...files], env);
  else process.exitCode = 1;
});

function run(command, parameters, env) {
  const child = spawn(command, parameters, {
    cwd: root,
    env,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new ToolError(`${command}: ${error.message}`)));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
