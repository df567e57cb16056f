import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BedrockStandIn, Behaviour, SeenCall } from '../standIn/bedrockStandIn.ts';
import { ChatView } from './harness/chatView.ts';
import type { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';
import { startOnStandIn } from './harness/standIn.ts';

/** Fields by the service's own form; otherwise a use of a tool, and then the end. */
function behave({ body }: SeenCall): Behaviour {
  if ('outputConfig' in body)
    return { blocks: [{ text: '{"verdict":"yes","reasons":["It is <b>late</b>","It rains"]}' }] };
  const told = body.messages?.at(-1)?.content?.some(({ toolResult }) => toolResult !== undefined);
  if (told || !body.toolConfig) return { blocks: [{ text: 'It says so.' }] };
  const use = { toolUseId: 'use_1', name: 'read_file', input: { path: 'package.json' } };
  return { blocks: [{ text: 'Let me look.' }, { toolUse: use }] };
}

const exclude = {
  'files.exclude': { '**/*.js': { when: '$(basename).ts' } },
  'search.exclude': { generated: true, 'marmalade.md': false },
};

describe('the modes of the chat', () => {
  let editor: Editor;
  let standIn: BedrockStandIn;
  let window: EditorWindow;
  let chat: ChatView;

  beforeAll(async () => {
    ({ editor, standIn } = await startOnStandIn());
    standIn.behave = behave;
    const review = 'description: As our team reviews\nsystem: You review.\n';
    await writeInWorkspace('.tidyllm/modes/review.yaml', review);
    await writeInWorkspace('.vscode/settings.json', JSON.stringify(exclude));
    for (const path of ['marmalade.md', 'marmalade.js', 'marmalade.ts', 'generated/marmalade.md'])
      await writeInWorkspace(path, `The marmalade of ${path}`);
    window = await editor.open();
    chat = await ChatView.open(window);
  });

  const writeInWorkspace = async (path: string, text: string): Promise<void> => {
    const place = join(editor.workspace, path);
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, text);
  };

  beforeEach(() => chat.startOver());

  afterAll(async () => {
    await editor.dispose();
    await standIn.close();
  });

  const select = (label: string): Promise<unknown> =>
    chat.frame.getByRole('combobox', { name: 'Mode' }).selectOption({ label });

  test('a structured answer is shown as a form with its JSON, and asked again it keeps its signature', async () => {
    await select('Structured');
    const signature = chat.frame.getByRole('textbox', { name: 'Signature' });
    await signature.fill('question -> verdict: "yes" | "no", reasons: string[]');
    await chat.ask('Shall we go?');
    const turn = await chat.ended();
    await turn.locator('dd').getByText('It is <b>late</b>').waitFor();
    expect(await turn.locator('dt').allInnerTexts()).toEqual(['verdict', 'reasons']);
    await turn.getByText('JSON', { exact: true }).click();
    await turn.getByText('"verdict": "yes"').waitFor();
    expect(await window.accessibilityFindings()).toEqual([]);
    await window.screenshot('chat-structured');
    await signature.fill('question -> other');
    await turn.getByRole('button', { name: 'Get Another Answer' }).click();
    await chat.frame.getByText('2/2').waitFor();
    await chat.ended();
    expect(await chat.turns.last().locator('dt').allInnerTexts()).toEqual(['verdict', 'reasons']);
  });

  test('a structured question without a signature says what is missing, and nothing is sent', async () => {
    await select('Structured');
    const before = standIn.calls.length;
    const hint = chat.frame.getByText('without them there is no price, and nothing is sent');
    await hint.waitFor();
    await chat.ask('Shall we go?');
    await chat.turns.last().getByText('The mode structured needs a signature.').waitFor();
    expect(standIn.calls).toHaveLength(before);
    await chat.frame.getByRole('textbox', { name: 'Signature' }).fill('question -> verdict');
    await hint.waitFor({ state: 'detached' });
  });

  test('the name of the selected mode is shown whole', async () => {
    for (const label of ['Workspace and Model', 'Model with Tools', 'Direct']) {
      await select(label);
      const needed = await chat.frame.getByRole('combobox', { name: 'Mode' }).evaluate((field) => {
        const style = getComputedStyle(field);
        const context = document.createElement('canvas').getContext('2d')!;
        context.font = style.font;
        const name = (field as HTMLSelectElement).selectedOptions[0]!.text;
        const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
        return context.measureText(name).width - room;
      });
      expect(needed).toBeLessThanOrEqual(1);
    }
  });

  test('a mode of the workspace’s file can be selected', async () => {
    await select('review');
    await chat.ask('Is it good?');
    await chat.ended();
    expect(JSON.stringify(standIn.calls.at(-1)!.body.system)).toContain('You review.');
  });

  test('an answer from the workspace is not from files that the settings of the editor exclude', async () => {
    await select('Workspace');
    await chat.ask('Where is the marmalade?');
    await chat.ended();
    const sent = JSON.stringify(standIn.calls.at(-1)!.body.messages);
    const found = [...sent.matchAll(/The marmalade of ([\w/.]+)/g)].map(([, path]) => path);
    expect(found.toSorted()).toEqual(['marmalade.md', 'marmalade.ts']);
  });

  test('a tool runs only once it is allowed, and what it gave is shown', async () => {
    await select('Model with Tools');
    await chat.ask('What is the name?');
    const turn = chat.turns.last();
    await turn.getByText('The model asks: Read package.json').waitFor();
    const before = standIn.calls.length;
    await window.screenshot('chat-tool');
    await turn.getByRole('button', { name: 'Allow Once' }).click();
    await chat.ended();
    expect(standIn.calls).toHaveLength(before + 1);
    expect(await turn.locator('.tool-state').innerText()).toMatch(/^\d+ characters read$/);
    await turn.getByText('It says so.').waitFor();
    expect(await window.accessibilityFindings()).toEqual([]);
  });

  test('a refused tool gives nothing, and one that waits is let go by a stop', async () => {
    await select('Model with Tools');
    await chat.ask('What is the name?');
    await chat.turns.last().getByRole('button', { name: 'Refuse' }).click();
    await chat.ended();
    expect(JSON.stringify(standIn.calls.at(-1)!.body.messages)).toContain('The user did not allow this.');
    await chat.ask('And now?');
    await chat.turns.last().getByRole('button', { name: 'Allow Once' }).waitFor();
    const before = standIn.calls.length;
    await chat.button('Stop').click();
    await chat.ended();
    expect(standIn.calls).toHaveLength(before);
  });

  test('all tools can be allowed for one conversation, and for no other', async () => {
    await select('Model with Tools');
    await chat.ask('What is the name?');
    await chat.turns.last().getByRole('button', { name: 'Allow All in This Conversation' }).click();
    await chat.ended();
    await chat.ask('Again?');
    await chat.ended();
    await chat.frame.getByText(/^In this conversation: 2 questions · [\d,]+ → \d+ tokens · \$/).waitFor();
    expect(await chat.turns.last().getByRole('button', { name: 'Allow Once' }).count()).toBe(0);
    await chat.startOver();
    await select('Model with Tools');
    await chat.ask('What is the name?');
    await chat.turns.last().getByRole('button', { name: 'Refuse' }).click();
    await chat.ended();
  });

  test('the model picker says what a model costs, holds, can do, and where it answers', async () => {
    await chat.frame.locator('.model').click();
    const item = window.quickPick('claude-sonnet');
    const text = (await item.innerText()).replaceAll(/\s+/g, ' ');
    expect(text).toMatch(/\$[\d.]+ → \$[\d.]+ · .* tokens of context/);
    expect(text).toMatch(/cross-region \(US\) · images, .*tools/);
    await window.page.keyboard.press('Escape');
  });
});
