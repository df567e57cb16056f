import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Core } from '../../src/core/core.ts';
import { GatewayError } from '../../src/errors.ts';
import { examine } from '../../src/health/examine.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn, isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('the doctor', () => {
  it('finds nothing to mend where everything works', async () => {
    const { core } = await gatewayOnStandIn();
    const findings = await examine<Core>({ environment: process.env, withSources: (work) => work(core) });
    expect(findings.filter(({ hint }) => hint !== '')).toEqual([]);
    const states = Object.fromEntries(findings.map(({ name, state }) => [name, state]));
    expect(states).toMatchObject({
      ...{
        runtime: 'healthy',
        settings: 'healthy',
        bedrock: 'healthy',
        corporate_llm: 'healthy',
        ledger: 'healthy',
        budget: 'healthy',
      },
      ...{ 'state folder': 'healthy', 'AWS credentials': 'healthy', s3: 'not_configured' },
    });
  });

  it('names a service that fails, with the error and what to do', async () => {
    const { core } = await gatewayOnStandIn({ PGHOST: '127.0.0.1', PGPORT: '1' });
    const findings = await examine<Core>({ environment: process.env, withSources: (work) => work(core) });
    expect(findings.filter(({ state }) => state === 'failed')).toMatchObject([
      {
        name: 'postgres',
        evidence: 'Nothing answers at 127.0.0.1:1.',
        hint: expect.stringContaining('Start PostgreSQL') as string,
        error: { code: 'service_failed' },
      },
    ]);
  });

  it('says why nothing starts', async () => {
    const error = new GatewayError('ledger_damaged', 'The ledger is damaged.', { hint: 'Verify it.' });
    const findings = await examine({
      environment: process.env,
      withSources: (): Promise<never> => Promise.reject(error),
    });
    expect(findings.at(-1)).toMatchObject({
      ...{ name: 'gateway', state: 'failed', evidence: 'The ledger is damaged.', hint: 'Verify it.' },
      ...{ error, remedy: error.remedy },
    });
  });

  it('prints findings without the error itself, and ends with the code of what keeps the gateway down', async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'settings.yaml'), 'budget:\n  daily_limit: 5\n');
    const { code, document } = await tidyllmJson(['doctor'], { environment: isolatedEnvironment(home) });
    expect(code).toBe(2);
    expect(document['ok']).toBe(false);
    expect((document['findings'] as object[]).at(-1)).toEqual({
      ...{ name: 'settings', state: 'failed' },
      evidence: expect.stringContaining('unknown key "budget.daily_limit"') as string,
      fix: expect.any(String) as string,
      remedies: ['open_settings', 'reconnect'],
    });
  });
});
