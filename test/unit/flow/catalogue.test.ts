import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { flowFiles, loadCatalogue, type FlowFile } from '../../../src/flow/catalogue.ts';
import { faultText } from '../../../src/yamlDocument.ts';
import { temporaryFolder } from '../../support/temporary.ts';

function agreement(trigger: string, action: string, more = ''): string {
  return `
  - trigger: "[${trigger}]"
    flow_encoding: "@team#work!do@${action}"
    expanded_meaning: The team’s own.
    action: ${action}
    real_implementation: budget_summary
    ${more}`;
}

function written(folder: string, name: string, kind: FlowFile['kind'], ...agreements: string[]): FlowFile {
  const path = join(folder, name);
  writeFileSync(path, `agreements:${agreements.join('')}\n`);
  return { path, kind };
}

describe('the catalogue', () => {
  it('has the seven that are built in, with parameters, fallbacks and limits', async () => {
    const { agreements, faults, files } = await loadCatalogue({ files: [] });
    expect(faults).toEqual([]);
    expect(files).toEqual([]);
    const rows = agreements.map((one) => [
      one.id,
      one.trigger,
      one.fallback,
      one.costLimit,
      one.timeLimitSeconds,
    ]);
    expect(rows).toEqual([
      ['performance_benchmark', '[Performance Test]', 'recorded_performance', 500_000n, 300],
      ['cost_analysis', '[Cost Analysis]', 'budget_summary', 0n, 300],
      ['error_analysis', '[Error Analysis]', 'health_check', 0n, 300],
      ['integration_test', '[Integration Test]', 'health_check', 50_000n, 300],
      ['scalability_test', '[Scalability Test]', 'recorded_performance', 1_000_000n, 600],
      ['security_test', '[Security Test]', 'health_check', 50_000n, 300],
      ['compliance_report', '[Compliance Report]', 'health_check', 0n, 300],
    ]);
    expect(agreements.every(({ source }) => source.kind === 'built-in')).toBe(true);
    expect(agreements[1]!.parameters.map(({ name }) => name)).toEqual(['days']);
    expect(new Set(agreements.map(({ definitionSha256 }) => definitionSha256)).size).toBe(7);
  });

  it('joins the user’s file and those of the workspace; what isn’t there is left out', async () => {
    const folder = temporaryFolder();
    const user = written(folder, 'user.yaml', 'user', agreement('Mine', 'mine'));
    const workspace = written(folder, 'team.yaml', 'workspace', agreement('Ours', 'ours'));
    const missing: FlowFile = { path: join(folder, 'none', 'flow.yaml'), kind: 'workspace' };
    const { agreements, faults, files } = await loadCatalogue({ files: [user, missing, workspace] });
    expect(faults).toEqual([]);
    expect(files).toEqual([user, workspace]);
    expect(agreements.slice(7).map(({ id, source }) => [id, source.kind, source.line])).toEqual([
      ['mine', 'user', 2],
      ['ours', 'workspace', 2],
    ]);
  });

  it('lets no file take what is built in or what an earlier file has', async () => {
    const folder = temporaryFolder();
    const user = written(folder, 'user.yaml', 'user', agreement('Mine', 'mine', 'phrases: [my own thing]'));
    const workspace = written(
      folder,
      'team.yaml',
      'workspace',
      agreement('Security test', 'a'),
      agreement('B', 'cost_analysis'),
      agreement('C', 'c', 'phrases: [Benchmark the gateway]'),
      agreement('D', 'd', 'phrases: [mine]'),
      agreement('My own thing', 'e'),
      agreement('F', 'mine'),
      agreement('Ours', 'ours'),
    );
    const { agreements, faults } = await loadCatalogue({ files: [user, workspace] });
    expect(agreements.slice(7).map(({ id }) => id)).toEqual(['mine', 'ours']);
    const at = user.path;
    expect(faults.map((fault) => faultText(fault).slice(workspace.path.length + 1))).toEqual([
      '2:14: [Security test] is already used: [Security Test] is built in',
      '11:13: cost_analysis is already used: [Cost Analysis] is built in',
      '19:15: Benchmark the gateway is already used: [Performance Test] is built in',
      `25:15: mine is already used: ${at}:2:14`,
      `26:14: [My own thing] is already used: ${at}:7:15`,
      `33:20: @team#work!do@mine is already used: ${at}:3:20`,
      `35:13: mine is already used: ${at}:5:13`,
    ]);
  });

  it.each([
    ...['CostAnalysis', 'Costs Analysis', 'Cost Analysiś', 'Securlty Test', 'Run Security Test'],
    ...['Please run the cost analysis now', 'Analyse  cost'],
  ])('lets no file take a name that looks like one built in: [%s]', async (trigger) => {
    const file = written(temporaryFolder(), 'team.yaml', 'workspace', agreement(trigger, 'a'));
    const { agreements, faults } = await loadCatalogue({ files: [file] });
    expect(agreements).toHaveLength(7);
    expect(faults.map(({ message }) => message)).toEqual([expect.stringContaining('is built in')]);
    expect(faults[0]!.place).toMatchObject({ line: 2, column: 14 });
  });

  it.each([
    'run the security test',
    'please performance test',
    'error analysis please',
    'the integration test',
  ])('lets no file take the polite form of a name as a phrase: %s', async (phrase) => {
    const file = written(
      temporaryFolder(),
      ...(['team.yaml', 'workspace', agreement('Mine', 'a', `phrases: [${phrase}]`)] as const),
    );
    const { agreements, faults } = await loadCatalogue({ files: [file] });
    expect(agreements).toHaveLength(7);
    expect(faults.map(({ message }) => message)).toEqual([expect.stringContaining('is built in')]);
  });

  it('lets an agreement have a name of its own in several wordings', async () => {
    const phrases = 'phrases: [change, run the changes, Änderungen, нового]';
    const file = written(temporaryFolder(), 'team.yaml', 'user', agreement('Changes', 'a', phrases));
    expect((await loadCatalogue({ files: [file] })).faults).toEqual([]);
  });

  it('names a file that can’t be read, and never waits for one', async () => {
    const folder = temporaryFolder();
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    mkdirSync(join(folder, 'directory'));
    const huge = join(folder, 'huge');
    writeFileSync(huge, '');
    truncateSync(huge, 2 ** 20 + 1);
    const paths = [pipe, join(folder, 'directory'), huge];
    const { agreements, faults, files } = await loadCatalogue({
      files: paths.map((path) => ({ path, kind: 'workspace' })),
    });
    expect(agreements).toHaveLength(7);
    expect(files).toEqual([]);
    expect(faults.map(({ place }) => place!.file)).toEqual(paths);
    expect(faults[2]!.message).toContain('larger than');
  });

  it('looks for files beside the user’s settings and in each folder, never outside of it', () => {
    const { files, faults } = flowFiles(
      { TIDYLLM_HOME: '/home/ada/tidyllm' },
      [
        '.tidyllm/flow.yaml',
        '../flow.yaml',
        '/etc/flow.yaml',
        'a/../../flow.yaml',
        'C:\\flow.yaml',
        'team/flow.yaml',
      ],
      ['/work/one', '/work/two'],
    );
    expect(files).toEqual([
      { path: '/home/ada/tidyllm/flow.yaml', kind: 'user' },
      { path: '/work/one/.tidyllm/flow.yaml', kind: 'workspace' },
      { path: '/work/two/.tidyllm/flow.yaml', kind: 'workspace' },
      { path: '/work/one/team/flow.yaml', kind: 'workspace' },
      { path: '/work/two/team/flow.yaml', kind: 'workspace' },
    ]);
    expect(faults.map(({ message }) => /"(.*)" is not in the workspace folder/.exec(message)![1])).toEqual([
      ...['../flow.yaml', '/etc/flow.yaml', 'a/../../flow.yaml', 'C:\\flow.yaml'],
    ]);
  });
});
