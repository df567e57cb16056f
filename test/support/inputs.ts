import type { ReserveInput, SettleInput } from '../../src/ledger/ledger.ts';

/** A reservation of `amount` micro-USD under `limit`. */
export function reserveInput(amount: bigint, limit = 1_000_000n): ReserveInput {
  return {
    amount,
    caps: [{ scope: 'ledger', key: '', limit, origin: 'the test' }],
    user_id: 'ada',
    reason: 'JIRA-1 test the ledger',
    model: 'claude-sonnet',
    model_id: 'us.anthropic.claude-sonnet-4-6',
    backend: 'bedrock',
    priority: 'normal',
    workspace: null,
    branch: null,
    command: 'test',
    region: 'us-east-1',
    price_key: 'us.anthropic.claude-sonnet-4-6',
    input_tokens_bound: 100,
    max_tokens: 1000,
    temperature: 0.7,
    request_hmac: null,
  };
}

export function settleInput(cost: bigint): SettleInput {
  return {
    outcome: 'success',
    cost_micro_usd: cost.toString(),
    estimated: false,
    tokens: {
      input_tokens: 10,
      output_tokens: 20,
      cache_read_input_tokens: 0,
      cache_write_5m_input_tokens: 0,
      cache_write_1h_input_tokens: 0,
    },
    unit_prices: null,
    processing_time_ms: 5,
    time_to_first_token_ms: 1,
    stop_reason: 'end_turn',
    error_code: null,
    response_hmac: null,
  };
}
