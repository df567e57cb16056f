import * as vscode from 'vscode';

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** How long ago a time (ISO 8601) was, in words. */
export function agoText(time: string): string {
  const past = Date.now() - Date.parse(time);
  for (const [unit, milliseconds] of units) {
    if (past < milliseconds) continue;
    const format = new Intl.RelativeTimeFormat(vscode.env.language, { numeric: 'auto' });
    return format.format(-Math.floor(past / milliseconds), unit);
  }
  return vscode.l10n.t('just now');
}
