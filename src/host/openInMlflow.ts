import * as vscode from 'vscode';
import type { Core, TrackedPage } from '../core/core.ts';

/** Shows a call or a run in MLflow, in the browser. Throws `service_failed`. */
export async function openInMlflow({ tracking }: Pick<Core, 'tracking'>, page: TrackedPage): Promise<void> {
  const address = await tracking.pageOf(page);
  // As a text: a Uri would encode the question mark behind the #, by which MLflow finds the call.
  await vscode.env.openExternal(address as unknown as vscode.Uri);
}
