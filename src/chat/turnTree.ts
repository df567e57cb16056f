import type { Turn } from './turn.ts';

/**
 * The turns of a conversation: each follows its parent, and those with the same parent are versions of one another. A
 * turn whose parent is missing is a first one.
 */
export class TurnTree {
  /** In the order they were asked. */
  readonly #turns = new Map<string, Turn>();
  readonly #followers = new Map<string | undefined, Turn[]>();

  constructor(turns: readonly Turn[] = []) {
    for (const turn of turns) this.add(turn);
  }

  get all(): readonly Turn[] {
    return [...this.#turns.values()];
  }

  find(id: string): Turn | undefined {
    return this.#turns.get(id);
  }

  add(turn: Turn): void {
    this.#turns.set(turn.id, turn);
    this.#followers.set(turn.parent, [...this.#followersOf(turn.parent), turn]);
  }

  remove(turn: Turn): void {
    this.#turns.delete(turn.id);
    this.#followers.set(
      turn.parent,
      this.#followersOf(turn.parent).filter((one) => one !== turn),
    );
  }

  /** From a first turn to this one. */
  pathTo(turn: Turn | undefined): Turn[] {
    const path: Turn[] = [];
    for (let one = turn; one; one = one.parent === undefined ? undefined : this.find(one.parent))
      path.push(one);
    return path.reverse();
  }

  /** The turns in this one's place, itself included; a question that was asked again without an answer is none. */
  versionsOf(turn: Turn): readonly Turn[] {
    return this.#followersOf(turn.parent).filter((one) => one === turn || one.answer !== '');
  }

  hasFollowers({ id }: Turn): boolean {
    return this.#followersOf(id).length > 0;
  }

  /** The end of the latest branch from a turn. */
  endFrom(turn: Turn): Turn {
    let end = turn;
    for (let next = this.#followersOf(end.id).at(-1); next; next = this.#followersOf(end.id).at(-1))
      end = next;
    return end;
  }

  #followersOf(id: string | undefined): readonly Turn[] {
    return this.#followers.get(id) ?? [];
  }
}
