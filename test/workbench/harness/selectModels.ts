import type { EditorWindow } from './editorWindow.ts';

/** Selects exactly these models in the open pick. */
export async function selectModels(window: EditorWindow, names: readonly string[]): Promise<void> {
  await window.quickPick('claude-sonnet').first().waitFor();
  for (const row of await window.quickPick('').all()) {
    const name = await row.locator('.label-name').first().innerText();
    const box = row.getByRole('checkbox').or(row.locator('input[type=checkbox], .monaco-checkbox')).first();
    const checked = (await row.locator('[aria-checked="true"], .checked').count()) > 0;
    if (checked !== names.includes(name)) await box.click();
  }
  await window.page.locator('.quick-input-widget:visible').getByRole('button', { name: 'OK' }).click();
}
