import { join } from 'node:path';
import * as vscode from 'vscode';
import type { ListedRequest } from '../approvals/approvals.ts';
import { requestFileText } from '../approvals/requestFile.ts';
import { termsInWords } from '../approvals/words.ts';
import { replaceFile } from '../replaceFile.ts';
import { userDirectories } from '../settings/settingsPlaces.ts';
import { statePlaces } from '../statePlaces.ts';
import { askReason } from './askReason.ts';
import type { CoreHolder } from './coreHolder.ts';

/** Asks for an exception for these permits, or for what the last call that policy kept back needs. */
export async function requestException(holder: CoreHolder, named?: readonly string[]): Promise<void> {
  const core = await holder.whenReady();
  const allows = named ?? (await core.approvals.lastBlocked());
  if (allows.length === 0) {
    const nothing = vscode.l10n.t('Policy kept back no call of yours that an exception would allow.');
    void vscode.window.showInformationMessage(nothing);
    return;
  }
  const terms = { kind: 'exception' as const, allows: [...allows] };
  const reason = await askReason(core, {
    title: vscode.l10n.t('Ask for an exception: {0}', termsInWords(terms)),
    prompt: vscode.l10n.t('Why should it be allowed for a day? It needs another person’s signature.'),
  });
  if (reason === undefined) return;
  await showRequest(await holder.use((ready) => ready.approvals.ask(terms, { reason })));
}

/** Writes a request to a file for its approver, and says where it lies and what follows. */
export async function showRequest(request: ListedRequest): Promise<void> {
  const { id, terms } = request.request;
  const folder = statePlaces.requests(userDirectories(process.env).state);
  const path = join(folder, `request-${id}.json`);
  await replaceFile(path, requestFileText(request));
  const [reveal, copy] = [vscode.l10n.t('Reveal File'), vscode.l10n.t('Copy Path')];
  const message = vscode.l10n.t(
    'Request {0} is recorded: {1}. Nothing is allowed yet. Give {2} to an approver, and run "tidyllm compliance exception import" with the signed file.',
    id,
    termsInWords(terms),
    path,
  );
  void vscode.window.showInformationMessage(message, reveal, copy).then((chosen) => {
    if (chosen === reveal) return vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(path));
    return chosen === copy ? vscode.env.clipboard.writeText(path) : undefined;
  });
}
