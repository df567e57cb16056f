import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { askYesOrNo } from './questions.ts';
import { note, printJson, printLine, type Terminal } from './terminal.ts';

export interface EraseOptions {
  subject: string;
  reason?: string;
  yes?: boolean;
}

/** `tidyllm audit erase`: deletes a subject's key and what was kept of its calls, and records that. */
export async function auditErase(core: Core, options: EraseOptions, terminal: Terminal): Promise<number> {
  const { subject, reason = '', yes } = options;
  if (!yes && !(await confirmed(subject, terminal))) {
    note(terminal, 'Nothing was erased.');
    return 2;
  }
  const { items, receipt } = await core.eraseContent(subject, reason);
  note(
    terminal,
    'Conversations of the chat are not kept here: a VS Code window forgets its own when its chat view is shown next. Copies that were made of prompts and answers stay.',
  );
  if (terminal.json) {
    printJson({ subject, items, audit_trail: { sequence: receipt.sequence, hash: receipt.hash } });
  } else {
    const calls = items === 1 ? 'the content of 1 call' : `the content of ${items} calls`;
    printLine(`Erased the key of "${subject}" and ${calls}, recorded as #${receipt.sequence}.`);
  }
  return 0;
}

/** Throws `invalid_request` where there is nobody to ask. */
async function confirmed(subject: string, { json }: Terminal): Promise<boolean> {
  if (json || !process.stdin.isTTY) {
    throw new GatewayError('invalid_request', 'Erasing can’t be undone.', { hint: 'Say --yes to do it.' });
  }
  return askYesOrNo(`Erase the key and all kept prompts and answers of "${subject}"? This can't be undone.`);
}
