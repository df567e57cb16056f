import { expect, test, vi } from 'vitest';
import type * as vscode from 'vscode';
import { GatewayError } from '../../../src/errors.ts';
import type { Comparison, ComparisonListener } from '../../../src/gateways/comparison.ts';
import { unreachable } from '../../../src/gateways/unreachable.ts';
import { ComparisonPanels } from '../../../src/views/comparison/panel.ts';

interface FakePanel {
  title: string;
  readonly webview: Partial<vscode.Webview>;
  onDidDispose: (listener: () => void) => void;
  dispose: () => void;
}

const editor = vi.hoisted(() => ({ panel: null as FakePanel | null, ready: (): void => undefined }));

/** As VS Code's own: once closed, the panel throws, and its webview drops messages. */
function fakePanel(): FakePanel {
  let closed = false;
  const listeners: (() => void)[] = [];
  const webview: Partial<vscode.Webview> = {
    cspSource: '',
    onDidReceiveMessage: (listener) => {
      editor.ready = () => void listener({ type: 'ready' });
      return { dispose: () => undefined };
    },
    asWebviewUri: (uri) => uri,
    postMessage: () => Promise.resolve(!closed),
  };
  return {
    title: 'Comparison',
    get webview() {
      if (closed) throw new Error('Webview is disposed');
      return webview;
    },
    onDidDispose: (listener) => void listeners.push(listener),
    dispose: () => {
      closed = true;
      for (const listener of listeners) listener();
    },
  };
}

vi.mock('vscode', async () => {
  const { fakeVscode } = await import('../../support/vscode.ts');
  return {
    ...fakeVscode,
    Uri: { joinPath: () => 'file:' },
    ViewColumn: { Active: -1 },
    workspace: { registerTextDocumentContentProvider: () => ({ dispose: () => undefined }) },
    window: { createWebviewPanel: () => (editor.panel = fakePanel()) },
  };
});

test('a comparison whose editor is closed goes on until every call has ended', async () => {
  const stopped = new GatewayError('cancelled', 'The call was stopped.');
  const names = ['nova-lite', 'nova-pro'];
  const ended: string[] = [];
  const begun = Promise.withResolvers<undefined>();
  const closed = Promise.withResolvers<undefined>();
  const comparison = {
    id: 'comparison',
    worstCase: 1n,
    models: names.map((name) => ({ name, worstCase: 1n, refusal: null })),
    cancel: () => closed.resolve(undefined),
    run: async ({ onEvent, onEnd }: ComparisonListener) => {
      onEvent?.('nova-lite', { type: 'text', index: 0, text: 'What has come ' });
      begun.resolve(undefined);
      await closed.promise;
      for (const name of names) {
        onEnd?.(name, unreachable(stopped, name, { id: 'bedrock', simulated: false }));
        ended.push(name);
      }
    },
  } as unknown as Comparison;
  const error = vi.fn();
  const panels = new ComparisonPanels({
    extensionUri: 'file:' as unknown as vscode.Uri,
    showCall: () => Promise.resolve(),
    answerCode: { insert: () => Promise.resolve(), apply: () => Promise.resolve(false) },
    log: { error } as unknown as vscode.LogOutputChannel,
  });
  const running = panels.run({ comparison, question: 'Why?', reason: 'JIRA-1', simulated: false });
  editor.ready();
  await begun.promise;
  editor.panel?.dispose();
  await running;
  expect(ended).toEqual(names);
  expect(error).not.toHaveBeenCalled();
});
