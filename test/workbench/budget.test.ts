import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

/** Output tokens of claude-sonnet that cost as many dollars. */
function tokensFor(usd: number): string {
  return JSON.stringify({ inputTokens: 0, outputTokens: Math.round(usd / 16.5e-6) });
}

describe('the day’s budget', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let chat: ChatView;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.08' }));
    window = await editor.open();
    chat = await ChatView.open(window);
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  test('stands in the status bar', async () => {
    await expect.poll(() => window.statusItem().innerText()).toContain('$0 / $0.08');
    await chat.frame.getByText('$0.08 left').waitFor();
  });

  test('warns in the status bar from 80 %', async () => {
    await chat.ask(`@stand-in:usage=${tokensFor(0.065)}`);
    await chat.ended();
    await expect.poll(() => window.statusItem().innerText()).toContain('$0.065 / $0.08');
    await expect.poll(() => window.statusItem().getAttribute('class')).toContain('warning-kind');
  });

  test('refuses what does not fit, and offers what does', async () => {
    const before = standIn.calls.length;
    await chat.ask('One more');
    const turn = await chat.ended();
    expect(await turn.innerText()).toContain('The call may cost $0.06');
    expect(await turn.locator('.footer').innerText()).toMatch(/refused.*nothing charged/s);
    expect(standIn.calls.length).toBe(before);
    await turn.getByRole('button', { name: /Retry with up to \d+ Tokens/ }).waitFor();
    await turn.getByRole('button', { name: 'Raise Cap…' }).click();
    await window.page.locator('.quick-input-widget:visible').getByText('The cap is $0.08').waitFor();
    await window.page.keyboard.press('Escape');
    await turn.getByRole('button', { name: /Use us\.anthropic\.claude-haiku-5-5 \(≤ \$0\.\d+\)/ }).click();
    await expect.poll(() => standIn.calls.at(-1)?.modelId).toBe('us.anthropic.claude-haiku-5-5');
    const answered = await chat.ended();
    expect(await answered.locator('.question').innerText()).toBe('One more');
    expect(await answered.innerText()).not.toContain('The call may cost');
  });

  test('is red from 95 %', async () => {
    await chat.ask(`@stand-in:usage=${tokensFor(0.012)}`);
    await chat.button(/Retry with up to/).click();
    await chat.turns.last().getByText('This answer').waitFor();
    await expect.poll(() => window.statusItem().getAttribute('class')).toContain('error-kind');
  });

  test('is explained in the tooltip, by model', async () => {
    await window.statusItem().hover();
    const tooltip = window.page.locator('.monaco-hover:visible');
    await tooltip.getByText('us.anthropic.claude-haiku-5-5').waitFor();
    await tooltip.getByText('claude-sonnet').waitFor();
    await tooltip.getByRole('link', { name: 'Health' }).waitFor();
  });
});
