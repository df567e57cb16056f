import type { RequestContent } from '../../content/messages.ts';
import type { GatewayError } from '../../errors.ts';
import type { TokenCounts, UnitPrices } from '../../ledger/records.ts';
import {
  contextTokens,
  costOf,
  noTokens,
  tierFor,
  worstCaseCost,
  type PriceTier,
  type TokenUsage,
} from '../../pricing/cost.ts';
import { scaled } from '../../pricing/regionalPriceRules.ts';
import type { AdmittedCall } from './admission.ts';
import type { Answer } from './answer.ts';
import { guardrailCost } from './guardrailCost.ts';
import { textTokenBound } from './tokenBound.ts';

/** What a call costs. */
export interface Charge {
  /** Micro-USD. */
  cost: bigint;
  /** Why the cost is an upper bound, in one phrase; null if it is exact. */
  estimatedBecause: string | null;
  usage: TokenUsage;
  tiers: readonly PriceTier[];
}

/** The cost of a call: the model and its guardrail. */
export function chargeOf(admitted: AdmittedCall, answer: Answer, error: GatewayError | null): Charge {
  const charge = modelCharge(admitted, answer, error);
  const { guardrailPrice, call, inputTokensBound } = admitted;
  if (guardrailPrice === null || (error?.billing === 'none' && answer.usage === null)) return charge;
  const { length: texts } = call.content.messages;
  const output = Buffer.byteLength(answer.content) + answer.hiddenBytes;
  const cost = guardrailCost(guardrailPrice, { texts, input: inputTokensBound, output });
  const estimatedBecause = charge.estimatedBecause ?? 'AWS does not say what the guardrail read';
  return { ...charge, cost: charge.cost + cost, estimatedBecause };
}

/** The provider's figures at published prices, or the most that the call can have cost. */
function modelCharge(admitted: AdmittedCall, answer: Answer, error: GatewayError | null): Charge {
  const { model, worstCase } = admitted;
  // A call may be served and billed in another tier than requested.
  const published =
    (answer.serviceTier === null ? undefined : model.prices[answer.serviceTier]) ?? model.tiers;
  const { priceFactor } = answer;
  const tiers = priceFactor === null ? published : published.map((tier) => scaled(tier, priceFactor));
  const { usage } = answer;
  if (usage === null) return unmeasured(admitted, answer, error, tiers);
  const { input, cacheRead, cacheWrite5m, cacheWrite1h, output } = usage;
  // A token class without a price is charged at the model's highest price, never at zero.
  const most = worstCaseCost(tiers, input + cacheRead + cacheWrite5m + cacheWrite1h, output) ?? worstCase;
  if (output > admitted.outputTokensBound) {
    const estimatedBecause = 'the provider reported more output than was allowed';
    return { ...boundOf(admitted, admitted.outputTokensBound, tiers), estimatedBecause };
  }
  // The text of vectors is no output.
  const doubt = admitted.call.content.embedding ? doubtOfInput(usage) : doubtOfUsage(answer);
  if (doubt !== null) {
    const bound = boundOf(admitted, receivedBound(admitted, answer), tiers);
    // The figures may be too high or too low.
    return bound.cost >= most
      ? { ...bound, estimatedBecause: doubt }
      : { cost: most, estimatedBecause: doubt, usage, tiers };
  }
  const cost = costOf(tiers, usage);
  if (typeof cost === 'bigint') return { cost, estimatedBecause: model.priceEstimatedBecause, usage, tiers };
  const estimatedBecause = `no price is known for ${cost.unpriced} tokens; the dearest one of the model`;
  return { cost: most, estimatedBecause, usage, tiers };
}

/** The part of an exact cost that is the answer's, micro-USD; null for an upper bound. */
export function outputCostOf({ estimatedBecause, usage, tiers }: Charge): bigint | null {
  const tier = estimatedBecause === null ? tierFor(tiers, usage) : undefined;
  const cost = tier && costOf([{ ...tier, aboveInputTokens: 0 }], { ...noTokens, output: usage.output });
  return typeof cost === 'bigint' ? cost : null;
}

