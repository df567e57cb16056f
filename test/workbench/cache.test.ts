import type { FrameLocator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { ChatView } from './harness/chatView.ts';
import { environmentOf, startOnStandIn } from './harness/standIn.ts';

const haiku = 'us.anthropic.claude-haiku-4-5-20251001-v1:0';
const caching = { TIDYLLM_CACHE_ENABLED: 'true', TIDYLLM_CACHE_MAX_TEMPERATURE: '1' };
const sonnet = 'us.anthropic.claude-sonnet-4-6';

describe('the cache and the models of a window', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let view: FrameLocator;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn(caching));
    window = await editor.open(editor.workspace, { viewport: { width: 1500, height: 1000 } });
    const chat = await ChatView.open(window);
    for (const question of ['Why is the sky blue?', 'Why is the sky blue?']) {
      // The same question with an earlier turn is another request.
      await chat.startOver();
      await chat.ask(question);
      await chat.ended();
    }
    await window.palette('TidyLLM: Open Health Dashboard');
    view = window.editorFrame();
  });

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  /** Answers of the command line go into the same cache. */
  async function answerInTerminal(model: string): Promise<void> {
    const environment = { TIDYLLM_HOME: editor.home, ...environmentOf(standIn), ...caching };
    const args = ['chat', '--reason', 'JIRA-1 fill the cache', '--model', model, `Why, ${model}?`];
    expect((await tidyllmJson(args, { environment })).code).toBe(0);
  }

  test('the dashboard shows what the calls of this window came to, and the cache', async () => {
    const models = view.getByRole('table', { name: 'Models called in this window' });
    const row = models.getByRole('row', { name: new RegExp(`^bedrock ${sonnet} available 1 `) });
    await row.getByText('1 (50 %)').waitFor();
    await view.getByText(/^1 answers?, .* in .*\.bedrock_cache$/).waitFor();
  });

  test.each([
    ['dark', 'dark', 1500, 1000],
    ['narrow', 'dark', 780, 1500],
    ['light', 'light', 1500, 1000],
    ['high-contrast', 'highContrast', 1280, 1000],
  ] as const)('the dashboard looks right: %s', async (name, theme, width, height) => {
    await window.closeEditors();
    await window.page.setViewportSize({ width, height });
    await editor.changeTheme(window, theme);
    await window.palette('TidyLLM: Open Health Dashboard');
    await view.getByRole('table', { name: 'Models called in this window' }).scrollIntoViewIfNeeded();
    expect(await view.locator('body').evaluate((body) => body.scrollWidth <= body.clientWidth)).toBe(true);
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot(`dashboard-models-${name}`);
  });

  test('the answers of one model, or all, are deleted once a person has seen how many', async () => {
    await window.page.setViewportSize({ width: 1500, height: 1000 });
    await answerInTerminal('claude-haiku');
    await window.palette('TidyLLM: Clear Cache…');
    await window.quickPick(/All models.*2 answers, [\d.,]+ (bytes|kB)/).waitFor();
    await window.quickPick(new RegExp(`${sonnet}.*1 answer, `)).waitFor();
    await window.screenshot('clear-cache-pick');
    await window.choose(haiku);
    await window.dialog().getByText(`Delete the cached answers of ${haiku}?`).waitFor();
    await window.screenshot('clear-cache-question');
    await window.dialog().getByRole('button', { name: 'Delete' }).click();
    await window.notification(/Deleted from the cache: 1 answer, /).waitFor();
    await window.screenshot('clear-cache-done');
    await window.clear();
    await window.palette('TidyLLM: Clear Cache…');
    await window.choose('All models');
    await window.dialog().getByRole('button', { name: 'Cancel' }).click();
    await window.palette('TidyLLM: Clear Cache…');
    await window.quickPick(/All models.*1 answer, /).waitFor();
    await window.choose('All models');
    await window.dialog().getByRole('button', { name: 'Delete' }).click();
    await window.notification(/Deleted from the cache: 1 answer, /).waitFor();
    await window.clear();
    await window.palette('TidyLLM: Clear Cache…');
    await window.notification(/There are no cached answers in /).waitFor();
  });
});
