import type { FrameLocator, Locator } from 'playwright-core';
import type { EditorWindow } from './editorWindow.ts';

/** The audit history of a window and what the tests touch in it. */
export class AuditView {
  readonly frame: FrameLocator;
  readonly grid: Locator;
  /** The rows that are in the page, newest first. */
  readonly rows: Locator;
  readonly detail: Locator;

  constructor(window: EditorWindow) {
    this.frame = window.editorFrame();
    this.grid = this.frame.getByRole('grid', { name: 'Calls' });
    this.rows = this.frame.locator('.window .row');
    this.detail = this.frame.getByRole('complementary');
  }

  /** Opens the view from the palette and waits for its first rows. */
  static async open(window: EditorWindow): Promise<AuditView> {
    await window.palette('TidyLLM: Open Audit History');
    const view = new AuditView(window);
    // Other columns have no room beside a call's detail, which comes back with the view.
    await view.frame.locator('.window .row .time').filter({ hasText: /\d/ }).first().waitFor();
    return view;
  }

  /** Shows all simulated calls from the newest on, and no detail, whatever an earlier test left. */
  async reset(window: EditorWindow): Promise<void> {
    if (!(await this.grid.isVisible())) await AuditView.open(window);
    for (const name of ['Show Simulated Calls', 'Clear Filters', 'Close']) {
      const button = this.button(name);
      if (await button.isVisible()) await button.click();
    }
    await this.frame.getByText('SIMULATED', { exact: true }).waitFor();
    await this.scrollTo(0);
  }

  button(name: string | RegExp): Locator {
    return this.frame.getByRole('button', { name });
  }

  /** How many calls match, as the view says. */
  async total(): Promise<number> {
    return Number((await this.frame.locator('.total').innerText()).replace(/\D/g, ''));
  }

  /** Sequence numbers of the rows that are seen; 0 for those that have not come. */
  async sequences(): Promise<number[]> {
    const texts = await this.frame.locator('.window .row .sequence').allInnerTexts();
    return texts.map(Number);
  }

  /** Scrolls to a share of the whole. */
  async scrollTo(share: number): Promise<void> {
    await this.grid.evaluate((element, to) => {
      element.scrollTop = (element.scrollHeight - element.clientHeight) * to;
    }, share);
  }
}
