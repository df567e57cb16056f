import { createInterface } from 'node:readline/promises';
import { GatewayError } from '../errors.ts';

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
  const questions = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await questions.question(`Code of the MFA device ${serial}: `)).trim();
  } finally {
    questions.close();
  }
}
