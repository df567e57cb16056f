import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';
import type { ModelBackend, ModelCall, ModelEvent } from '../gateways/ports.ts';
import { noTokens } from '../pricing/cost.ts';

/** Slow enough to be seen streaming, quick enough not to bore. */
const wordDelayMs = 8;
const charactersPerToken = 4;

/**
 * Answers without a model: the same request gives the same answer, word by word, and says that it is
 * simulated. Its money goes to a ledger of its own.
 */
export class MockBackend implements ModelBackend {
  readonly id = 'mock';
  readonly simulated = true;
  readonly location = 'simulated answers, no network';
  readonly region = 'us-east-1';

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  async *converse(call: ModelCall, signal: AbortSignal): AsyncGenerator<ModelEvent> {
    const words = answerFor(call).match(/\s*\S+/g) ?? [];
    const kept = words.slice(0, call.maxTokens);
    const input = [call.system ?? '', ...call.messages.map(({ content }) => content)].join('\n');
    for (const word of kept) {
      if (call.stream) await delay(wordDelayMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted)
        throw new GatewayError('cancelled', 'The call was stopped.', { billing: 'received' });
      yield { type: 'text', text: word };
    }
    yield { type: 'stop', reason: kept.length < words.length ? 'max_tokens' : 'end_turn' };
    const inputTokens = Math.ceil(input.length / charactersPerToken);
    yield { type: 'usage', usage: { ...noTokens, input: inputTokens, output: kept.length } };
  }

  checkHealth(): Promise<Health> {
    return Promise.resolve({
      state: 'healthy',
      latencyMs: null,
      evidence: 'Simulated answers; nothing is sent anywhere.',
      error: null,
      checkedAt: new Date().toISOString(),
    });
  }

  dispose(): void {
    // Nothing is held.
  }
}

function answerFor(call: ModelCall): string {
  const question = call.messages.at(-1)?.content ?? '';
  const fingerprint = createHash('sha256').update(JSON.stringify(call.messages)).digest('hex').slice(0, 8);
  return `**SIMULATED** answer ${fingerprint} in place of \`${call.modelId}\`.

No model was asked: no AWS credentials are in use, so nothing left this machine and nothing was billed. Everything else is real: the reason, the reservation in the day's budget, the audit record and its hash.

Your question has ${question.length} characters in ${question.split('\n').length} line(s). A real answer may hold code such as:

\`\`\`typescript
/** Retries a flaky step a bounded number of times. */
export async function retry<T>(step: () => Promise<T>, attempts = 3): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step();
    } catch (error) {
      if (attempt >= attempts) throw error;
    }
  }
}
\`\`\`

To get real answers, run **TidyLLM: Connect AWS…** or set an AWS profile.`;
}
