import * as vscode from 'vscode';
import { ConversationFiles } from './chat/conversationFiles.ts';
import type { ComposeOptions, Core } from './core/core.ts';
import type { TidyLlmApi } from './host/api.ts';
import { contributeAnswerCode } from './host/answerCode/contribution.ts';
import { registerCommands } from './host/commands.ts';
import { CoreHolder } from './host/coreHolder.ts';
import { createApi } from './host/createApi.ts';
import { DisposableStore } from './host/disposables.ts';
import { FlowRuns } from './host/flowRuns.ts';
import { GitContext } from './host/gitContext.ts';
import { Histories } from './host/histories.ts';
import { mfaCodePrompt } from './host/mfaCode.ts';
import { contributeSettings } from './host/settingsContribution.ts';
import { userDirectories } from './settings/settingsPlaces.ts';
import { contributeAudit } from './views/audit/contribution.ts';
import { contributeBudget } from './views/budget/contribution.ts';
import { contributeChat } from './views/chat/contribution.ts';
import { contributeComparison } from './views/comparison/contribution.ts';
import { contributeFlow } from './views/flow/contribution.ts';
import { contributeHealth } from './views/health/contribution.ts';
import { contributeWorkflows } from './views/workflow/contribution.ts';

const store = new DisposableStore();
let holder: CoreHolder | null = null;

/** Registers everything and returns; the core is composed afterwards. */
export function activate(context: vscode.ExtensionContext): TidyLlmApi {
  const log = vscode.window.createOutputChannel('TidyLLM', { log: true });
  context.subscriptions.push(log);
  const core = new CoreHolder((options) => composeWith(context, options), log);
  holder = core;
  const { extensionUri, secrets, workspaceState: storage } = context;
  const git = store.add(new GitContext());
  const histories = store.add(new Histories());
  const runs = store.add(new FlowRuns(core, histories, git));
  const services = { extensionUri, storage, holder: core, git, histories, runs, log };

  const settings = store.add(
    contributeSettings({ ...services, secrets, onFlowFiles: (): void => flow.refresh() }),
  );
  const { settingsFile } = settings;
  const audit = store.add(
    contributeAudit({
      ...services,
      onErased: async (user): Promise<void> => {
        await Promise.all([chat.forget(user), comparison.forget(user)]);
      },
    }),
  );
  const { auditTrail, showCall } = audit;
  const budget = store.add(contributeBudget({ ...services, settingsFile }));
  const health = store.add(contributeHealth({ ...services, settingsFile, auditTrail }));
  const workflows = store.add(contributeWorkflows({ ...services, showCall }));
  const flow = store.add(contributeFlow({ ...services, workflows, showCall }));
  const answerCode = store.add(contributeAnswerCode(services));
  const comparison = store.add(contributeComparison({ ...services, showCall, answerCode }));
  const { compare } = comparison;
  const conversations = store.add(new ConversationFiles(stateFolder()));
  const chat = store.add(
    contributeChat({
      ...services,
      conversations,
      showReport: flow.showReport,
      showCall,
      compare,
      answerCode,
    }),
  );
  const commands = {
    ...settings.commands,
    ...audit.commands,
    ...budget.commands,
    ...health.commands,
    ...flow.commands,
    ...workflows.commands,
    ...answerCode.commands,
    ...comparison.commands,
    ...chat.commands,
    'tidyllm.showOutput': () => log.show(),
  };
  store.add(registerCommands(commands, log));

  const start = setImmediate(() => void core.reconnect());
  store.add({ dispose: () => clearImmediate(start) });
  return createApi(core, git, (context.extension.packageJSON as { version: string }).version);
}

/** If TIDYLLM_HOME can't be used the gateway doesn't start, so nothing is kept where it would be by default. */
function stateFolder(): string {
  try {
    return userDirectories(process.env).state;
  } catch {
    return userDirectories({}).state;
  }
}

/** Loaded by the first start of the gateway: an activation registers and reads no more code than that needs. */
async function composeWith({ secrets }: vscode.ExtensionContext, options: ComposeOptions): Promise<Core> {
  const [{ compose }, { keyOfEarlierVersions }, { storedApiKey }] = await Promise.all([
    import('./app/compose.ts'),
    import('./host/signingKey.ts'),
    import('./host/setApiKey.ts'),
  ]);
  const mfaCode = mfaCodePrompt();
  return compose({
    ...options,
    mfaCode,
    apiKey: (service) => storedApiKey(secrets, service),
    olderSigningKeys: () => keyOfEarlierVersions(secrets),
  });
}

/** Stops what runs, so that its cost is settled, and closes the ledger. */
export async function deactivate(): Promise<void> {
  store.dispose();
  await holder?.close();
}
