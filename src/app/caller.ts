import { userInfo } from 'node:os';
import type { ComposeOptions } from '../core/core.ts';
import type { Caller } from '../ledger/records.ts';
import type { CallerIdentity } from '../sessions/callerIdentity.ts';
import type { UnifiedSessionManager } from '../sessions/unifiedSessionManager.ts';
import { userNameOf } from '../userName.ts';

/** Timeout for asking AWS whose credentials they are. */
const identityTimeoutMs = 1_500;

/** The user that calls are recorded for, with the account and ARN that records keep next to the name. */
export async function callerOf(
  { user: told, environment }: ComposeOptions,
  sessions: UnifiedSessionManager | null,
  patience: Patience,
): Promise<{ user: string; caller: Caller }> {
  // Asked even if a name is given: the name is only a claim, and the ARN is recorded next to it.
  const identity = sessions && (await identityOf(sessions, patience));
  const account = systemUser();
  const name = told?.trim() || environment['TIDYLLM_USER']?.trim() || identity?.name || account;
  return { user: userNameOf(name), caller: { account, ...(identity && { caller_arn: identity.arn }) } };
}

/** The OS account's name; a container may have none. */
function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** The caller according to AWS; null if AWS can't be asked, which must not delay anyone. */
async function identityOf(
  sessions: UnifiedSessionManager,
  patience: Patience,
): Promise<CallerIdentity | null> {
  try {
    return await sessions.identity(patience.start());
  } catch {
    return null;
  } finally {
    patience.end();
  }
}

/** The timeout of that question; it doesn't run while a person is typing. */
export class Patience {
  readonly #over = new AbortController();
  #timer: NodeJS.Timeout | null = null;

  start(): AbortSignal {
    this.#timer = setTimeout(() => this.#over.abort(), identityTimeoutMs);
    return this.#over.signal;
  }

  async pausedFor<T>(question: () => Promise<T>): Promise<T> {
    const running = this.#timer !== null;
    this.end();
    try {
      return await question();
    } finally {
      if (running) this.start();
    }
  }

  end(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
