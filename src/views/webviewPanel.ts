import type * as vscode from 'vscode';
import type * as z from 'zod/mini';
import { inBackground, showFailure } from '../host/failures.ts';
import { webviewPage, webviewRoot } from './webviewPage.ts';

export interface PanelDependencies {
  extensionUri: vscode.Uri;
  log: vscode.LogOutputChannel;
}

/** Fills a panel or a view with its page and passes its messages on; failures are shown to the user. */
export function fillPanel<Schema extends z.ZodMiniType>(
  { webview, title }: Pick<vscode.WebviewPanel, 'webview' | 'title'>,
  { extensionUri, log }: PanelDependencies,
  name: string,
  schema: Schema,
  handle: (message: z.infer<Schema>) => Promise<void>,
): void {
  webview.options = { enableScripts: true, localResourceRoots: [webviewRoot(extensionUri)] };
  webview.onDidReceiveMessage((message) =>
    inBackground(
      log,
      handle(schema.parse(message)).catch((error: unknown) => showFailure(log, error)),
    ),
  );
  webview.html = webviewPage(webview, extensionUri, name, title);
}
