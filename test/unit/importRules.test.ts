import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** A small project that keeps every rule. */
const lawful: Record<string, string[]> = {
  'src/errors.ts': [],
  'src/settings/schema.ts': ['../errors.ts'],
  'src/pricing/cost.ts': ['../errors.ts', '../settings/schema.ts'],
  'src/ledger/contract.ts': ['../errors.ts', '../pricing/cost.ts', '../settings/schema.ts'],
  'src/ledger/ledger.ts': ['./contract.ts', 'node:crypto'],
  'src/gateways/ports.ts': ['../ledger/contract.ts'],
  'src/gateways/corporateLlm/gateway.ts': ['../ports.ts'],
  'src/health/checks.ts': ['../gateways/ports.ts', '../ledger/contract.ts'],
  'src/flow/manager.ts': ['../gateways/ports.ts', '../health/checks.ts'],
  'src/retrieval/index.ts': ['../errors.ts', 'node:fs/promises'],
  'src/chat/manager.ts': ['../gateways/ports.ts', '../flow/manager.ts', '../retrieval/index.ts'],
  'src/workflow/workflow.ts': ['../errors.ts', '../settings/schema.ts'],
  'src/workflowRuns/runner.ts': [
    '../workflow/workflow.ts',
    '../gateways/ports.ts',
    '../flow/manager.ts',
    '../retrieval/index.ts',
  ],
  'src/sessions/manager.ts': ['../gateways/ports.ts', '@aws-sdk/client', 'node:https'],
  'src/adapters/bedrock.ts': [
    '../gateways/ports.ts',
    '../sessions/manager.ts',
    '@aws-sdk/client',
    '@smithy/http',
  ],
  'src/host/commands.ts': ['vscode', '../chat/manager.ts'],
  'src/views/chat/protocol.ts': ['../../errors.ts'],
  'src/views/chat/panel.ts': ['vscode', './protocol.ts', '../../host/commands.ts'],
  'src/views/chat/webview/main.tsx': [
    'preact',
    '../protocol.ts',
    './list.tsx',
    '../../webviewKit/button.tsx',
  ],
  'src/views/chat/webview/list.tsx': ['preact'],
  'src/views/webviewKit/button.tsx': ['preact'],
  'src/app/compose.ts': [
    '../adapters/bedrock.ts',
    '../chat/manager.ts',
    '../ledger/ledger.ts',
    '../gateways/corporateLlm/gateway.ts',
    '../workflowRuns/runner.ts',
  ],
  'src/cli/budget.ts': ['../ledger/contract.ts'],
  'src/cli.ts': ['./app/compose.ts', './cli/budget.ts'],
  'src/extension.ts': ['vscode', './app/compose.ts', './views/chat/panel.ts'],
};

