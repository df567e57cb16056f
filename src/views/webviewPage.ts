import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** The folder of the built webviews; pages may load from no other. */
export function webviewRoot(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
}

/** The page of a webview: its own script and style, the icon font, and nothing else. */
export function webviewPage(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  name: string,
  title: string,
): string {
  const nonce = randomBytes(16).toString('base64');
  const address = (file: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(webviewRoot(extensionUri), file)).toString();
  const policy = [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="${escapeAttribute(vscode.env.language)}">
  <head>
    <meta charset="UTF-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="${address('codicon.css')}">
    <link rel="stylesheet" href="${address(`${name}.css`)}">
    <title>${escapeAttribute(title)}</title>
  </head>
  <body data-translations="${escapeAttribute(JSON.stringify(vscode.l10n.bundle ?? {}))}">
    <div id="root"></div>
    <script type="module" nonce="${nonce}" src="${address(`${name}.js`)}"></script>
  </body>
</html>`;
}

function escapeAttribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
