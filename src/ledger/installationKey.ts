import { GatewayError } from '../errors.ts';
import type { Journal } from './journal.ts';
import type { LedgerOptions } from './ledgerOptions.ts';
import type { LedgerState } from './ledgerState.ts';
import type { RecordDraft } from './records.ts';
import { enrolmentText, keyIdOf, Signer } from './signing.ts';

type KeyOptions = Pick<LedgerOptions, 'directory' | 'signingKeys' | 'user' | 'pinnedKey'>;

const notEnrolledHint =
  'Put signing.pem back from a backup. If this ledger was begun by VS Code, open a window of VS Code once: its key vouches for the command’s. Otherwise move the ledger’s folder away to begin another; the old one can still be verified.';

/** This installation's signing key, and its enrolment in a ledger. */
export class InstallationKey {
  // Another extension in the same process must not replace these methods.
  static {
    Object.freeze(this.prototype);
  }

  readonly #options: KeyOptions;
  /** Loaded with the first step, and again when another process has rotated it. */
  #signer: Signer | null = null;

  constructor(options: KeyOptions) {
    this.#options = options;
  }

  /** The key as last used, enrolled or not. Throws `ledger_unavailable`. */
  async current(): Promise<Signer> {
    return (this.#signer ??= await this.#options.signingKeys.load());
  }

  /** The key for a ledger. Another process may have rotated it, or died while it did. Throws `ledger_unavailable`. */
  async usable(state: LedgerState): Promise<Signer> {
    const { signingKeys } = this.#options;
    let signer = await this.current();
    if (stateOf(signer, state) !== 'enrolled') signer = await signingKeys.load();
    if (stateOf(signer, state) === 'replaced') {
      const rotated = (await signingKeys.others()).find((other) => stateOf(other, state) === 'enrolled');
      if (rotated) await signingKeys.replace(rotated);
      signer = rotated ?? signer;
    }
    this.#signer = signer;
    return signer;
  }

  /**
   * The key that endorses a signer before its enrolment; null where none has to. Throws
   * `ledger_unavailable` where none can: an unendorsed key signs nothing.
   */
  async endorserOf(signer: Signer, state: LedgerState): Promise<Signer | null> {
    const own = stateOf(signer, state);
    if (own === 'enrolled' || !state.hasKeys) return null;
    const others = own === 'replaced' ? [] : await this.#options.signingKeys.others();
    const endorser = others.find((other) => stateOf(other, state) === 'enrolled');
    if (endorser) return endorser;
    const message = `The signing key of this installation is not one of the ledger in ${this.#options.directory}.`;
    throw new GatewayError('ledger_unavailable', message, { hint: notEnrolledHint });
  }

  /** Enrols a key that the ledger doesn't know. Throws `ledger_damaged` where the first has to be another. */
  async enrol(journal: Journal, signer: Signer, endorser: Signer | null, time: string): Promise<void> {
    const { state } = journal;
    if (stateOf(signer, state) === 'enrolled') return;
    const pinned = this.#options.pinnedKey ?? null;
    const isPinned = [keyIdOf(state.ledgerId, signer.publicKey), signer.publicKey].includes(pinned ?? '');
    if (!state.hasKeys && pinned !== null && !isPinned) throw this.#notPinned(pinned);
    journal.stage([this.#enrolment(state, signer, endorser)], time);
    await journal.flush();
  }

  /** Throws `ledger_damaged` for a ledger that doesn't know the key that the settings ask for. */
  requirePinned(state: LedgerState): void {
    const { pinnedKey = null } = this.#options;
    if (pinnedKey !== null && state.hasKeys && !state.knowsKey(pinnedKey)) throw this.#notPinned(pinnedKey);
  }

  /**
   * Replaces this key. `write` records the new key's enrolment, endorsed by this one; both are kept until that is
   * durable.
   */
  async rotate<T>(write: (draft: Draft, done: () => void) => Promise<T>): Promise<T> {
    const { signingKeys } = this.#options;
    const next = Signer.generate();
    await signingKeys.prepare(next);
    const written = await write(
      (state, signer) => this.#enrolment(state, next, signer),
      () => (this.#signer = next),
    );
    await signingKeys.replace(next);
    return written;
  }

  #notPinned(pinned: string): GatewayError {
    const message = `The ledger in ${this.#options.directory} is not one of the key ${pinned}, which the settings ask for.`;
    return new GatewayError('ledger_damaged', message, {
      hint: 'Put the ledger and its signing.pem back from a backup, or change audit.pinned_key if the key is meant to be another.',
    });
  }

  #enrolment(state: LedgerState, signer: Signer, replaced: Signer | null): RecordDraft {
    const { ledgerId } = state;
    const key_id = keyIdOf(ledgerId, signer.publicKey);
    const text = enrolmentText(ledgerId, key_id);
    return {
      kind: 'key',
      call_id: null,
      key_id,
      public_key: signer.publicKey,
      user_id: this.#options.user,
      proof: signer.sign(text),
      replaces: replaced && keyIdOf(ledgerId, replaced.publicKey),
      endorsement: replaced && replaced.sign(text),
    };
  }
}

type Draft = (state: LedgerState, signer: Signer) => RecordDraft;

function stateOf({ publicKey }: Signer, state: LedgerState): ReturnType<LedgerState['keyState']> {
  return state.keyState(keyIdOf(state.ledgerId, publicKey));
}