/** One import too many, and the rule that it breaks. */
const offences: [file: string, imported: string, rule: string][] = [
  ['src/settings/a.ts', '../ledger/contract.ts', 'one-way-settings'],
  ['src/pricing/a.ts', '../gateways/ports.ts', 'one-way-pricing'],
  ['src/ledger/a.ts', '../gateways/ports.ts', 'one-way-ledger'],
  ['src/ledger/b.ts', '../sessions/manager.ts', 'one-way-ledger'],
  ['src/gateways/a.ts', '../flow/manager.ts', 'one-way-gateways'],
  ['src/gateways/b.ts', '../chat/manager.ts', 'one-way-gateways'],
  ['src/gateways/f.ts', '../health/checks.ts', 'one-way-gateways'],
  ['src/health/a.ts', '../flow/manager.ts', 'one-way-health'],
  ['src/health/b.ts', '../host/commands.ts', 'one-way-health'],
  ['src/flow/a.ts', '../host/commands.ts', 'one-way-flow'],
  ['src/workflow/a.ts', '../flow/manager.ts', 'one-way-workflow'],
  ['src/workflow/b.ts', '../workflowRuns/runner.ts', 'one-way-workflow'],
  ['src/flow/h.ts', '../workflowRuns/runner.ts', 'one-way-flow'],
  ['src/workflowRuns/a.ts', '../chat/manager.ts', 'one-way-workflowRuns'],
  ['src/retrieval/a.ts', '../gateways/ports.ts', 'one-way-retrieval'],
  ['src/chat/a.ts', '../views/chat/panel.ts', 'one-way-chat'],
  ['src/sessions/a.ts', '../chat/manager.ts', 'one-way-sessions'],
  ['src/adapters/a.ts', '../host/commands.ts', 'one-way-adapters'],
  ['src/cli/a.ts', '../host/commands.ts', 'one-way-cli'],
  ['src/flow/f.ts', '../cli/budget.ts', 'one-way-flow'],
  ['src/host/a.ts', '../extension.ts', 'front-doors-on-top'],
  ['src/views/chat/a.ts', '../../cli.ts', 'front-doors-on-top'],
  ['src/views/chat/d.ts', '../../app/compose.ts', 'one-way-views'],
  ['src/shared.ts', './pricing/cost.ts', 'shared-files-at-the-bottom'],
  ['src/gateways/c.ts', '../adapters/bedrock.ts', 'adapters-only-in-compose'],
  ['src/host/b.ts', '../adapters/bedrock.ts', 'adapters-only-in-compose'],
  ['src/gateways/e.ts', '../ledger/ledger.ts', 'ledger-by-its-ports'],
  ['src/ledger/c.ts', './ledger.ts', 'ledger-by-its-ports'],
  ['src/host/d.ts', '../gateways/corporateLlm/gateway.ts', 'one-door-to-a-model'],
  ['src/cli/b.ts', '../gateways/corporateLlm/gateway.ts', 'one-door-to-a-model'],
  ['src/flow/g.ts', '../gateways/corporateLlm/gateway.ts', 'one-door-to-a-model'],
  ['src/chat/b.ts', 'vscode', 'vscode-only-at-the-edge'],
  ['src/adapters/b.ts', 'vscode', 'vscode-only-at-the-edge'],
  ['src/views/webviewKit/a.tsx', 'vscode', 'vscode-only-at-the-edge'],
  ['src/views/chat/webview/a.tsx', 'vscode', 'vscode-only-at-the-edge'],
  ['src/views/chat/webview/a.tsx', 'vscode', 'webview-stays-in-the-browser'],
  ['src/gateways/d.ts', '@aws-sdk/client', 'no-direct-aws-calls'],
  ['src/host/c.ts', '@smithy/http', 'no-direct-aws-calls'],
  ['src/flow/b.ts', 'node:https', 'no-direct-network'],
  ['src/views/chat/webview/b.tsx', '../panel.ts', 'webview-stays-in-the-browser'],
  ['src/views/chat/webview/c.tsx', '../../../errors.ts', 'webview-stays-in-the-browser'],
  ['src/views/chat/webview/d.tsx', '../../budget/protocol.ts', 'webview-stays-in-the-browser'],
  ['src/views/chat/webview/e.tsx', 'node:fs', 'webview-stays-in-the-browser'],
  ['src/errors2.ts', '../test/helper.ts', 'product-without-tests'],
  ['src/flow/c.ts', './d.ts', 'no-cycles'],
  ['src/flow/e.ts', 'no-such-package', 'resolvable'],
];

const others: Record<string, string[]> = {
  'src/views/budget/protocol.ts': ['../../errors.ts'],
  'src/flow/d.ts': ['./c.ts'],
  'src/lonely.ts': [],
  'test/helper.ts': [],
};

const packages = ['@aws-sdk/client', '@smithy/http', 'preact'];

describe('import rules', () => {
  let folder: string;
  let report: string;
  let violations: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'import-rules-'));
    for (const name of ['.dependency-cruiser.mjs', 'tsconfig.json']) await cp(name, join(folder, name));
    for (const name of packages) {
      await write(
        `node_modules/${name}/package.json`,
        JSON.stringify({ name, version: '1.0.0', main: 'index.js' }),
      );
      await write(`node_modules/${name}/index.js`, 'export {};');
    }
    const dependencies = Object.fromEntries(packages.map((name) => [name, '1.0.0']));
    await write('package.json', JSON.stringify({ name: 'fixture', type: 'module', dependencies }));
    for (const [file, imported] of Object.entries({ ...lawful, ...others }))
      await writeModule(file, imported);
    for (const [file, imported] of offences) await writeModule(file, [imported]);
    report = await failingReport();
    violations = [...report.matchAll(/error (\S+): (\S+)/g)].map(([, rule, file]) => `${file} ${rule}`);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(offences)('%s may not import %s: %s', (file, _imported, rule) => {
    expect(violations).toContain(`${file} ${rule}`);
  });

  test('a file that no front door leads to is reported', () => {
    expect(violations).toContain('src/lonely.ts no-orphans');
  });

  test('nothing lawful is reported', () => {
    const expected = [
      ...offences.flatMap(([file, , rule]) => [`${file} ${rule}`, `${file} no-orphans`]),
      ...Object.keys(others).map((file) => `${file} no-orphans`),
    ];
    expect(violations.filter((one) => !expected.includes(one))).toEqual([]);
  });

  test('the report says why', () => {
    expect(report).toContain('NO DIRECT AWS CALLS ALLOWED');
  });

  function writeModule(file: string, imported: string[]) {
    return write(
      file,
      `${imported.map((name) => `import type {} from '${name}';`).join('\n')}\nexport {};\n`,
    );
  }

  async function write(file: string, text: string) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }

  function failingReport() {
    const command = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const parameters = [command, '--config', '.dependency-cruiser.mjs', '--output-type', 'err-long', 'src'];
    return new Promise<string>((done, fail) => {
      execFile(process.execPath, parameters, { cwd: folder }, (error, stdout, stderr) => {
        if (error && stdout !== '') done(stdout);
        else fail(new Error(`The rules were not checked, or found nothing.\n${stdout}${stderr}`));
      });
    });
  }
});
