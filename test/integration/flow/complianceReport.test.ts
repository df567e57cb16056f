import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Core } from '../../../src/core/core.ts';
import type { Report } from '../../../src/flow/report.ts';
import { faultsOf, figureOf, findingOf, reportOf, rowsOf, runCommand } from '../../support/flowRuns.ts';
import { gatewayOnStandIn } from '../../support/gateways.ts';
import { recordsOf } from '../../support/records.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const email = 'ada.lovelace@example.com';

async function someCalls({ registry }: Core): Promise<void> {
  const calls = registry.calls();
  await calls.execute({ prompt: 'hello', auditReason: 'JIRA-1 first' });
  await calls.execute({ prompt: `Write to ${email} and ${email}`, auditReason: 'no ticket here' });
  await calls.execute({ prompt: `Use AKIA${'Z7QX2MNB'.repeat(2)}`, auditReason: 'JIRA-2 blocked' });
}

async function reportAfterCalls(level: string, command: string): Promise<{ report: Report; core: Core }> {
  const settings = join(temporaryFolder(), 'settings.yaml');
  writeFileSync(settings, `compliance: { level: ${level} }\n`);
  const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_SETTINGS: settings });
  await someCalls(core);
  const before = standIn.calls.length;
  const execution = await runCommand(core, command);
  expect(execution).toMatchObject({ mode: 'real', cost: 0n, calls: 0, reserved: 0n });
  expect(standIn.calls).toHaveLength(before);
  return { report: reportOf(execution), core };
}

describe('the compliance report', () => {
  it('has each control of the level with what calls came to, and the records of those that failed', async () => {
    const { report, core } = await reportAfterCalls('sox', '[Compliance Report] LEVEL=sox');
    const [, second] = await recordsOf(core, 'RESERVE');
    const ticket = rowsOf(report, 'controls_sox').find(([name]) => String(name).includes('sox.ticket'));
    expect(ticket?.slice(2)).toEqual([1, 1, 0, `#${second?.seq}`]);
    expect(findingOf(report, 'failed_sox_ticket')).toMatchObject({
      severity: 'warning',
      evidence: expect.stringContaining(`#${second?.seq}`) as string,
    });
    expect(figureOf(report, 'calls')).toBe(3);
    expect(figureOf(report, 'blocked_calls')).toBe(1);
    expect(report.summary).toContain('sox: 2 of 3 calls since ');
    expect(
      rowsOf(report, 'rules')
        .find(([rule]) => rule === 'email')
        ?.slice(1, 4),
    ).toEqual(['personal data', 2, 1]);
    expect(report.sections.map(({ id }) => id)).toEqual(['controls_sox', 'rules', 'chain']);
    expect(JSON.stringify(report)).not.toContain(email);
  });

  it('is about the levels that are in force unless one is said', async () => {
    const { report } = await reportAfterCalls('[gdpr, ai_act]', '[Compliance Report]');
    expect(report.sections.map(({ id }) => id).slice(0, 2)).toEqual(['controls_gdpr', 'controls_ai_act']);
    expect(faultsOf(report)).toEqual([]);
  });

  it('begins with a day that is said, and refuses what is none', async () => {
    const { core } = await gatewayOnStandIn();
    await someCalls(core);
    const { day } = await core.ledger.budget();
    expect(figureOf(reportOf(await runCommand(core, `[Compliance Report] since=${day}`)), 'calls')).toBe(3);
    for (const since of ['yesterday', '2026-02-31x', '9999-01-01'])
      expect(await runCommand(core, `[Compliance Report] since=${since}`)).toMatchObject({
        mode: 'failed',
        error: { code: 'invalid_request', message: expect.stringContaining(since) as string },
      });
  });
});
