import type { GatewayErrorCode } from '../errorCodes.ts';
import { GatewayError } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';

/** Failures that the next call would have too. */
const refusals: readonly GatewayErrorCode[] = ['credentials_expired', 'access_denied'];

/** How a back-end's last call ended: what no check without a call can know. */
export class LastCall {
  #last: { error: GatewayError | null; at: Date } | null = null;

  /** Passes an answer on, and notes how it ended. */
  async *of<Event>(answer: AsyncIterable<Event>): AsyncGenerator<Event> {
    try {
      yield* answer;
      this.#last = { error: null, at: new Date() };
    } catch (error) {
      if (GatewayError.is(error) && error.code !== 'cancelled') this.#last = { error, at: new Date() };
      throw error;
    }
  }

  get text(): string {
    if (!this.#last) return 'no call was made yet';
    const { error, at } = this.#last;
    return error
      ? `the last call failed at ${at.toISOString()}: ${error.message}`
      : `the last call succeeded at ${at.toISOString()}`;
  }

  /** A health that says failed while the next call would be refused as the last one was. */
  applyTo(health: Health): Health {
    const last = this.#last?.error;
    if (health.error || !last || !refusals.includes(last.code)) return health;
    return { ...health, state: 'failed', error: last };
  }
}
