import type { SecretStorage } from 'vscode';
import { GatewayError, messageOf } from '../errors.ts';
import { Signer } from '../ledger/signing.ts';

const name = 'tidyllm.signingKey';

/**
 * The signing key that earlier versions kept in VS Code's secret storage. It endorses the key that editor and
 * command share, in the ledgers that know it.
 */
export async function keyOfEarlierVersions(secrets: SecretStorage): Promise<Signer[]> {
  try {
    const pem = await secrets.get(name);
    return pem === undefined ? [] : [new Signer(pem)];
  } catch (error) {
    const message = `The signing key in VS Code's secret storage can't be read: ${messageOf(error)}.`;
    const hint =
      'Check that the system’s keyring works; see "Troubleshooting keychain issues" in the VS Code documentation.';
    throw new GatewayError('ledger_unavailable', message, { hint, cause: error });
  }
}
