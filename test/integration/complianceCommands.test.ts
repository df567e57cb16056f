import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const email = 'ada.lovelace@example.com';
const key = `AKIA${'Z7QX2MNB'.repeat(2)}`;

function environmentOf(): Record<string, string> {
  return { ...(process.env as Record<string, string>) };
}

describe('tidyllm compliance check', () => {
  it('prints exactly the contract’s document, and ends with 8 for what would be kept back', async () => {
    await gatewayOnStandIn();
    const file = join(temporaryFolder(), 'text.txt');
    const text = `mail ${email}\nkey = ${key}\n`;
    writeFileSync(file, text);
    const { code, document } = await tidyllmJson(['compliance', 'check', file], {
      environment: environmentOf(),
    });
    expect(code).toBe(8);
    expect(document).toEqual({
      decision: 'block',
      findings: [
        { rule: 'email', class: 'personal_data', start: 5, end: 5 + email.length, action: 'redact' },
        {
          rule: expect.any(String) as string,
          class: 'secret',
          start: text.indexOf(key),
          end: text.indexOf(key) + key.length,
          action: 'block',
        },
      ],
      redacted: expect.stringMatching(/^mail \[EMAIL-\w{3}\]\nkey = \[SECRET\]\n$/) as string,
    });
  });

  it('reads standard input, and records nothing', async () => {
    const { core } = await gatewayOnStandIn();
    const nothing = await tidyllm(['compliance', 'check', '-'], {
      environment: environmentOf(),
      stdin: 'plain words',
    });
    expect(nothing).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Nothing was found.') as string,
    });
    const found = await tidyllm(['compliance', 'check', '-'], { environment: environmentOf(), stdin: email });
    expect(found.code).toBe(0);
    expect(found.stdout).toMatch(/1:1 +email +personal data +redact/);
    expect(await recordsOf(core, 'note')).toEqual([]);
  });
});

describe('a file that policy keeps back', () => {
  it('goes into no request of the command, and a workspace can only add patterns', async () => {
    const gateway = await gatewayOnStandIn();
    const folder = temporaryFolder();
    const user = join(folder, 'settings.yaml');
    mkdirSync(join(folder, 'work', '.tidyllm'), { recursive: true });
    writeFileSync(user, "compliance: { paths_denied: ['*.sql'] }\n");
    const own = join(folder, 'work', '.tidyllm', 'settings.yaml');
    writeFileSync(own, 'compliance: { paths_denied: [customers] }\n');
    mkdirSync(join(folder, 'work', 'customers'));
    writeFileSync(join(folder, 'work', 'customers', 'list.md'), 'a list');
    writeFileSync(join(folder, 'work', 'dump.sql'), 'a dump');
    symlinkSync(join(folder, 'work', 'dump.sql'), join(folder, 'work', 'notes.md'));
    writeFileSync(join(folder, 'work', 'open.md'), 'open');
    const environment = { ...environmentOf(), TIDYLLM_SETTINGS: user };
    const ask = (file: string) =>
      tidyllmJson(['chat', 'hi', '--reason', 'JIRA-1 files', '--file', file], {
        environment,
        cwd: join(folder, 'work'),
      });
    const places = { 'customers/list.md': `in ${own}`, 'dump.sql': `in ${user}`, 'notes.md': `in ${user}` };
    for (const [file, place] of Object.entries(places)) {
      const { code, document } = await ask(file);
      expect(code).toBe(8);
      expect(document).toMatchObject({
        error: { code: 'compliance_blocked', message: expect.stringContaining(place) as string },
      });
    }
    expect(gateway.standIn.calls).toEqual([]);
    expect((await ask('open.md')).code).toBe(0);
  });
});

describe('the decision of policy', () => {
  const found = [{ rule: 'email', class: 'personal_data', count: 1 }];
  const decided = { decision: 'redact', findings: found };

  it('is in the documents of chat, compare and embed', async () => {
    await gatewayOnStandIn();
    const text = `Write to ${email}`;
    const reason = ['--reason', 'JIRA-1 decision'];
    const run = (...args: string[]) => tidyllmJson([...args, ...reason], { environment: environmentOf() });
    expect((await run('chat', text)).document).toMatchObject({ compliance: decided });
    const compared = await run('compare', '--models', 'nova-pro,nova-lite', text);
    expect(compared.document).toMatchObject({ results: [{ compliance: decided }, { compliance: decided }] });
    const embedded = await run('embed', text);
    expect(embedded.document).toMatchObject({ compliance: { ...decided, answer_findings: [], late: false } });
    const blocked = await run('embed', key);
    expect(blocked).toMatchObject({ code: 8, document: { compliance: { decision: 'block' } } });
  });
});

