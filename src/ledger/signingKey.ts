import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createFile } from '../createFile.ts';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { readFileTextSync } from '../readFile.ts';
import { Signer } from './signing.ts';

/** Where an installation keeps its signing key: the editor's secret storage, or a file of this user's. */
export interface SigningKeyStore {
  /** The key; made when there is none. Throws `ledger_unavailable`. */
  load(): Promise<Signer>;
  /** Puts another in its place. Throws `ledger_unavailable`. */
  replace(signer: Signer): Promise<void>;
}

/** The command's key, in a file that only this user can read. */
export function signingKeyFile(stateDirectory: string): SigningKeyStore {
  const path = join(stateDirectory, 'signing.pem');
  return {
    load: () =>
      explained(path, () => {
        if (readIfThere(path) === null) createFile(path, Signer.generate().toPem());
        return new Signer(readFileTextSync(path));
      }),
    replace: (signer) =>
      explained(path, () => {
        const next = `${path}.next`;
        rmSync(next, { force: true });
        createFile(next, signer.toPem());
        renameSync(next, path);
      }),
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
    const hint = 'Check its permissions. Delete it to begin with a new key, which the ledger will record.';
    return Promise.reject(new GatewayError('ledger_unavailable', message, { hint, cause: error }));
  }
}
