import { createFile } from '../createFile.ts';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { Signer } from '../ledger/signing.ts';
import { readFileTextSync } from '../readFile.ts';
import { statePlaces } from '../statePlaces.ts';

/**
 * The key with which this user signs requests and decisions, in a file that only this user can read. It is made when
 * there is none. Throws `settings_invalid`.
 */
export function personalKey(stateDirectory: string): Signer {
  const path = statePlaces.personalKey(stateDirectory);
  try {
    return keyIn(path);
  } catch (error) {
    if (!GatewayError.is(error) || systemCodeOf(error.cause) !== 'ENOENT') throw error;
    createFile(path, Signer.generate().toPem());
    return keyIn(path);
  }
}

/** The key in a file. Throws `settings_invalid`. */
export function keyIn(path: string): Signer {
  try {
    return new Signer(readFileTextSync(path));
  } catch (error) {
    throw new GatewayError('settings_invalid', `The key ${path} can’t be used: ${messageOf(error)}.`, {
      hint: 'It must be an Ed25519 private key in PEM that only you can read, as "tidyllm compliance key" makes it.',
      cause: error,
    });
  }
}
