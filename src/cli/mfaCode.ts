import { GatewayError } from '../errors.ts';
import { ask } from './questions.ts';

/** Asks at the terminal. Throws `credentials_missing` without a terminal. */
export async function promptForMfaCode(serial: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new GatewayError(
      'credentials_missing',
      `The profile requires a code of the MFA device ${serial}.`,
      {
        hint: 'Run the command in a terminal, or log in with a tool that stores a session.',
      },
    );
  }
  return ask(`Code of the MFA device ${serial}: `);
}
