import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { segmentNames } from '../../src/ledger/journal.ts';
import { Ledger, type LedgerOptions, type ReserveInput, type SettleInput } from '../../src/ledger/ledger.ts';
import type { SigningKeyStore } from '../../src/ledger/signingKey.ts';
import { Signer } from '../../src/ledger/signing.ts';
import type { LedgerRecord } from '../../src/ledger/records.ts';

/** One key for all tests: making one costs more than a test. */
export const testSigner = Signer.generate();

export function keysInMemory(signer = Signer.generate()): SigningKeyStore {
  let kept = signer;
  return {
    load: () => Promise.resolve(kept),
    replace: (next) => {
      kept = next;
      return Promise.resolve();
    },
  };
}

export const ledgerDefaults = {
  mode: 'live',
  user: 'ada',
  timeZone: 'UTC',
  signingKeys: keysInMemory(testSigner),
  retentionDays: 400,
} satisfies Partial<LedgerOptions>;

export function openLedger(directory: string, options: Partial<LedgerOptions> = {}): Ledger {
  const ledger = new Ledger({ ...ledgerDefaults, directory, ...options });
  onTestFinished(() => ledger.dispose());
  return ledger;
}

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

export function journalPath(directory: string): string {
  return join(directory, '00000001.journal');
}

/** The records as they stand in the files, unchecked. */
export function storedRecords(directory: string): LedgerRecord[] {
  return segmentNames(directory)
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line.slice(65)) as LedgerRecord);
}
