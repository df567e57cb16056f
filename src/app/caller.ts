import { userInfo } from 'node:os';
import type { ComposeOptions } from '../core/core.ts';
import type { Caller } from '../ledger/records.ts';
import type { CallerIdentity } from '../sessions/callerIdentity.ts';
import type { UnifiedSessionManager } from '../sessions/unifiedSessionManager.ts';
import { userNameOf } from '../userName.ts';

/** Longer than this nobody waits to learn whose credentials they are. */
const identityTimeoutMs = 1_500;

/** Who calls are recorded for, and what stands beside that name in records. */
export async function callerOf(
  { user: told, environment }: ComposeOptions,
  sessions: UnifiedSessionManager | null,
  patience: Patience,
): Promise<{ user: string; caller: Caller }> {
  // Also where a name was told: that is only claimed, and the ARN stands beside it.
  const identity = sessions && (await identityOf(sessions, patience));
  const account = systemUser();
  const name = told?.trim() || environment['TIDYLLM_USER']?.trim() || identity?.name || account;
  return { user: userNameOf(name), caller: { account, ...(identity && { caller_arn: identity.arn }) } };
}

/** The account's name; in a container it may have none. */
function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** Who AWS says is calling; null where it can't be asked, which must not keep anyone waiting. */
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

/** The time that is given to AWS to say who is calling; it doesn't run while a person is typing. */
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
