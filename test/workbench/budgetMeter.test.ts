import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FrameLocator, Locator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { formatUsd, microToUsd } from '../../src/pricing/cost.ts';
import { recordsOf } from '../support/records.ts';
import { afternoonZone, dailyLimit, Spending, teamSpending } from '../support/spending.ts';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { ChatView } from './harness/chatView.ts';
import { openWindows, type Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

describe('the budget meter', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let spending: Spending;
  let window: EditorWindow;
  let view: FrameLocator;

  beforeAll(async () => {
    const zone = afternoonZone();
    ({ editor, standIn } = await startOnStandIn());
    writeFileSync(
      join(editor.home, 'settings.yaml'),
      `budget: { timezone: ${zone}, daily_limit_usd: "${dailyLimit}", per_user_usd: { grace: "20" } }\n`,
    );
    spending = new Spending(join(editor.home, 'ledger', 'live'), zone);
    await spending.spend(teamSpending());
    window = await editor.open(editor.workspace, { viewport: { width: 1280, height: 2000 } });
    view = window.editorFrame();
  });

  beforeEach(async () => {
    await window.page.setViewportSize({ width: 1280, height: 2000 });
    const budget = view.getByRole('heading', { name: 'Budget', exact: true });
    if (!(await budget.isVisible())) await window.palette('TidyLLM: Open Budget');
    await budget.waitFor();
  });

  afterAll(async () => {
    await spending.ledger.dispose();
    await editor.dispose();
    await standIn.close();
  });

  /** Holds $4.60 for a call of another process. */
  function hold(): Promise<string> {
    return spending.reserve({ cost: 4.6, user: 'grace', model: 'claude-haiku', branch: 'main' });
  }

  /** Spends an amount in USD, of a user of whom no test says how much it was. */
  async function spend(cost: number): Promise<void> {
    await spending.settle(await spending.reserve({ cost, user: 'linus' }), cost);
  }

  /** Raises the day's limit to an amount in micro-USD. */
  async function raise(limit: bigint): Promise<void> {
    const by = { userId: 'ada', reason: 'JIRA-9 a bit more' };
    await spending.ledger.raiseCap({ scope: 'ledger', key: '', limit }, by);
  }

  /** What the ledger says of the day, in micro-USD. */
  async function today(): Promise<{ spent: bigint; reserved: bigint; limit: bigint }> {
    const { spent, reserved, raised } = await spending.ledger.budget();
    const limit = raised.find(({ scope }) => scope === 'ledger')?.limit ?? BigInt(dailyLimit) * 1_000_000n;
    return { spent, reserved, limit };
  }

  /** The meter, once it shows what the ledger says. */
  async function meter(): Promise<Locator> {
    const { spent, reserved, limit } = await today();
    const left = limit - spent - reserved;
    const name = `${formatUsd(spent)} of ${formatUsd(limit)} spent, ${formatUsd(reserved)} reserved, ${formatUsd(left)} left`;
    const shown = view.getByRole('img', { name });
    await shown.waitFor();
    return shown;
  }

  /** Runs what opens a save dialog, takes the name it offers, and returns the file. */
  async function exported(button: string, ending: string): Promise<Buffer> {
    await view.getByRole('button', { name: button }).click();
    const input = window.page.locator('.quick-input-widget:visible input.input');
    await expect.poll(() => input.inputValue()).toMatch(new RegExp(`/workspace/budget-[\\d-]+\\.${ending}$`));
    await input.press('Enter');
    await input.waitFor({ state: 'detached' });
    await window
      .notification(`budget-`)
      .filter({ hasText: `.${ending}` })
      .waitFor();
    const file = (): string | undefined =>
      readdirSync(editor.workspace).find((name) => name.endsWith(`.${ending}`));
    await expect.poll(file).toBeTruthy();
    return readFileSync(join(editor.workspace, file() ?? ''));
  }

  function cap(name: RegExp): Locator {
    return view.getByRole('region', { name: 'Caps' }).getByRole('row', { name });
  }

  test('tells once that half of the budget is spent, names what is held apart, and opens from there', async () => {
    await window.clear();
    const held = await hold();
    onTestFinished(() => spending.settle(held, 0.1));
    const { spent } = await today();
    const [after, limit] = [spent + 1_000_000n, 2n * spent + 1_000_000n];
    await raise(limit);
    await spend(1);
    const notification = window.notification(
      `50% of today’s budget is spent: ${formatUsd(after)} of ${formatUsd(limit)}. $4.60 more is reserved for running calls.`,
    );
    await notification.waitFor();
    // Grace has spent 40 % of hers; with what is held it would be 63 %.
    expect(await window.notification('cap of grace').count()).toBe(0);
    await notification.getByRole('button', { name: 'Open Budget' }).click();
    await window.palette('Notifications: Clear All Notifications');
    await window.page.getByRole('tab', { name: 'Budget' }).waitFor();
    await view.getByRole('heading', { name: 'Budget' }).waitFor();
  });

  test('shows what is spent, reserved and left, and where the day goes', async () => {
    const held = await hold();
    onTestFinished(() => spending.settle(held, 0.1));
    await (await meter()).locator('.tick').waitFor();
    const forecast = await view.getByText('Forecast for today').innerText();
    expect(forecast).toMatch(/\$\d\d\.\d\d/);
    await view.getByText(/mean spending in the rest of the day on the last 14 days/).waitFor();
    await view.getByText('50% of the limit spent').waitFor();
  });

  test('draws the hours by model, with a table behind that everybody can see', async () => {
    const hours = view.getByRole('region', { name: 'Today by hour' });
    const chart = hours.getByRole('img', { name: /^Today by hour: .*09:00–10:00 \$8/ });
    // One column at eight; at nine six dollars of one model, and two of another on them.
    const [lower, upper] = [chart.locator('.column').nth(1), chart.locator('.column').nth(2)];
    const [below, above] = await Promise.all([lower.boundingBox(), upper.boundingBox()]);
    expect(below?.x).toBe(above?.x);
    expect((below?.height ?? 0) / (above?.height ?? 1)).toBeCloseTo(3, 0);
    expect(Math.abs((above?.y ?? 0) + (above?.height ?? 0) - (below?.y ?? 0))).toBeLessThan(2);
    const paints = await Promise.all([lower, upper].map((one) => one.evaluate(strokeIn)));
    expect(new Set(paints).size).toBe(2);
    await lower.hover();
    const tip = hours.locator('.tip');
    await tip.getByText('09:00–10:00 $8').waitFor();
    await tip.getByText('us.anthropic.claude-sonnet-4-6 $6').waitFor();
    await hours.locator('.legend').getByText('us.anthropic.claude-sonnet-4-6').waitFor();
    await hours.getByRole('button', { name: 'Today by hour as table' }).press('Enter');
    const row = hours.getByRole('row', { name: /^09:00–10:00/ });
    expect(await row.getByRole('cell').allInnerTexts()).toEqual(['$6', '$2', '$0', '$8']);
    await hours.getByRole('button', { name: 'Today by hour as table' }).press('Enter');
    await chart.waitFor();
  });

  test('has tables by model, user, workspace and branch, with share and trend', async () => {
    for (const name of ['By model', 'By user', 'By workspace', 'By branch'])
      await view.getByRole('region', { name }).getByRole('table').waitFor();
    const ada = view.getByRole('region', { name: 'By user' }).getByRole('row', { name: /^ada/ });
    const cells = await ada.getByRole('cell').allInnerTexts();
    const share = 21e8 / Number((await today()).spent);
    expect(cells.slice(0, 3)).toEqual(['3', '$21', expect.stringMatching(/^\d+(\.\d)?%$/)]);
    expect(Number.parseFloat(cells[2] ?? '')).toBeCloseTo(share, 0);
    expect(cells[4]).toMatch(/(more|less) than in the 7 days before\s*\d+(\.\d)?%/);
    await view.getByRole('region', { name: 'By workspace' }).getByText('shop', { exact: true }).waitFor();
  });

  test('names the month’s forecast and its method', async () => {
    await view.getByText(/≈ \$[\d,.]+ by the end of the month/).waitFor();
    await view.getByText(/plus the mean of the last 14 days for each remaining day/).waitFor();
  });

  test('follows the ledger while another process writes to it', async () => {
    const held = await hold();
    await meter();
    await spending.settle(held, 0.5);
    await meter();
  });

  test('raises a cap once it is told why, and shows who did', async () => {
    await cap(/^User: grace/)
      .getByRole('button')
      .click();
    const input = window.page.locator('.quick-input-widget:visible input.input');
    await input.fill('15');
    await window.page.locator('.quick-input-widget:visible').getByText('Enter an amount above $20').waitFor();
    await window.answer('35');
    await window.page.locator('.quick-input-widget:visible').getByText('Why raise the cap to $35?').waitFor();
    await window.answer('JIRA-9 release week');
    await cap(/^User: grace/)
      .getByText('JIRA-9 release week')
      .waitFor();
    await cap(/^User: grace/)
      .getByRole('cell', { name: '$35', exact: true })
      .waitFor();
    const changes = await recordsOf(spending, 'policy_change');
    expect(changes.at(-1)).toMatchObject({
      scope: 'user',
      key: 'grace',
      to_micro_usd: '35000000',
      reason: 'JIRA-9 release week',
    });
  });

  test('is blocked by an overrun until someone acknowledges it', async () => {
    const callId = await spending.reserve({ cost: 0.5, user: 'linus' });
    await spending.settle(callId, 1);
    await view.getByText('A call cost more than it reserved').waitFor();
    await view.getByText('Blocked by an overrun').waitFor();
    await expect.poll(() => window.statusItem().innerText()).toContain('blocked');
    const tooltip = await window.tooltip(window.statusItem(), 'A call cost more than it reserved');
    await tooltip.getByRole('link', { name: 'Acknowledge…' }).waitFor();
    await window.page.keyboard.press('Escape');
    await window.palette('TidyLLM: Refresh Health');
    await window.treeItem('Health', /^Today, blocked by an overrun/).waitFor();
    await view.getByRole('button', { name: 'Acknowledge…' }).click();
    await window.answer('JIRA-10 price was checked');
    await view.getByRole('button', { name: 'Acknowledge…' }).waitFor({ state: 'detached' });
    expect(await recordsOf(spending, 'acknowledgement')).toMatchObject([
      { reason: 'JIRA-10 price was checked' },
    ]);
  });

  test('exports its figures and its picture', async () => {
    await meter();
    const csv = (await exported('Export CSV', 'csv')).toString();
    const { scopes, raised } = await spending.ledger.budget();
    const grace = ({ scope, key }: { scope: string; key: string }): boolean =>
      scope === 'user' && key === 'grace';
    const [spent, limit] = [scopes.find(grace)?.spent ?? 0n, raised.find(grace)?.limit ?? 20_000_000n];
    expect(csv).toContain(`cap,user,grace,,,${microToUsd(spent)},0,${microToUsd(limit)}`);
    const png = await exported('Export PNG', 'png');
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.length).toBeGreaterThan(20_000);
  });

  test('is opened from the status bar, the chat and the health view, once', async () => {
    const tab = window.page.getByRole('tab', { name: 'Budget' });
    await window.palette('View: Close All Editors');
    await tab.waitFor({ state: 'detached' });
    await window.statusItem().click();
    await tab.waitFor();
    const chat = await ChatView.open(window);
    await chat.button(/\$\d+(\.\d+)? left/).click();
    await window.treeItem('Health', /^Today/).click();
    expect(await tab.count()).toBe(1);
    await view.getByRole('heading', { name: 'Budget' }).waitFor();
  });

  test('can be used with a screen reader', async () => {
    expect(await window.accessibilityFindings()).toEqual([]);
  });

  test('comes back with its window', async () => {
    await window.reload();
    await meter();
  });

  test('tells of each alert in one window only', async () => {
    const other = await editor.open();
    const windows = [window, other];
    const told = async (share: string): Promise<number> => {
      const counts = [...openWindows].map((one) =>
        one.notification(`${share} of today’s budget is spent`).count(),
      );
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    };
    const { limit } = await today();
    const spendUpTo = async (share: number): Promise<void> =>
      spend((share * Number(limit) - Number((await today()).spent)) / 1e6);
    await spendUpTo(0.82);
    await expect.poll(() => told('80%')).toBe(1);
    await spendUpTo(0.97);
    await expect.poll(() => told('95%')).toBe(1);
    // By now the other window knows of both.
    const spent = formatUsd((await spending.ledger.budget()).spent);
    for (const one of windows)
      await expect.poll(() => one.statusItem().innerText()).toContain(`${spent} / ${formatUsd(limit)}`);
    expect([await told('80%'), await told('95%')]).toEqual([1, 1]);
    // Of a cap that was raised it is told anew, once.
    await raise((limit * 101n) / 100n);
    await expect.poll(() => told('95%')).toBe(2);
    await other.close();
    // Room for the other tests.
    await raise((limit * 13n) / 10n);
  });

  test.each([
    ['dark', 'dark', 1280, 1100],
    ['narrow', 'dark', 640, 1000],
    ['light', 'light', 1280, 1100],
    ['wide', 'light', 1400, 1100],
    ['narrowest', 'light', 480, 1000],
    ['high-contrast', 'highContrast', 1280, 1100],
    ['high-contrast-light', 'highContrastLight', 1280, 1100],
  ] as const)('looks right: %s', async (name, theme, width, height) => {
    await window.closeEditors();
    await window.hideChat();
    await window.page.setViewportSize({ width, height });
    await editor.changeTheme(window, theme);
    await window.palette('TidyLLM: Open Budget');
    await view.locator('.chart > svg').first().waitFor();
    expect(await view.locator('body').evaluate((body) => body.scrollWidth <= body.clientWidth)).toBe(true);
    expect(await view.locator('.breakdowns').evaluate(crampedIn)).toEqual([]);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot(`budget-${name}`);
    await view.locator('.breakdowns').scrollIntoViewIfNeeded();
    await window.screenshot(`budget-${name}-tables`);
    await view.locator('.caps').scrollIntoViewIfNeeded();
    await window.screenshot(`budget-${name}-end`);
  });
});

/** Runs in the page. */
function strokeIn(element: Element): string {
  return getComputedStyle(element).stroke;
}

/** Headings that lie over their neighbours, and names that are broken within a word; run in the page. */
function crampedIn(tables: Element): string[] {
  const overlapping = [...tables.querySelectorAll('thead th')].filter(
    (heading) => heading.scrollWidth > heading.clientWidth + 1,
  );
  const broken = [...tables.querySelectorAll('tbody th')].filter((name) => {
    const style = getComputedStyle(name);
    const lines = name.clientHeight / Number.parseFloat(style.lineHeight);
    return lines > 2.6;
  });
  return [...overlapping, ...broken].map((element) => element.textContent);
}
