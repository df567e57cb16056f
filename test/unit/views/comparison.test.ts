import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import type { LlmResponse } from '../../../src/gateways/modelCalls.ts';
import {
  comparisonCsv,
  comparisonMarkdown,
  type ExportedComparison,
} from '../../../src/views/comparison/exported.ts';
import type { HostMessage } from '../../../src/views/comparison/protocol.ts';
import { reduce, type ComparisonState } from '../../../src/views/comparison/webview/state.ts';

function response(changes: Partial<LlmResponse> = {}): LlmResponse {
  return {
    content: 'Rayleigh scattering.',
    message: null,
    success: true,
    status: 'success',
    modelUsed: 'us.amazon.nova-lite-v1:0',
    backend: 'bedrock',
    processingTimeMs: 812.4,
    timeToFirstTokenMs: 120.6,
    adjustments: [],
    stopReason: 'end_turn',
    stages: null,
    tokenUsage: { input: 10, output: 4, cacheRead: 2, cacheWrite5m: 0, cacheWrite1h: 0 },
    cost: 1_234n,
    costEstimated: false,
    costEstimatedBecause: null,
    simulated: false,
    attempts: 1,
    attemptGroup: null,
    fallbackFrom: null,
    cacheHit: false,
    compliance: null,
    error: null,
    auditTrail: { callId: 'call', sequence: 7, hash: 'hash', ledger: 'ledger' },
    gatewayTracked: true,
    ...changes,
  };
}

function exported(question: string, ...responses: LlmResponse[]): ExportedComparison {
  const results = responses.map((one, index) => ({ model: `model-${index}`, response: one }));
  return { id: 'c0ffee', question, reason: 'JIRA-1 compare', simulated: false, results };
}

describe('an exported comparison', () => {
  const refused = response({
    ...{ content: '', success: false, status: 'refused', cost: 0n, timeToFirstTokenMs: null },
    error: new GatewayError('price_unknown', 'No price is known for x.'),
  });

  it('is a line of CSV for each model, and no answer is taken for a formula', () => {
    const csv = comparisonCsv(exported('Why?', response({ content: '=HYPERLINK("x")' }), refused));
    const [first, second] = parse<Record<string, string>>(csv, { columns: true });
    expect(first).toMatchObject({
      comparison_id: 'c0ffee',
      reason: 'JIRA-1 compare',
      model: 'model-0',
      model_used: 'us.amazon.nova-lite-v1:0',
      outcome: 'success',
      processing_time_ms: '812',
      time_to_first_token_ms: '121',
      input_tokens: '12',
      output_tokens: '4',
      cost_usd: '0.001234',
      record: '7',
      answer: '\'=HYPERLINK("x")',
    });
    expect(second).toMatchObject({ outcome: 'refused', error: 'price_unknown', time_to_first_token_ms: '' });
  });

  it('is a Markdown document with the prompt, a table and every answer', () => {
    const fallback = response({ fallbackFrom: 'model-1' });
    const cached = response({ cacheHit: true, cost: 0n });
    const text = comparisonMarkdown(exported('A ```fence``` | in it', cached, fallback, refused));
    expect(text).toContain('````text\nA ```fence``` | in it\n````');
    expect(text).toContain('- Cost: $0.001234\n');
    expect(text).toMatch(/\| model\\-0 \| success \| 812 ms \| 121 ms \| 12 → 4 \| cached \$0 \| #7 \|/);
    expect(text).toContain('success, answered by us\\.amazon\\.nova\\-lite\\-v1:0');
    expect(text).toContain('## model\\-2\n\nNo price is known for x\\.\n');
    expect(text).not.toContain('SIMULATED');
    expect(comparisonMarkdown({ ...exported('Why?', cached), simulated: true })).toContain('SIMULATED');
  });
});

describe('the view of a comparison', () => {
  const whole: HostMessage = {
    type: 'comparison',
    comparison: {
      ...{ question: 'Why?', reason: 'JIRA-1', simulated: false, worstCase: '$1', cost: '$0', failure: null },
      columns: ['a', 'b'].map((model) => ({ model, answer: '', result: null })),
    },
  };
  const result = {
    ...{ status: 'success' as const, processingTimeMs: 1, timeToFirstTokenMs: 1, tokens: null },
    ...{ cost: '$0.1', costEstimated: false, record: null, failure: null },
  };

  function after(...messages: HostMessage[]): ComparisonState | null {
    return messages.reduce<ComparisonState | null>(reduce, null);
  }

  it('adds text to its column only', () => {
    const state = after(
      whole,
      { type: 'text', column: 1, text: 'Be' },
      { type: 'text', column: 1, text: 'cause' },
    );
    expect(state?.comparison.columns.map(({ answer }) => answer)).toEqual(['', 'Because']);
    expect(state?.endedLast).toBeNull();
  });

  it('knows which call ended last, also after it was shown again', () => {
    const ended: HostMessage = { type: 'ended', column: 0, result, cost: '$0.1' };
    expect(after(whole, ended)).toMatchObject({ endedLast: 'a', comparison: { cost: '$0.1' } });
    expect(after(whole, ended, whole)?.endedLast).toBe('a');
  });

  it('waits for the whole before anything else', () => {
    expect(after({ type: 'text', column: 0, text: 'early' })).toBeNull();
  });
});
