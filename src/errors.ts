import { errorCodes, type GatewayErrorCode } from './errorCodes.ts';
import { plainWords } from './libraryWords.ts';
import type { Place, Remedy } from './remedies.ts';

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
  /** What mends it, where that isn't what mends every error of the code. */
  remedy?: readonly Remedy[] | undefined;
  /** Where it is mended. */
  place?: Place | null | undefined;
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
  /** What mends it, as data: best first, at most three. */
  readonly remedy: readonly Remedy[];
  /** Where it is mended; null where that is no place in a file or the settings. */
  readonly place: Place | null;
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
    this.place = options.place ?? null;
    this.remedy = (options.remedy ?? defaultRemedy(code, this.retryable)).map((one) =>
      placed(one, this.place),
    );
    this.billing = options.billing ?? 'none';
    this.detail = shown(options.detail ?? '') || null;
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

/** What opens a file opens it where the error says. */
function placed(remedy: Remedy, place: Place | null): Remedy {
  if (place === null) return remedy;
  if (remedy.kind === 'open_settings') return { ...remedy, place };
  return remedy.kind === 'open_flow_file' && 'file' in place ? { ...remedy, place } : remedy;
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
