import { join } from 'node:path';
import axe from 'axe-core';
import type { FrameLocator, Locator, Page } from 'playwright-core';
import { patience } from '../../support/patience.ts';

const extensionId = 'tidyllm.tidyllm-gateway';

const withSecondarySideBar = 'body:not(:has(.noauxiliarybar))';
const visibleWebview = 'iframe.webview.ready:visible';

/** One window of the editor and what the tests look at in it. */
export class EditorWindow {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** The budget in the status bar. */
  statusItem(name = 'budget'): Locator {
    return this.page.locator(`[id="${extensionId}.${name}"]`);
  }

  /** Runs a command from the palette by its full title, for example `TidyLLM: Open Budget`. */
  async palette(title: string): Promise<void> {
    const taken = async (timeout: number) => {
      await this.page.keyboard.press('F1');
      await this.#quickInput().fill(`>${title}`, { timeout });
      await this.#take(title, timeout);
    };
    // A window that still starts may not hear the key; whatever takes the focus closes the palette.
    for (let timeout = 1_000; !(await happens(taken(timeout))); timeout *= 2);
    await this.#taken(title).waitFor({ state: 'detached' });
  }

  /** The rows of the open quick pick that hold a text. */
  quickPick(text: string | RegExp): Locator {
    return this.page
      .locator('.quick-input-widget:visible .quick-input-list .monaco-list-row')
      .filter({ hasText: text });
  }

  /** Takes a row of the open quick pick by the keyboard, and waits until the row is gone. */
  async choose(text: string): Promise<void> {
    await this.#take(text);
    await this.#taken(text).waitFor({ state: 'detached' });
  }

  async #take(text: string, timeout = patience): Promise<void> {
    await this.quickPick(text).first().waitFor({ timeout });
    while ((await this.#taken(text).count()) === 0) await this.#quickInput().press('ArrowDown', { timeout });
    // A busy window takes long to answer that it has the key: pressed again, a command would run twice.
    await this.#quickInput().press('Enter', { timeout: Math.max(timeout, 10_000) });
  }

  /** The row that Enter takes, if it holds the text. */
  #taken(text: string): Locator {
    return this.quickPick(text).and(this.page.locator('.focused'));
  }

