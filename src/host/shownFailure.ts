import type { Failure } from '../chat/turn.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { briefMessage } from './errorText.ts';
import { remedyLabel } from './remedies.ts';

/** An error as views show it, with buttons. */
export function shownFailure(error: unknown): Failure {
  if (!GatewayError.is(error)) return { message: messageOf(error), hint: '', fixes: [] };
  const fixes = error.remedy.map((remedy) => ({ label: remedyLabel(remedy), remedy }));
  const { hint, said } = error;
  return { message: briefMessage(error), hint, fixes, ...(said !== null && { said }) };
}
