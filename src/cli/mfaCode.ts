import { GatewayError } from '../errors.ts';
import { ask } from './questions.ts';

/** Asks at the terminal. Throws `credentials_missing` where nobody sits at one. */
export async function promptForMfaCode(serial: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new GatewayError(
      'credentials_missing',
      `The profile asks for a code of the MFA device ${serial}.`,
      {
        hint: 'Run the command in a terminal, or log in with a tool that keeps a session.',
      },
    );
  }
  return ask(`Code of the MFA device ${serial}: `);
}
