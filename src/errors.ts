import { plainWords } from './libraryWords.ts';

/**
 * Every failure a caller of the gateway can meet. Exit codes are those of the `tidyllm` command.
 *
 * 2 usage, settings or agreements · 3 budget · 4 reason · 5 model or price · 6 back-end · 7 ledger · 130 cancelled
 */
export const errorExitCodes = {
  invalid_request: 2,
  settings_invalid: 2,
  flow_invalid: 2,
  flow_not_matched: 2,
  flow_running: 2,
  flow_not_approved: 2,
  budget_exceeded: 3,
  budget_blocked: 3,
  cost_limit_exceeded: 3,
  audit_reason_missing: 4,
  model_not_recognized: 5,
  model_retired: 5,
  model_not_in_region: 5,
  price_unknown: 5,
  gateway_unavailable: 6,
  credentials_missing: 6,
  credentials_expired: 6,
  access_denied: 6,
  service_failed: 6,
  backend_not_allowed: 6,
  backend_rejected: 6,
  backend_throttled: 6,
  backend_unreachable: 6,
  backend_failed: 6,
  internal_error: 6,
  flow_failed: 6,
  flow_timed_out: 6,
  stream_stalled: 6,
  stream_incomplete: 6,
  ledger_unavailable: 7,
  ledger_damaged: 7,
  anchor_failed: 7,
  content_unavailable: 7,
  cancelled: 130,
} as const;

export type GatewayErrorCode = keyof typeof errorExitCodes;

/** What the provider may bill for an attempt that failed. */
export type Billing =
  /** The provider refused it or it never left: nothing is billed. */
  | 'none'
  /** The provider stopped where we saw it stop: what was received is billed. */
  | 'received'
  /** Nobody can say how far the provider went: the worst case is charged until a bill says otherwise. */
  | 'unknown';

interface GatewayErrorOptions {
  /** One sentence that tells the reader how to mend it. */
  hint?: string;
  /** Whether the same call may succeed when made again. */
  retryable?: boolean;
  billing?: Billing;
  /** What the provider said, in its own words. */
  detail?: string;
  cause?: unknown;
}

/** More of what a provider said is not shown, in characters. */
const longestDetail = 500;

/**
 * The one error family of the gateway. Never carries prompt or answer text, so that it can be logged and stored
 * as it is; but for `detail`, which is only for who made the call.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: GatewayErrorCode;
  readonly hint: string;
  readonly retryable: boolean;
  readonly billing: Billing;
  /**
   * The provider's own words, on one line; null where it said nothing. They may quote the prompt, so they are
   * shown to the caller, and neither logged nor recorded.
   */
  readonly detail: string | null;

  constructor(code: GatewayErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? '';
    this.retryable = options.retryable ?? false;
    this.billing = options.billing ?? 'none';
    this.detail = shown(options.detail ?? '') || null;
  }

  /** Exit code of the `tidyllm` command for this error. */
  get exitCode(): number {
    return errorExitCodes[this.code];
  }

  static is(error: unknown, code?: GatewayErrorCode): error is GatewayError {
    return error instanceof GatewayError && (code === undefined || error.code === code);
  }
}

/** Foreign words as they may be shown: without controls and invisible marks that turn or hide text, and bounded. */
function shown(text: string): string {
  const plain = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/\p{Cf}/gu, '')
    .trim();
  if (plain.length <= longestDetail) return plain;
  // Not in the middle of a character.
  return `${plain.slice(0, longestDetail - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The message of anything thrown, without its stack and in words for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? plainWords(error.message) : String(error);
}

/** The `code` of a Node.js system error (`ENOENT`, `ENOSPC`, …), if it has one. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
