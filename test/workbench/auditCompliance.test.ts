import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tidyllm } from '../support/commandLine.ts';
import { AuditView } from './harness/auditView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { environmentOf, startOnStandIn } from './harness/standIn.ts';

describe('the compliance tab of the audit history', () => {
  let editor: Editor;
  let window: EditorWindow;
  let audit: AuditView;

  const status = () => audit.frame.locator('.compliance [role=status]');
  const level = () => audit.frame.getByRole('combobox', { name: 'Level' });
  const row = (name: string | RegExp) => audit.frame.getByRole('row', { name });

  beforeAll(async () => {
    const started = await startOnStandIn({ TIDYLLM_COMPLIANCE_LEVEL: 'sox' });
    ({ editor } = started);
    const environment = {
      ...environmentOf(started.standIn),
      TIDYLLM_HOME: editor.home,
      TIDYLLM_COMPLIANCE_LEVEL: 'sox',
    };
    const calls = [
      ['hello', 'JIRA-1 first'],
      ['Write to ada.lovelace@example.com', 'without a ticket'],
      [`Use AKIA${'Z7QX2MNB'.repeat(2)}`, 'JIRA-2 kept back'],
    ] as const;
    for (const [prompt, reason] of calls)
      await tidyllm(['chat', prompt, '--reason', reason], { environment });
    window = await editor.open();
    await window.page.setViewportSize({ width: 1280, height: 800 });
    audit = await AuditView.open(window);
    await audit.frame.getByRole('tab', { name: 'Compliance' }).click();
  });

  afterAll(() => editor.dispose());

  test('shows the controls of the level in force, what was found and what was kept back', async () => {
    await status().filter({ hasText: '3 calls · 2 checked at this level · 1 redacted' }).waitFor();
    expect(await level().inputValue()).toBe('sox');
    const ticket = row(/^The reason names a ticket/);
    expect((await ticket.getByRole('cell').allInnerTexts()).slice(0, 3).map((text) => text.trim())).toEqual([
      '1',
      '1',
      '0',
    ]);
    await row(/^email/)
      .getByRole('button', { name: /^Show record/ })
      .waitFor();
    await audit.frame.getByRole('heading', { name: 'Kept back' }).waitFor();
    expect(await window.accessibilityFindings()).toEqual([]);
  });

  test('leads to the call of a record, from the keyboard too', async () => {
    const record = row(/^The reason names a ticket/).getByRole('button', { name: /^Show record/ });
    await record.focus();
    await window.page.keyboard.press('Enter');
    await audit.detail.getByText('without a ticket').first().waitFor();
    await audit.frame.getByRole('tab', { name: 'Calls' }).focus();
    await window.page.keyboard.press('ArrowRight');
    await level().waitFor();
  });

  test('shows another level, whose calls were not checked', async () => {
    await level().selectOption('gdpr');
    await status().filter({ hasText: '3 calls · 0 checked at this level' }).waitFor();
    await row(/^The purpose is stated/).waitFor();
    await level().selectOption('sox');
    await status().filter({ hasText: '2 checked' }).waitFor();
  });

  test('is saved as a file', async () => {
    const name = /^tidyllm-compliance-sox-.*\.json$/;
    const saved = () => readdirSync(editor.workspace).find((one) => name.test(one));
    await audit.button('JSON…').click();
    const path = window.page.locator('.quick-input-widget:visible input.input');
    await expect.poll(() => path.inputValue()).toMatch(/tidyllm-compliance-sox-.*\.json$/);
    await path.press('Enter');
    await expect.poll(saved).toBeDefined();
    expect(JSON.parse(readFileSync(join(editor.workspace, saved() ?? ''), 'utf8'))).toMatchObject({
      level: 'sox',
      calls: 3,
      blocked_calls: 1,
    });
  });

  test.each(['light', 'highContrast', 'highContrastLight', 'dark'] as const)(
    'can be read: %s',
    async (theme) => {
      await editor.changeTheme(window, theme);
      for (const width of [1280, 620]) {
        await window.page.setViewportSize({ width, height: 800 });
        await row(/^The reason names a ticket/).waitFor();
        expect(await window.accessibilityFindings()).toEqual([]);
        await window.screenshot(`audit-compliance-${theme}-${width}`);
      }
    },
  );
});
