import { everybody, idOf, type Cap } from '../../src/ledger/budgetFold.ts';
import type { CapOf } from '../../src/ledger/capSettings.ts';
import type { EndRunInput, ReserveInput, SettleInput, StartRunInput } from '../../src/ledger/contract.ts';

/** Caps of the settings: the ledger's, in micro-USD, and others. */
export function capsOf(limit: bigint, ...others: readonly Cap[]): CapOf {
  const caps = [{ ...everybody, limit }, ...others];
  return (scope) => {
    const cap = caps.find((one) => idOf(one) === idOf(scope));
    return cap && { ...cap, origin: 'the test' };
  };
}

/** A reservation of `amount` micro-USD. */
export function reserveInput(amount: bigint): ReserveInput {
  return {
    amount,
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
export function startRunInput(amount: bigint): StartRunInput {
  return {
    amount,
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
