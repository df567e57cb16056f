import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { formatUsd } from '../../src/pricing/cost.ts';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { Spending } from '../support/spending.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

/** Output tokens of claude-sonnet that cost as many dollars. */
function tokensFor(usd: number): string {
  return JSON.stringify({ inputTokens: 0, outputTokens: Math.round(usd / 16.5e-6) });
}

function usd(amount: number): string {
  return formatUsd(BigInt(Math.round(amount * 1e6)));
}

describe('the day’s budget', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let spending: Spending;
  let window: EditorWindow;
  let chat: ChatView;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    spending = new Spending(join(editor.home, 'ledger', 'live'), 'UTC');
    window = await editor.open();
    chat = await ChatView.open(window);
  });

  beforeEach(async () => {
    await window.clear();
    // What a call may cost grows with its conversation.
    await chat.startOver();
  });

  afterAll(async () => {
    await spending.ledger.dispose();
    await editor.dispose();
    await standIn.close();
  });

  /** USD, today. */
  async function spent(): Promise<number> {
    return Number((await spending.ledger.budget()).spent) / 1e6;
  }

  /** Spends an amount in USD by another process. */
  async function spend(cost: number, model = 'claude-sonnet'): Promise<void> {
    await spending.settle(await spending.reserve({ cost, model }), cost);
  }

  /** Sets the day's limit in USD and waits until the window has it, and all that is spent. */
  async function limit(amount: number): Promise<void> {
    writeFileSync(
      join(editor.home, 'settings.yaml'),
      `budget: { daily_limit_usd: "${amount.toFixed(6)}" }\n`,
    );
    await shows(await spent(), amount);
  }

  function shows(spent: number, limit: number): Promise<void> {
    return expect.poll(() => window.statusItem().innerText()).toContain(`${usd(spent)} / ${usd(limit)}`);
  }

  test('stands in the status bar', async () => {
    await limit((await spent()) + 0.08);
    await chat.frame.getByText('$0.08 left').waitFor();
  });

  test('warns in the status bar from 80 %', async () => {
    const after = (await spent()) + 0.065;
    await limit(after / 0.8125);
    expect(await window.statusItem().getAttribute('class')).not.toContain('warning-kind');
    await chat.ask(`@stand-in:usage=${tokensFor(0.065)}`);
    await chat.ended();
    await shows(after, after / 0.8125);
    await expect.poll(() => window.statusItem().getAttribute('class')).toContain('warning-kind');
  });

  test('refuses what does not fit, and offers what does', async () => {
    const cap = (await spent()) + 0.015;
    await limit(cap);
    const before = standIn.calls.length;
    await chat.ask('One more');
    const turn = await chat.ended();
    expect(await turn.innerText()).toContain('The call may cost $0.06');
    expect(await turn.locator('.footer').innerText()).toMatch(/refused.*nothing charged/s);
    expect(standIn.calls.length).toBe(before);
    await turn.getByRole('button', { name: /Retry with up to \d+ Tokens/ }).waitFor();
    await turn.getByRole('button', { name: 'Raise Cap…' }).click();
    await window.page
      .locator('.quick-input-widget:visible')
      .getByText(`The cap is ${usd(cap)}`)
      .waitFor();
    await window.page.keyboard.press('Escape');
    await turn.getByRole('button', { name: /Use us\.anthropic\.claude-haiku-5-5 \(≤ \$0\.\d+\)/ }).click();
    await expect.poll(() => standIn.calls.at(-1)?.modelId).toBe('us.anthropic.claude-haiku-5-5');
    const answered = await chat.ended();
    expect(await answered.locator('.question').innerText()).toBe('One more');
    expect(await answered.innerText()).not.toContain('The call may cost');
  });

  test('is red from 95 %', async () => {
    await spend(0.065);
    await limit((await spent()) + 0.015);
    await chat.ask(`@stand-in:usage=${tokensFor(0.012)}`);
    await chat.button(/Retry with up to/).click();
    await chat.turns.last().getByText('This answer').waitFor();
    await expect.poll(() => window.statusItem().getAttribute('class')).toContain('error-kind');
  });

  test('is explained in the tooltip, by model', async () => {
    await limit(1);
    await spend(0.001, 'nova-lite');
    await spend(0.002, 'nova-pro');
    await shows(await spent(), 1);
    const tooltip = await window.tooltip(window.statusItem(), 'nova-pro');
    await tooltip.getByRole('row', { name: 'nova-lite 1 $0.001' }).waitFor();
    await tooltip.getByRole('row', { name: 'nova-pro 1 $0.002' }).waitFor();
    await tooltip.getByRole('link', { name: 'Health' }).waitFor();
  });
});
