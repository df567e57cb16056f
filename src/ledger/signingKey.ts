import { statePlaces } from '../statePlaces.ts';
import { renameSync, rmSync } from 'node:fs';
import { createFile } from '../createFile.ts';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { readFileTextSync } from '../readFile.ts';
import { Signer } from './signing.ts';

/** Where an installation keeps its signing key. All of it throw `ledger_unavailable`. */
export interface SigningKeyStore {
  /** The key; made when there is none. */
  load(): Promise<Signer>;
  /** Keeps a key that is about to take its place, so that it isn't lost when the process dies meanwhile. */
  prepare(signer: Signer): Promise<void>;
  /** Puts another in its place. */
  replace(signer: Signer): Promise<void>;
  /** Other keys of this installation, which may vouch for it: one that was prepared, one from before it. */
  others(): Promise<Signer[]>;
}

/** The key of editor and command, in a file that only this user can read; `older` are others from before it. */
export function signingKeyFile(
  stateDirectory: string,
  older: () => Promise<Signer[]> = () => Promise.resolve([]),
): SigningKeyStore {
  const path = statePlaces.signingKey(stateDirectory);
  const next = `${path}.next`;
  const prepare = (signer: Signer): void => {
    rmSync(next, { force: true });
    createFile(next, signer.toPem());
  };
  return {
    load: () =>
      explained(path, () => {
        if (readIfThere(path) === null) createFile(path, Signer.generate().toPem());
        return new Signer(readFileTextSync(path));
      }),
    prepare: (signer) => explained(path, () => prepare(signer)),
    replace: (signer) =>
      explained(path, () => {
        prepare(signer);
        renameSync(next, path);
      }),
    others: async () => {
      const prepared = await explained(next, () => readIfThere(next));
      return [...(prepared === null ? [] : [new Signer(prepared)]), ...(await older())];
    },
  };
}

function readIfThere(path: string): string | null {
  try {
    return readFileTextSync(path);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function explained<T>(path: string, work: () => T): Promise<T> {
  try {
    return Promise.resolve(work());
  } catch (error) {
    const message = `The signing key ${path} can't be used: ${messageOf(error)}.`;
    const hint =
      'Check its permissions, or put it back from a backup: a ledger takes no new key that the one before did not endorse.';
    return Promise.reject(new GatewayError('ledger_unavailable', message, { hint, cause: error }));
  }
}
