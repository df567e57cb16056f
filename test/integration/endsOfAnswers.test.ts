import { describe, expect, it } from 'vitest';
import type { LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnMock, gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';

function ask({ core }: TestGateway, prompt: string, request: Partial<LlmRequest> = {}): Promise<LlmResponse> {
  const gateway = core.registry.calls();
  return gateway.execute({ prompt, auditReason: 'JIRA-1 ends', maxTokens: 1000, ...request });
}

const both = [true, false];

describe('a usage that can’t be', () => {
  it.each([
    ['no tokens at all', { inputTokens: 0, outputTokens: 0, totalTokens: 0 }, 'no output tokens'],
    ['no output', { inputTokens: 40, outputTokens: 0, totalTokens: 40 }, 'no output tokens'],
    ['no input', { inputTokens: 0, outputTokens: 60, totalTokens: 60 }, 'no input tokens'],
  ])('is charged by the bound and marked: %s', async (_name, usage, reason) => {
    for (const stream of both) {
      const gateway = await gatewayOnStandIn();
      const response = await ask(gateway, `@stand-in:lie=${JSON.stringify(usage)}`, { stream });
      expect(response).toMatchObject({ success: true, costEstimated: true });
      expect(response.costEstimatedBecause).toContain(reason);
      expect(response.cost).toBeGreaterThan(0n);
      // No less than the true count of its words would cost.
      expect(response.tokenUsage.output).toBeGreaterThanOrEqual(response.content.split(/\s+/).length);
      expect(await recordsOf(gateway.core, 'SETTLE')).toMatchObject([
        { estimated: true, estimated_because: response.costEstimatedBecause },
      ]);
    }
  });

  it('is charged by the bound, or by the larger, where the provider says two', async () => {
    for (const usage of [
      { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
      { inputTokens: 0, outputTokens: 0, totalTokens: 0 },
    ]) {
      const gateway = await gatewayOnStandIn();
      const response = await ask(gateway, `@stand-in:twice=${JSON.stringify(usage)}`);
      expect(response).toMatchObject({
        success: true,
        costEstimated: true,
        costEstimatedBecause: 'the provider reported two different usages',
      });
      expect(response.cost).toBeGreaterThan(0n);
    }
  });
});

describe('why an answer ended', () => {
  const reasons: [reason: string, text: string][] = [
    ['max_tokens', 'cut off at its token limit'],
    ['max_tokens/silent', 'used all of its tokens before it answered'],
    ['model_context_window_exceeded', 'context is full'],
    ['guardrail_intervened', 'guardrail'],
    ['content_filtered', 'content filter'],
    ['something_new', 'something_new'],
  ];

  it.each(reasons)('%s is told in the terminal, is in the record, and exits with 0', async (reason, text) => {
    const { core } = await gatewayOnStandIn();
    const environment = process.env as Record<string, string>;
    const command = ['chat', '--reason', 'JIRA-1 ends', `@stand-in:stop=${reason}`];
    const { code, stderr } = await tidyllm(command, { environment });
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining(text) });
    const [stopReason] = reason.split('/');
    expect(await recordsOf(core, 'SETTLE')).toMatchObject([{ outcome: 'success', stop_reason: stopReason }]);
  });

  it.each(['malformed_model_output', 'malformed_tool_use'])(
    '%s fails, is charged and exits with 6',
    async (reason) => {
      const { core } = await gatewayOnStandIn();
      const environment = process.env as Record<string, string>;
      const command = ['chat', '--reason', 'JIRA-1 ends', `@stand-in:stop=${reason}`];
      const { code, stderr } = await tidyllm(command, { environment });
      expect({ code, stderr }).toMatchObject({ code: 6, stderr: expect.stringContaining('unusable output') });
      const [settled] = await recordsOf(core, 'SETTLE');
      expect(settled).toMatchObject({ outcome: 'incomplete', stop_reason: reason, estimated: false });
      expect(settled).not.toMatchObject({ cost_micro_usd: '0' });
    },
  );

  it('is in the JSON document, and told of a whole answer at once as well', async () => {
    await gatewayOnStandIn();
    const environment = process.env as Record<string, string>;
    const command = ['chat', '--reason', 'JIRA-1 ends', '--no-stream', '@stand-in:stop=max_tokens'];
    const { document, code } = await tidyllmJson(command, { environment });
    expect({ code, ...document }).toMatchObject({ code: 0, success: true, stop_reason: 'max_tokens' });
    expect((await tidyllm(command, { environment })).stderr).toContain('cut off at its token limit');
  });

  it.each(['end_turn', 'stop_sequence', 'tool_use'])('%s needs no word', async (reason) => {
    await gatewayOnStandIn();
    const environment = process.env as Record<string, string>;
    const command = ['chat', '--reason', 'JIRA-1 ends', `@stand-in:stop=${reason}`];
    const { stderr } = await tidyllm(command, { environment });
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('is told of simulated answers as well', async () => {
    await gatewayOnMock();
    const environment = process.env as Record<string, string>;
    const command = ['chat', '--reason', 'JIRA-1 ends', '--max-tokens', '3', 'hello'];
    const { document } = await tidyllmJson(command, { environment });
    expect(document).toMatchObject({ stop_reason: 'max_tokens', success: true });
    expect((await tidyllm(command, { environment })).stderr).toContain('cut off at its token limit');
  });
});
