import type { Disposable } from 'vscode';
import type { CommandId } from './commandIds.ts';
import type { DisposableStore } from './disposables.ts';

/** What each command does; the parameters are those other parts of the extension pass. */
export type CommandHandlers<Ids extends CommandId = CommandId> = Record<
  Ids,
  (...parameters: never[]) => unknown
>;

/** One part of the extension: it registers itself when it is made, and says what its commands do. */
export interface Contribution extends Disposable {
  readonly commands: Partial<CommandHandlers>;
}

/**
 * Something that is made, with the code it needs, when it is first asked for: most of a start is reading code. One
 * that could not be made is tried again.
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
