import type { Disposable } from 'vscode';
import type { CommandId } from './commandIds.ts';
import type { DisposableStore } from './disposables.ts';

/** The action of each command, with the parameters that other parts of the extension pass. */
export type CommandHandlers<Ids extends CommandId = CommandId> = Record<
  Ids,
  (...parameters: never[]) => unknown
>;

/** One part of the extension: it registers itself on creation and provides its commands. */
export interface Contribution extends Disposable {
  readonly commands: Partial<CommandHandlers>;
}

/**
 * A value created on first use, together with loading its code, since loading code dominates start-up. A failed
 * creation is tried again.
 */
export function madeOnce<T extends Disposable>(
  store: DisposableStore,
  make: () => Promise<T>,
): () => Promise<T> {
  let made: Promise<T> | null = null;
  const begin = async (): Promise<T> => {
    try {
      return store.add(await make());
    } catch (error) {
      made = null;
      throw error;
    }
  };
  return () => (made ??= begin());
}
