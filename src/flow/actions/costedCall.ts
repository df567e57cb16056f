import type { ReserveRecord, SettleRecord } from '../../ledger/records.ts';
import type { TokenUsage } from '../../pricing/cost.ts';

/** A settled call, with the fields that cost analysis uses. */
export interface CostedCall {
  callId: string;
  day: string;
  /** Start and end, milliseconds since the epoch. */
  beganAt: number;
  endedAt: number;
  userId: string;
  /** Model id, or the requested name if there is none. */
  model: string;
  /** The name in the request. */
  name: string;
  maxTokens: number;
  temperature: number | null;
  succeeded: boolean;
  usage: TokenUsage;
  /** Micro-USD. */
  cost: bigint;
  estimated: boolean;
  /** Whether a gateway test made the call, for which no saving is possible. */
  ofTest: boolean;
}

/** `cost` in micro-USD. */
export function costedCall(
  opening: ReserveRecord,
  ending: SettleRecord,
  { cost, ofTest }: { cost: bigint; ofTest: boolean },
): CostedCall {
  const { tokens } = ending;
  return {
    callId: opening.call_id,
    day: opening.day,
    beganAt: Date.parse(opening.time),
    endedAt: Date.parse(ending.time),
    userId: opening.user_id,
    model: opening.model_id ?? opening.model,
    name: opening.model,
    maxTokens: opening.max_tokens,
    temperature: opening.temperature,
    succeeded: ending.outcome === 'success',
    usage: {
      input: tokens.input_tokens,
      output: tokens.output_tokens,
      cacheRead: tokens.cache_read_input_tokens,
      cacheWrite5m: tokens.cache_write_5m_input_tokens,
      cacheWrite1h: tokens.cache_write_1h_input_tokens,
    },
    cost,
    estimated: ending.estimated,
    ofTest,
  };
}
