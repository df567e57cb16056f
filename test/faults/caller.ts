/**
 * A process that makes calls, CALLS of them, until it is done or killed. Prints a line for each,
 * `done SEQUENCE CALL_ID STATUS COST`, and `ready` after the first, when everything is loaded.
 */
import { compose } from '../../src/app/compose.ts';

const calls = Number(process.env['CALLS']);
const core = await compose({ environment: process.env });
const gateway = core.registry.calls();
await core.ledger.recover();
for (let call = 0; call < calls; call += 1) {
  const { auditTrail, status, cost, gatewayTracked, error } = await gateway.execute({
    prompt: process.env['PROMPT'] ?? 'hello',
    auditReason: 'JIRA-1 fault test',
    modelId: process.env['MODEL'] ?? 'claude-sonnet',
    maxTokens: 10,
  });
  if (!gatewayTracked || !auditTrail) throw new Error(`not tracked: ${error?.message ?? status}`);
  process.stdout.write(`done ${auditTrail.sequence} ${auditTrail.callId} ${status} ${cost}\n`);
  if (call === 0) process.stdout.write('ready\n');
}
await core.dispose();
