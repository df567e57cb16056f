import type { SecretStorage } from 'vscode';
import { GatewayError, messageOf } from '../errors.ts';
import { Signer } from '../ledger/signing.ts';

const name = 'tidyllm.signingKey';

/**
 * The key that earlier versions of the editor had to themselves, in its secret storage. It vouches for the one that
 * editor and command share, in the ledgers that know it.
 */
export async function keyOfEarlierVersions(secrets: SecretStorage): Promise<Signer[]> {
  try {
    const pem = await secrets.get(name);
    return pem === undefined ? [] : [new Signer(pem)];
  } catch (error) {
    const message = `The signing key in VS Code's secret storage can't be read: ${messageOf(error)}.`;
    const hint =
      'Check that the system’s keyring works; VS Code says how under "Troubleshooting keychain issues".';
    throw new GatewayError('ledger_unavailable', message, { hint, cause: error });
  }
}
