import { errorCodes, type GatewayErrorCode } from './errorCodes.ts';
import { plainWords } from './libraryWords.ts';
import type { Place, Remedy } from './remedies.ts';

/** What the provider may bill for a failed attempt. */
export type Billing =
  /** The provider refused it or it never left: nothing is billed. */
  | 'none'
  /** The provider stopped where the stream stopped: the received part is billed. */
  | 'received'
  /** Unknown how far the provider got: the worst case is charged until a bill proves otherwise. */
  | 'unknown';

interface GatewayErrorOptions {
  /** One sentence on how to fix it. */
  hint?: string;
  /** Remedies, if they differ from those of the code. */
  remedy?: readonly Remedy[] | undefined;
  /** Where to fix it. */
  place?: Place | null | undefined;
  /** Whether the same call may succeed if repeated. */
  retryable?: boolean;
  /** How long the provider asks to wait before the call is repeated, in milliseconds. */
  retryAfterMs?: number | undefined;
  billing?: Billing;
  /** The provider's own message. */
  detail?: string;
  /** Who says it; AWS by default. */
  speaker?: string;
  cause?: unknown;
}

/** Maximum length of the provider's message, in characters. */
const longestDetail = 500;

/**
 * The only error class of the gateway. Never carries prompt or answer text, so that it can be logged and stored.
 * The exception is `detail`, which is only for the caller.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: GatewayErrorCode;
  readonly hint: string;
  /** Remedies as data: best first, at most three. */
  readonly remedy: readonly Remedy[];
  /** Where to fix it; null if that is no place in a file or the settings. */
  readonly place: Place | null;
  readonly retryable: boolean;
  /** How long the provider asks to wait, in milliseconds; null if it doesn't say. */
  readonly retryAfterMs: number | null;
  readonly billing: Billing;
  /**
   * The provider's own message, on one line; null if there is none. It may quote the prompt, so it is
   * shown to the caller, but neither logged nor recorded.
   */
  readonly detail: string | null;
  /** Who says `detail`. */
  readonly speaker: string;

  constructor(code: GatewayErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? '';
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.place = options.place ?? null;
    this.remedy = (options.remedy ?? defaultRemedy(code, this.retryable)).map((one) =>
      placed(one, this.place),
    );
    this.billing = options.billing ?? 'none';
    this.detail = shown(options.detail ?? '') || null;
    this.speaker = options.speaker ?? 'AWS';
  }

  /** `detail` with its speaker, for people. */
  get said(): string | null {
    return this.detail === null ? null : `${this.speaker}: ${this.detail}`;
  }

  /** Exit code of the `tidyllm` command for this error. */
  get exitCode(): number {
    return errorCodes[this.code].exitCode;
  }

  static is(error: unknown, code?: GatewayErrorCode): error is GatewayError {
    return error instanceof GatewayError && (code === undefined || error.code === code);
  }
}

function defaultRemedy(code: GatewayErrorCode, retryable: boolean): readonly Remedy[] {
  const { remedy }: { remedy: readonly Remedy[] } = errorCodes[code];
  return remedy[0]?.kind === 'retry' && !retryable ? remedy.slice(1) : remedy;
}

/** Remedies that open a file open it at the error's place. */
function placed(remedy: Remedy, place: Place | null): Remedy {
  if (place === null) return remedy;
  if (remedy.kind === 'open_settings') return { ...remedy, place };
  return remedy.kind === 'open_flow_file' && 'file' in place ? { ...remedy, place } : remedy;
}

/** Foreign text made safe to show: without control characters and invisible marks, and bounded. */
function shown(text: string): string {
  const plain = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/\p{Cf}/gu, '')
    .trim();
  if (plain.length <= longestDetail) return plain;
  // Doesn't cut a character in half.
  return `${plain.slice(0, longestDetail - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The message of anything thrown, without its stack, in plain words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? plainWords(error.message) : String(error);
}

/** The `code` of a Node.js system error (`ENOENT`, `ENOSPC`, …), if it has one. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
