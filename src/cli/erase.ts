import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { askYesOrNo } from './questions.ts';
import { note, printJson, printLine, type Terminal } from './terminal.ts';

export interface EraseOptions {
  subject: string;
  reason?: string;
  yes?: boolean;
}

/** `tidyllm audit erase`: deletes a subject's key and stored content, and records the erasure. */
export async function auditErase(core: Core, options: EraseOptions, terminal: Terminal): Promise<number> {
  const { subject, reason = '', yes } = options;
  if (!yes && !(await confirmed(subject, terminal))) {
    note(terminal, 'Nothing was erased.');
    return 2;
  }
  const { items, receipt } = await core.eraseContent(subject, reason);
  note(terminal, 'Open windows clear the conversation that they show. Copies of prompts and answers remain.');
  if (terminal.json) {
    printJson({ subject, items, audit_trail: { sequence: receipt.sequence, hash: receipt.hash } });
  } else {
    const calls = items === 1 ? 'the content of 1 call' : `the content of ${items} calls`;
    printLine(`Erased the key of "${subject}" and ${calls}, recorded as #${receipt.sequence}.`);
  }
  return 0;
}

/** Throws `invalid_request` if nobody can be asked. */
async function confirmed(subject: string, { json }: Terminal): Promise<boolean> {
  if (json || !process.stdin.isTTY) {
    throw new GatewayError('invalid_request', 'Erasing can’t be undone.', { hint: 'Confirm with --yes.' });
  }
  return askYesOrNo(
    `Erase the key and all stored prompts and answers of "${subject}"? This can't be undone.`,
  );
}