function unmeasured(
  admitted: AdmittedCall,
  answer: Answer,
  error: GatewayError | null,
  tiers: readonly PriceTier[],
): Charge {
  if (error?.billing === 'none') return { cost: 0n, estimatedBecause: null, usage: noTokens, tiers };
  return error?.billing === 'received'
    ? boundOf(admitted, receivedBound(admitted, answer), tiers)
    : boundOf(admitted, admitted.outputTokensBound, tiers);
}

/** Whether a request asks for reasoning, in its own field or an additional one. */
function reasons({ reasoning, additional_fields: fields = {} }: RequestContent): boolean {
  return reasoning !== undefined || Object.keys(fields).some((name) => /^(?:thinking|reasoning)/.test(name));
}

/** An upper bound of the generated tokens. A reasoning model may have generated more than it sent. */
function receivedBound(admitted: AdmittedCall, { content, hiddenBytes, thought }: Answer): number {
  const { outputTokensBound, call } = admitted;
  if (thought || reasons(call.content)) return outputTokensBound;
  return Math.min(textTokenBound(content) + hiddenBytes, outputTokensBound);
}

function boundOf(
  { inputTokensBound, worstCase }: AdmittedCall,
  output: number,
  tiers: readonly PriceTier[],
): Charge {
  const cost = worstCaseCost(tiers, inputTokensBound, output) ?? worstCase;
  const usage = { ...noTokens, input: inputTokensBound, output };
  return { cost, estimatedBecause: 'the provider did not say what was used', usage, tiers };
}

/**
 * Maximum bytes of text per token. The longest tokens of the published vocabularies have 128
 * (runs of spaces in o200k_base of github.com/openai/tiktoken); twice that is allowed.
 */
const mostBytesOfToken = 256;
/** Words per token: published tokens end at word boundaries; this allows for a few with two words. */
const mostWordsOfToken = 2;

/** Every text has a token at least. */
function doubtOfInput({ input }: TokenUsage): string | null {
  return input === 0 ? 'the provider reported no input tokens' : null;
}

/** Why a reported usage is impossible, in one phrase; null if it is plausible. */
function doubtOfUsage({ content, hiddenBytes, usage, usageContradicted, stopReason }: Answer): string | null {
  if (usage === null) return null;
  if (usageContradicted !== null) return usageContradicted;
  // A guardrail's replacement text was generated by no model.
  if (stopReason === 'guardrail_intervened') return null;
  const words = content.match(/\p{L}[\p{L}\p{M}]*/gu)?.length ?? 0;
  const least = Math.ceil(Math.max(textTokenBound(content) / mostBytesOfToken, words / mostWordsOfToken));
  if (usage.output === 0 && least + hiddenBytes > 0)
    return 'the provider reported no output tokens for its output';
  if (usage.output < least) return 'the provider reported fewer output tokens than its answer has';
  if (contextTokens(usage) === 0 && usage.output > 0) return 'the provider reported no input tokens';
  return null;
}

/** A usage as records have it. */
export function tokenCounts(usage: TokenUsage): TokenCounts {
  return {
    input_tokens: usage.input,
    output_tokens: usage.output,
    cache_read_input_tokens: usage.cacheRead,
    cache_write_5m_input_tokens: usage.cacheWrite5m,
    cache_write_1h_input_tokens: usage.cacheWrite1h,
  };
}

/** The prices of a tier as records have them. */
export function unitPrices(tier: PriceTier): UnitPrices {
  return {
    above_input_tokens: tier.aboveInputTokens,
    input: tier.input ?? null,
    output: tier.output ?? null,
    cache_read: tier.cacheRead ?? null,
    cache_write_5m: tier.cacheWrite5m ?? null,
    cache_write_1h: tier.cacheWrite1h ?? null,
  };
}
