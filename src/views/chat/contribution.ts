import * as vscode from 'vscode';
import type { MakeAttachments } from '../../host/attach.ts';
import { madeOnce, type Contribution } from '../../host/contribution.ts';
import { DisposableStore } from '../../host/disposables.ts';
import type { ChatPanel, ChatPanelDependencies } from './panel.ts';

/** The chat view. */
export function contributeChat(dependencies: ChatPanelDependencies) {
  const store = new DisposableStore();
  const chat = madeOnce<ChatPanel>(
    store,
    async () => new (await import('./panel.ts')).ChatPanel(dependencies),
  );
  store.add(
    vscode.window.registerWebviewViewProvider('tidyllm.chat', {
      resolveWebviewView: async (view) => (await chat()).show(view),
    }),
  );
  store.add(
    vscode.window.registerWebviewPanelSerializer('tidyllm.chatEditor', {
      deserializeWebviewPanel: async (panel) => (await chat()).restoreEditor(panel),
    }),
  );
  const add = async (make: MakeAttachments): Promise<void> => (await chat()).addContext(make);
  const attach = (): Promise<typeof import('../../host/attach.ts')> => import('../../host/attach.ts');
  return {
    commands: {
      'tidyllm.openChat': async () => (await chat()).open(),
      'tidyllm.openChatInEditor': async () => (await chat()).openInEditor(),
      'tidyllm.newConversation': async () => (await chat()).newConversation(),
      'tidyllm.showConversations': async () => (await chat()).conversations.choose(),
      'tidyllm.renameConversation': async () => (await chat()).conversations.rename(),
      'tidyllm.pinConversation': async () => (await chat()).conversations.pin(),
      'tidyllm.exportConversation': async () => (await chat()).conversations.export(),
      'tidyllm.deleteConversation': async () => (await chat()).conversations.delete(),
      'tidyllm.restoreConversation': async () => (await chat()).conversations.restore(),
      'tidyllm.ask': async () => (await chat()).askFromPalette(),
      'tidyllm.chooseModel': async () => (await chat()).chooseModel(),
      'tidyllm.chooseReason': async () => (await chat()).chooseReason(),
      'tidyllm.addContext': () =>
        add(async (denied) => (await import('../../host/attachPicker.ts')).pickContext(denied)),
      'tidyllm.addToChat': (uri?: vscode.Uri, all?: readonly vscode.Uri[]) =>
        add(async (denied) => (await attach()).attachUris(denied, uri, all)),
      'tidyllm.addSelectionToChat': () =>
        add(async (denied) => [await (await attach()).attachSelection(denied)]),
      'tidyllm.addTerminalSelectionToChat': () =>
        add(async () => [await (await attach()).attachTerminalSelection()]),
      'tidyllm.addProblemsToChat': () =>
        add(async (denied) => [await (await attach()).attachProblems(denied)]),
      'tidyllm.addDiffToChat': () => add(async (denied) => [await (await attach()).attachDiff(denied)]),
      'tidyllm.previewQuestion': async () => (await chat()).previewQuestion(),
      'tidyllm.requestException': async (asked?: { allows?: readonly string[] }) =>
        (await import('../../host/exceptionActions.ts')).requestException(dependencies.holder, asked?.allows),
      'tidyllm.stopAnswer': async () => (await chat()).stop(),
    },
    /** Called after a user's kept content was erased. */
    forget: async (user: string): Promise<void> => (await chat()).forget(user),
    dispose: () => store.dispose(),
  } satisfies Contribution & { forget: unknown };
}
