import type { SecretStorage } from 'vscode';
import { GatewayError, messageOf } from '../errors.ts';
import { Signer } from '../ledger/signing.ts';
import type { SigningKeyStore } from '../ledger/signingKey.ts';

const name = 'tidyllm.signingKey';

/** The editor's key, in its secret storage. */
export function signingKeyIn(secrets: SecretStorage): SigningKeyStore {
  return {
    load: () =>
      explained(async () => {
        if ((await secrets.get(name)) === undefined) await secrets.store(name, Signer.generate().toPem());
        // Another window may have stored its own meanwhile: what is kept counts.
        return new Signer((await secrets.get(name)) ?? '');
      }),
    replace: (signer) => explained(async () => secrets.store(name, signer.toPem())),
  };
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message = `The signing key can't be kept in VS Code's secret storage: ${messageOf(error)}.`;
    const hint =
      'Check that the system’s keyring works; VS Code says how under "Troubleshooting keychain issues".';
    throw new GatewayError('ledger_unavailable', message, { hint, cause: error });
  }
}
