// Type check, lint, formatting and import rules; prints only what fails.
import { capture, twoAtOnce } from './processes.mjs';
import { environment, isMain, main, node24, root } from './setup.mjs';

const projects = ['tsconfig.json', 'tsconfig.webview.json', 'tsconfig.workbench.json', 'tsconfig.tools.json'];

const checks = [
  { name: 'eslint', command: ['eslint', '.', '--max-warnings', '0'] },
  ...projects.map((project) => ({
    name: `types ${project}`,
    // TypeScript 6 stands beside it for the lint, whose rules need its interface.
    command: ['node', 'node_modules/typescript7/bin/tsc', '--project', project, '--pretty', 'false'],
  })),
  { name: 'prettier', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
  { name: 'generated files', command: ['node', 'tools/generate.mjs', '--check'] },
  {
    name: 'import rules',
    command: ['depcruise', '--config', '.dependency-cruiser.mjs', '--output-type', 'err-long', 'src'],
  },
];

/** Runs every check and returns each one's name, outcome and output. */
export async function runChecks() {
  const env = { ...environment(await node24()), NO_COLOR: '1' };
  return twoAtOnce(
    checks.map(({ name, command: [command, ...parameters] }) => async () => {
      const { code, output } = await capture(command, parameters, { cwd: root, env });
      return { name, passed: code === 0, output };
    }),
  );
}

if (isMain(import.meta.url))
  await main(async () => {
    const failures = (await runChecks()).filter(({ passed }) => !passed);
    for (const { name, output } of failures) console.error(`${name}\n${output.trim()}\n`);
    if (failures.length > 0) process.exitCode = 1;
  });