describe('tidyllm compliance report', () => {
  async function someCalls({ core }: TestGateway): Promise<void> {
    const calls = core.registry.calls();
    await calls.execute({ prompt: 'hello', auditReason: 'JIRA-1 first' });
    await calls.execute({ prompt: `Write to ${email} and ${email}`, auditReason: 'no ticket here' });
    await calls.execute({ prompt: `Use ${key}`, auditReason: 'JIRA-2 blocked' });
  }

  it('counts for each control what the calls came to, with the records of those that failed', async () => {
    const gateway = await gatewayOnStandIn({ TIDYLLM_COMPLIANCE_LEVEL: 'sox' });
    await someCalls(gateway);
    const reserved = await recordsOf(gateway.core, 'RESERVE');
    const { code, document } = await tidyllmJson(['compliance', 'report', '--level', 'sox'], {
      environment: environmentOf(),
    });
    expect(code).toBe(0);
    expect(document).toMatchObject({
      level: 'sox',
      chain_verified: true,
      calls: 3,
      checked_calls: 2,
      blocked_calls: 1,
      redacted_calls: 1,
      late_calls: 0,
    });
    const controls = document['controls'] as Record<string, unknown>[];
    expect(controls.find(({ id }) => id === 'sox.ticket')).toMatchObject({
      passed: 1,
      failed: 1,
      failed_records: [reserved[1]?.seq],
    });
    expect(controls.find(({ id }) => id === 'sox.records')).toMatchObject({ passed: 2, failed: 0 });
    const findings = document['findings'] as Record<string, unknown>[];
    expect(findings.find(({ rule }) => rule === 'email')).toMatchObject({
      class: 'personal_data',
      findings: 2,
      calls: 1,
      records: [reserved[1]?.seq],
    });
    expect(findings.find(({ class: of }) => of === 'secret')).toMatchObject({ findings: 1, calls: 1 });
  });

  it('is Markdown or CSV with the same figures, and never has a value', async () => {
    const gateway = await gatewayOnStandIn({ TIDYLLM_COMPLIANCE_LEVEL: 'gdpr' });
    await someCalls(gateway);
    const environment = environmentOf();
    const markdown = await tidyllm(['compliance', 'report', '--level', 'gdpr'], { environment });
    expect(markdown.stdout).toContain(
      '| The purpose is stated (gdpr.5_1_b) | GDPR article 5(1)(b) | 2 | 0 | 0 |',
    );
    const csv = await tidyllm(['compliance', 'report', '--level', 'gdpr', '--format', 'csv'], {
      environment,
    });
    expect(csv.stdout).toContain('control,gdpr.5_1_b,GDPR article 5(1)(b),The purpose is stated,2,0,0,');
    for (const { stdout } of [markdown, csv]) {
      expect(stdout).not.toContain(email);
      expect(stdout).not.toContain(key);
    }
  });

  it.each([
    [['--level', 'hipaa'], 'There is no compliance level "hipaa"'],
    [['--level', 'sox', '--since', '2026-02-30'], '--since must be a day'],
    [['--level', 'sox', '--since', '2026-03-01', '--until', '2026-02-01'], 'is later than'],
    [['--level', 'sox', '--format', 'pdf'], '--format must be markdown or csv'],
  ])('refuses %j with what is wrong', async (options, words) => {
    await gatewayOnStandIn();
    const { code, stderr } = await tidyllm(['compliance', 'report', ...options], {
      environment: environmentOf(),
    });
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });
});

describe('policy on models and places', () => {
  it('refuses a call before it is sent, records it, and names the key of the settings', async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'settings.yaml'), 'compliance: { models_denied: [claude-sonnet] }\n');
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_HOME: home });
    const calls = core.registry.calls();
    const request = { prompt: 'hello', auditReason: 'JIRA-1 models' };
    const refused = await calls.execute({ ...request, modelId: 'claude-sonnet' });
    expect(refused).toMatchObject({ status: 'refused', compliance: { decision: 'block' }, cost: 0n });
    expect(refused.error).toMatchObject({
      code: 'compliance_blocked',
      message: expect.stringContaining('compliance.models_denied') as string,
    });
    expect(standIn.calls).toHaveLength(0);
    expect(await recordsOf(core, 'REFUSE')).toMatchObject([{ error_code: 'compliance_blocked' }]);
    expect((await calls.execute({ ...request, modelId: 'claude-haiku' })).success).toBe(true);
  });
});

describe('settings of compliance', () => {
  it('are warned about where they do nothing, or less than their level asks for', async () => {
    const home = temporaryFolder();
    writeFileSync(
      join(home, 'settings.yaml'),
      'compliance: { level: [sox, gdpr], models_denied: [claude-opsu] }\n',
    );
    const { core } = await gatewayOnStandIn({ TIDYLLM_HOME: home });
    expect(core.loaded.warnings.map(({ message }) => message)).toEqual([
      'compliance: model "claude-opsu" is unknown, so it permits or forbids nothing',
      'audit.retention_days is 400, and compliance level sox asks for 2555 (seven years)',
    ]);
  });
});
