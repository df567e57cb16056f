import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ExecuteOptions } from '../../../src/flow/flowAgreementManager.ts';
import { writeFlowFile } from '../../support/flowFiles.ts';
import { reportOf, runCommand } from '../../support/flowRuns.ts';
import { gatewayOnStandIn } from '../../support/gateways.ts';
import { recordsOf } from '../../support/records.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const template = 'Write the notes of {{version}} for {{reader}}. {{version}} is out.';

async function prompt(changes: object = {}, policy = 'hash', options: Partial<ExecuteOptions> = {}) {
  const folder = temporaryFolder();
  writeFlowFile(folder, {
    trigger: '[Release Notes]',
    flow_encoding: '@release#notes!write@changes',
    expanded_meaning: 'Write the notes of a release.',
    action: 'release_notes',
    real_implementation: 'prompt',
    parameters: { version: { description: 'Version' }, reader: { default: 'users' } },
    prompt: {
      ...{ template, system: 'You write notes.', model: 'claude-haiku', max_tokens: 50, temperature: 0.1 },
      ...changes,
    },
  });
  const gateway = await gatewayOnStandIn({ TIDYLLM_AUDIT_CONTENT: policy }, { folders: [folder] });
  const execution = await runCommand(gateway.core, '[Release Notes] version=2.0', options);
  return { ...gateway, execution };
}

/** What the files below a folder hold, together. */
function everythingIn(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}

describe('a prompt', () => {
  it('asks what its template says, with the parameters in it, as the agreement says', async () => {
    const { standIn, execution } = await prompt();
    expect(standIn.calls).toHaveLength(1);
    expect(standIn.calls[0]).toMatchObject({
      modelId: 'us.anthropic.claude-haiku-4-5-20251001-v1:0',
      body: {
        messages: [{ content: [{ text: 'Write the notes of 2.0 for users. 2.0 is out.' }] }],
        system: [{ text: 'You write notes.' }],
        inferenceConfig: { maxTokens: 50, temperature: 0.1 },
      },
    });
    expect(execution).toMatchObject({ mode: 'real', outcome: 'success', calls: 1 });
    const answer = reportOf(execution).sections.find(({ id }) => id === 'answer');
    expect(answer).toMatchObject({
      private: true,
      text: expect.stringContaining('stand-in for Amazon Bedrock') as string,
    });
  });

  it('puts in what a value holds as it is, and looks for no parameter in it', async () => {
    const { standIn } = await prompt({}, 'hash', {
      parameters: { version: '{{reader}} $& $1', reader: '{{version}}' },
    });
    expect(standIn.calls[0]?.body.messages?.[0]?.content?.[0]?.text).toBe(
      'Write the notes of {{reader}} $& $1 for {{version}}. {{reader}} $& $1 is out.',
    );
  });

  it('is a governed call with the run’s reason, below what was reserved', async () => {
    const { core, execution } = await prompt();
    const [reserve] = await recordsOf(core, 'RESERVE');
    expect(reserve).toMatchObject({
      reason: '[Release Notes] Write the notes of a release.',
      reserved_micro_usd: execution.reserved.toString(),
      flow: { run_id: execution.runId, agreement: 'release_notes' },
    });
    expect(execution.cost > 0n && execution.cost <= execution.reserved).toBe(true);
    expect(await core.budget()).toMatchObject({ spent: execution.cost, reserved: 0n });
  });

  it('leaves no text on the disk where policy keeps hashes', async () => {
    const { home, execution } = await prompt({}, 'hash', { parameters: { reader: 'Privy Councillor' } });
    const text = everythingIn(home);
    expect(text).toContain(execution.runId);
    expect(text).not.toContain('stand-in for Amazon Bedrock');
    expect(text).not.toContain('Write the notes of 2.0');
    expect(text).not.toContain('You write notes');
    expect(text).not.toContain('Privy Councillor');
  });

  it('fails with the reason of its call', async () => {
    const { execution } = await prompt({ template: '@stand-in:denied {{version}} {{reader}}' });
    expect(execution).toMatchObject({
      ...{ mode: 'failed', outcome: 'failed', report: null, cost: 0n },
      error: { code: 'access_denied' },
    });
  });

  it('is refused by the gateway when nobody knows its model', async () => {
    const { standIn, execution } = await prompt({ model: 'no-such-model' });
    expect(execution).toMatchObject({
      ...{ mode: 'failed', outcome: 'refused', reserved: 0n },
      error: { code: 'model_not_recognized', exitCode: 5 },
    });
    expect(standIn.calls).toHaveLength(0);
  });

  it('takes the default model where it names none', async () => {
    const { standIn } = await prompt({ model: null });
    expect(standIn.calls[0]?.modelId).toBe('us.anthropic.claude-sonnet-4-6');
  });
});
