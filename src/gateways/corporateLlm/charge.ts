import type { GatewayError } from '../../errors.ts';
import {
  contextTokens,
  costOf,
  noTokens,
  priceClasses,
  worstCaseCost,
  type PriceTier,
  type ServiceTier,
  type TokenUsage,
} from '../../pricing/cost.ts';
import type { ModelEvent } from '../ports.ts';
import type { AdmittedCall } from './admission.ts';
import { textTokenBound } from './tokenBound.ts';

/** What is known of an answer while it arrives. */
export interface Answer {
  content: string;
  /** Bytes of output that were not shown. */
  hiddenBytes: number;
  usage: TokenUsage | null;
  /** Why the provider contradicts itself on the usage, in one phrase; null where it doesn't. */
  usageContradicted: string | null;
  /** Null where the provider doesn't say how it served the call. */
  serviceTier: ServiceTier | null;
  stopReason: string | null;
  firstTokenMs: number | null;
}

export function emptyAnswer(): Answer {
  return {
    content: '',
    hiddenBytes: 0,
    usage: null,
    usageContradicted: null,
    serviceTier: null,
    stopReason: null,
    firstTokenMs: null,
  };
}

/** Adds what arrived to an answer; `elapsedMs` since the call began. */
export function take(answer: Answer, event: ModelEvent, elapsedMs: number): void {
  switch (event.type) {
    case 'text':
      answer.firstTokenMs ??= elapsedMs;
      answer.content += event.text;
      return;
    case 'hidden':
      answer.hiddenBytes += event.bytes;
      return;
    case 'stop':
      // It goes into the journal: no more of it than a word.
      answer.stopReason = /^[\w.:-]{1,64}$/.test(event.reason) ? event.reason : 'unreadable';
      return;
    case 'usage': {
      const { usage: before } = answer;
      const { usage, total } = event;
      if (before && JSON.stringify(before) !== JSON.stringify(usage))
        answer.usageContradicted = 'the provider reported two different usages';
      if (total !== undefined && total < usage.input + usage.output)
        answer.usageContradicted = 'the provider reported fewer tokens in all than in parts';
      // Of two the dearer counts.
      answer.usage = before ? largest(before, usage) : usage;
      answer.serviceTier = event.serviceTier ?? null;
      return;
    }
  }
}

function largest(one: TokenUsage, other: TokenUsage): TokenUsage {
  const usage = { ...one };
  for (const name of priceClasses) usage[name] = Math.max(one[name], other[name]);
  return usage;
}

/** What a call costs. */
export interface Charge {
  /** Micro-USD. */
  cost: bigint;
  /** Why the cost is an upper bound, in one phrase; null where it is exact. */
  estimatedBecause: string | null;
  usage: TokenUsage;
  tiers: readonly PriceTier[];
}

/** The provider's own figures at published prices, or the most that the call can have cost. */
export function chargeOf(admitted: AdmittedCall, answer: Answer, error: GatewayError | null): Charge {
  const { model, worstCase } = admitted;
  // A call may be served, and billed, in another tier than it asked for.
  const tiers = (answer.serviceTier === null ? undefined : model.prices[answer.serviceTier]) ?? model.tiers;
  const { usage } = answer;
  if (usage === null) return unmeasured(admitted, answer, error, tiers);
  const { input, cacheRead, cacheWrite5m, cacheWrite1h, output } = usage;
  // A class nobody has a price for is charged at the dearest there is, never at nothing.
  const most = worstCaseCost(tiers, input + cacheRead + cacheWrite5m + cacheWrite1h, output) ?? worstCase;
  if (output > admitted.call.maxTokens) {
    const estimatedBecause = 'the provider reported more output than was allowed';
    return { ...boundOf(admitted, admitted.call.maxTokens, tiers), estimatedBecause };
  }
  const doubt = doubtOfUsage(answer);
  if (doubt !== null) {
    const bound = boundOf(admitted, receivedBound(admitted, answer), tiers);
    // The figures may be wrong in either direction.
    return bound.cost >= most
      ? { ...bound, estimatedBecause: doubt }
      : { cost: most, estimatedBecause: doubt, usage, tiers };
  }
  const cost = costOf(tiers, usage);
  if (typeof cost === 'bigint') return { cost, estimatedBecause: model.priceEstimatedBecause, usage, tiers };
  const estimatedBecause = `no price is known for ${cost.unpriced} tokens; the dearest one of the model`;
  return { cost: most, estimatedBecause, usage, tiers };
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
    : boundOf(admitted, admitted.call.maxTokens, tiers);
}

/** An upper bound of the tokens that arrived. */
function receivedBound({ call }: AdmittedCall, { content, hiddenBytes }: Answer): number {
  return Math.min(textTokenBound(content) + hiddenBytes, call.maxTokens);
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
 * Bytes of text that one token stands for at most. The longest tokens of the published vocabularies have 128
 * (runs of spaces in o200k_base of github.com/openai/tiktoken); twice that is allowed.
 */
const mostBytesOfToken = 256;
/** Tokens of published vocabularies end where a word does; a few that hold two words are allowed for. */
const mostWordsOfToken = 2;

/** Why a usage can't be, in one phrase; null where it may be. */
function doubtOfUsage({ content, hiddenBytes, usage, usageContradicted, stopReason }: Answer): string | null {
  if (usage === null) return null;
  if (usageContradicted !== null) return usageContradicted;
  // What a guardrail puts in place of an answer was made by no model.
  if (stopReason === 'guardrail_intervened') return null;
  const words = content.match(/\p{L}[\p{L}\p{M}]*/gu)?.length ?? 0;
  const least = Math.ceil(Math.max(textTokenBound(content) / mostBytesOfToken, words / mostWordsOfToken));
  if (usage.output === 0 && least + hiddenBytes > 0)
    return 'the provider reported no output tokens for its output';
  if (usage.output < least) return 'the provider reported fewer output tokens than its answer has';
  if (contextTokens(usage) === 0 && usage.output > 0) return 'the provider reported no input tokens';
  return null;
}