  #quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible input.input');
  }

  /** Types into the input box that is open, or opens next, and confirms. */
  async answer(text: string): Promise<void> {
    // A pick that was answered stays until the extension host closes it, and has an input of its own.
    await this.quickPick('').first().waitFor({ state: 'hidden' });
    const input = this.#quickInput();
    await input.fill(text);
    await input.press('Enter');
  }

  /** Closes every editor and waits until they are gone. */
  async closeEditors(): Promise<void> {
    await this.palette('View: Close All Editors');
    await this.page.locator('.editor-group-container .tab').first().waitFor({ state: 'detached' });
  }

  /** Closes what an earlier test left open: dialogs, picks, notifications and editors. */
  async clear(): Promise<void> {
    for (const open of [this.dialog(), this.page.locator('.quick-input-widget:visible')])
      while ((await open.count()) > 0) await this.page.keyboard.press('Escape');
    if ((await this.notification('').count()) > 0) {
      await this.palette('Notifications: Clear All Notifications');
      await this.notification('').first().waitFor({ state: 'detached' });
    }
    if ((await this.page.locator('.editor-group-container .tab').count()) > 0) await this.closeEditors();
  }

  /** Shows the extension's container in the side bar. */
  async showContainer(): Promise<void> {
    const tab = this.page.locator('.activitybar').getByRole('tab', { name: 'TidyLLM' });
    const shown = tab.and(this.page.locator('[aria-selected="true"]'));
    if ((await shown.count()) > 0) return;
    // A click hides a container that the extension has just shown itself; another one shows it.
    do await tab.click();
    while (!(await appears(shown)));
  }

  /** Shows the chat in the secondary side bar. */
  async showChat(): Promise<void> {
    if ((await this.page.locator('.noauxiliarybar').count()) > 0) await this.palette('TidyLLM: Open Chat');
  }

  /** Hides the secondary side bar, with the chat, which takes room from the editors. */
  async hideChat(): Promise<void> {
    const hidden = this.page.locator('.noauxiliarybar');
    // The bar may be about to change by itself, and then the command turns it back.
    while (!(await appears(hidden))) await this.palette('View: Toggle Secondary Side Bar Visibility');
  }

  /** The content of the chat view, once `showChat` has shown it. */
  chatFrame(): FrameLocator {
    // A view that was hidden comes back without its purpose in the address, so its place tells it apart.
    return this.#webview(`${withSecondarySideBar} .webview-overlay-outer-right > ${visibleWebview}`);
  }

  /** The content of the webview in the active editor. */
  editorFrame(): FrameLocator {
    return this.#webview(
      [
        `${withSecondarySideBar} .webview-overlay-content:not(.webview-overlay-outer-right) > ${visibleWebview}`,
        `body:has(.noauxiliarybar) .webview-overlay-outer-right > ${visibleWebview}`,
      ].join(', '),
    );
  }

  #webview(selector: string): FrameLocator {
    return this.page.frameLocator(selector).frameLocator('iframe#active-frame');
  }

  tree(name: string): Locator {
    return this.page.getByRole('tree', { name });
  }

  treeItem(tree: string, item: string | RegExp): Locator {
    return this.tree(tree).getByRole('treeitem', { name: item });
  }

  /** The health view's line of today's budget with its limit in dollars; in sight where the window is high. */
  budgetLine(limit: string): Locator {
    return this.treeItem('Health', new RegExp(`^Today, \\$[\\d.]+ of \\$${limit}$`));
  }

  /** A line of the active text editor; it shows spaces as no-break ones. */
  textLine(text: string): Locator {
    const pattern = text.split(' ').map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return this.page
      .locator('.editor-instance .view-line')
      .filter({ hasText: new RegExp(pattern.join('\\s+')) });
  }

  /** The tooltip of an element, with a text. An element that is drawn again loses it, so the mouse comes again. */
  async tooltip(element: Locator, text: string): Promise<Locator> {
    const tooltip = this.page.locator('.monaco-hover:visible');
    do {
      await this.page.mouse.move(0, 0);
      await element.hover();
    } while (!(await appears(tooltip.getByText(text).first())));
    return tooltip;
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator('.notification-list-item').filter({ hasText: text });
  }

  dialog(): Locator {
    return this.page.locator('.monaco-dialog-box');
  }

  /** Trusts the folder of a window whose editor was started with `trust: false`. */
  async grantTrust(): Promise<void> {
    await this.page.locator('[id="status.workspaceTrust"]').click();
    await this.page
      .locator('.workspace-trust-editor')
      .getByRole('button', { name: 'Trust', exact: true })
      .click();
    await this.page.locator('[id="status.workspaceTrust"]').waitFor({ state: 'detached' });
  }

  /** Takes the trust back, which starts the extension host again. */
  async withdrawTrust(): Promise<void> {
    await this.palette('Workspaces: Manage Workspace Trust');
    const folder = this.page.locator('.workspace-trust-editor .monaco-list-row');
    await folder.hover();
    await folder.getByRole('button', { name: 'Delete Path' }).click();
    await this.page.locator('[id="status.workspaceTrust"]').waitFor();
  }

  /** Loads the window again, as after a change of settings, and waits for the extension. */
  async reload(): Promise<void> {
    const loaded = this.page.waitForEvent('load');
    // The editor's own command saves what is open first; the browser's button would not wait for it.
    await this.palette('Developer: Reload Window');
    await loaded;
    await this.statusItem().waitFor();
  }

  /** What axe finds wrong in the contents of the visible webviews. */
  async accessibilityFindings(): Promise<string[]> {
    const findings: string[] = [];
    for (const webview of await this.page.locator('iframe.webview.ready:visible').all()) {
      const content = webview.contentFrame().locator('iframe#active-frame');
      const frame = await (await content.elementHandle()).contentFrame();
      if (!frame) throw new Error('A webview went away while axe looked at it.');
      await frame.evaluate(axe.source);
      findings.push(...(await frame.evaluate(accessibilityFaults)));
    }
    return findings;
  }

  /** Saves a picture of the window under test-results/. */
  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({ path: join('test-results', 'screenshots', `${name}.png`) });
  }

  close(): Promise<void> {
    return this.page.close();
  }
}

/** Runs in a webview: a part of a window, so what only a whole page must have isn't asked of it. */
async function accessibilityFaults(): Promise<string[]> {
  const { runPartial, finishRun } = (window as unknown as { axe: typeof axe }).axe;
  const part = { include: [['html']], exclude: [], initiator: false };
  const options = {
    resultTypes: ['violations' as const],
    rules: { 'page-has-heading-one': { enabled: false }, 'landmark-one-main': { enabled: false } },
  };
  const { violations } = await finishRun([await runPartial(part, options)], options);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target }) => `${id}: ${help} (${target.join(' ')})`),
  );
}

/** Whether an element appears; if it doesn't soon, a caller repeats what should show it. */
export function appears(element: Locator): Promise<boolean> {
  return happens(element.waitFor({ timeout: 5_000 }));
}

function happens(action: Promise<void>): Promise<boolean> {
  return action.then(
    () => true,
    () => false,
  );
}
