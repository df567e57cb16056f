import type { EndRunInput, ReserveInput, SettleInput, StartRunInput } from '../../src/ledger/ledger.ts';

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

/** The start of a run that holds `amount` micro-USD. */
export function startRunInput(amount: bigint, limit = 1_000_000n): StartRunInput {
  return {
    amount,
    caps: [{ scope: 'ledger', key: '', limit, origin: 'the test' }],
    concurrent: false,
    agreement: 'cost_check',
    trigger: '[Cost Check]',
    flow_encoding: '@cost#check!report@ledger',
    implementation: 'cost_analysis',
    definition_sha256: '0'.repeat(64),
    source: null,
    confidence: 0.95,
    approved: null,
    user_id: 'ada',
    reason: '[Cost Check] Checks the cost.',
    backend: 'bedrock',
    workspace: null,
    branch: null,
    command: 'test',
  };
}

export function endRunInput(): EndRunInput {
  return {
    execution_mode: 'real',
    outcome: 'success',
    error_code: null,
    fallback: null,
    fallback_outcome: null,
    validated_by: ['corporate_llm'],
    duration_ms: 12,
    summary: 'Nothing stands out.',
    problems: 0,
    warnings: 0,
    report_sha256: null,
  };
}
