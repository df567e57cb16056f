import * as vscode from 'vscode';
import { logInToAws } from './host/awsLogin.ts';
import { AuditTrail } from './host/auditTrail.ts';
import type { TidyLlmApi } from './host/api.ts';
import { createApi } from './host/createApi.ts';
import { acknowledgeOverruns, raiseCap } from './host/budgetActions.ts';
import { BudgetAlerts } from './host/budgetAlerts.ts';
import { registerCommands } from './host/commands.ts';
import { affectsComposition } from './host/configuration.ts';
import { connectAws } from './host/connectAws.ts';
import { CoreHolder } from './host/coreHolder.ts';
import { DisposableStore } from './host/disposables.ts';
import { inBackground } from './host/failures.ts';
import type { SettingsPlace } from './host/fixes.ts';
import type { FlowPlace } from './host/flowFile.ts';
import { FlowRuns } from './host/flowRuns.ts';
import { GitContext } from './host/gitContext.ts';
import { HealthMonitor } from './host/healthMonitor.ts';
import { Histories } from './host/histories.ts';
import { mfaCodePrompt } from './host/mfaCode.ts';
import type { RunFlowRequest } from './host/runFlow.ts';
import { SettingsFile } from './host/settingsFile.ts';
import { SettingsInEffectDocument } from './host/settingsInEffectDocument.ts';
import { tellOfSettingsFaults } from './host/settingsNotice.ts';
import { WalkthroughProgress } from './host/walkthroughProgress.ts';
import type { AuditPanel } from './views/audit/panel.ts';
import type { BudgetPanel } from './views/budget/panel.ts';
import type { ChatPanel } from './views/chat/panel.ts';
import type { DashboardPanel } from './views/dashboard/panel.ts';
import type { FlowReportPanels } from './views/flowReport/panel.ts';
import { FlowTree } from './views/flow/flowTree.ts';
import { HealthTree } from './views/health/healthTree.ts';
import { BudgetItem } from './views/statusBar.ts';

const store = new DisposableStore();
let holder: CoreHolder | null = null;

/** Registers everything and returns; the core is composed afterwards. */
export function activate(context: vscode.ExtensionContext): TidyLlmApi {
  const log = vscode.window.createOutputChannel('TidyLLM', { log: true });
  context.subscriptions.push(log);
  const core = new CoreHolder(async (options) => {
    const [{ compose }, { keyOfEarlierVersions }] = await Promise.all([
      import('./compose.ts'),
      import('./host/signingKey.ts'),
    ]);
    const mfaCode = mfaCodePrompt();
    return compose({ ...options, mfaCode, olderSigningKeys: () => keyOfEarlierVersions(context.secrets) });
  }, log);
  holder = core;
  const reconnect = (): void => void core.reconnect();
  const git = store.add(new GitContext());
  const settingsFile = store.add(new SettingsFile(reconnect));
  const settingsInEffect = store.add(new SettingsInEffectDocument(core));
  const auditTrail = store.add(new AuditTrail(core));
  const histories = store.add(new Histories());
  let openedAudit: AuditPanel | null = null;
  const audit = async (): Promise<AuditPanel> => {
    const { AuditPanel } = await import('./views/audit/panel.ts');
    const { extensionUri } = context;
    openedAudit ??= store.add(
      new AuditPanel({
        ...{ extensionUri, holder: core, histories, auditTrail, log },
        onErased: async (user) => (await chat()).forget(user),
      }),
    );
    return openedAudit;
  };
  store.add(
    vscode.window.registerWebviewPanelSerializer('tidyllm.auditHistory', {
      deserializeWebviewPanel: async (panel) => (await audit()).restore(panel),
    }),
  );
  let openedChat: ChatPanel | null = null;
  // Loaded when it is first shown: most of a start is reading code.
  const chat = async (): Promise<ChatPanel> => {
    const { ChatPanel } = await import('./views/chat/panel.ts');
    const { extensionUri, workspaceState: storage } = context;
    openedChat ??= store.add(
      new ChatPanel({
        ...{ extensionUri, storage, holder: core, git, runs, histories, log },
        showReport: async (runId) => (await reports()).open(runId),
        showCall: async (ledgerId, call) => (await audit()).showCall(ledgerId, call),
      }),
    );
    return openedChat;
  };
  store.add(
    vscode.window.registerWebviewViewProvider('tidyllm.chat', {
      resolveWebviewView: async (view) => (await chat()).show(view),
    }),
  );
  let openedBudget: BudgetPanel | null = null;
  const budget = async (): Promise<BudgetPanel> => {
    const { BudgetPanel } = await import('./views/budget/panel.ts');
    openedBudget ??= store.add(
      new BudgetPanel({ extensionUri: context.extensionUri, holder: core, histories, log }),
    );
    return openedBudget;
  };
  store.add(
    vscode.window.registerWebviewPanelSerializer('tidyllm.budget', {
      deserializeWebviewPanel: async (panel) => (await budget()).show(panel),
    }),
  );
  store.add(new BudgetAlerts(core, log));
  const monitor = store.add(new HealthMonitor(core, settingsFile, log));
  const health = store.add(new HealthTree(core, auditTrail, monitor));
  const runs = store.add(new FlowRuns(core, histories, git));
  let openedDashboard: DashboardPanel | null = null;
  const dashboard = async (): Promise<DashboardPanel> => {
    const { DashboardPanel } = await import('./views/dashboard/panel.ts');
    const { extensionUri } = context;
    openedDashboard ??= store.add(
      new DashboardPanel({ extensionUri, holder: core, auditTrail, monitor, runs, log }),
    );
    return openedDashboard;
  };
  store.add(
    vscode.window.registerWebviewPanelSerializer('tidyllm.dashboard', {
      deserializeWebviewPanel: async (panel) => (await dashboard()).show(panel),
    }),
  );
  let openedReports: FlowReportPanels | null = null;
  const reports = async (): Promise<FlowReportPanels> => {
    const { FlowReportPanels } = await import('./views/flowReport/panel.ts');
    const { extensionUri } = context;
    openedReports ??= store.add(
      new FlowReportPanels({
        ...{ extensionUri, log },
        reports: {
          reportOf: (runId) => runs.reportOf(runId),
          runsOf: (agreement) => runs.reportedRuns(agreement),
          runAgain: (agreement, parameters) => startFlow({ agreement, parameters }),
          showRecord: async (runId) => {
            const ledgerId = await (await core.whenReady()).ledger.identity();
            await (await audit()).showCall(ledgerId, await runs.entry(runId));
          },
        },
      }),
    );
    return openedReports;
  };
  const startFlow = async (request: RunFlowRequest = {}): Promise<void> => {
    const { runFlow } = await import('./host/runFlow.ts');
    const panels = await reports();
    await runFlow(request, {
      ...{ holder: core, runs, log },
      showReport: ({ runId, storedReport }) => panels.open(runId, storedReport),
    });
  };
  const runDefault = (agreement: string) => () => startFlow({ agreement, direct: true });
  store.add(
    vscode.window.registerWebviewPanelSerializer('tidyllm.flowReport', {
      deserializeWebviewPanel: async (panel, state) => (await reports()).restore(panel, state),
    }),
  );
  const flowTree = store.add(new FlowTree(core, runs));
  store.add(new WalkthroughProgress(core, log));
  store.add(new BudgetItem(core, log));
  store.add(
    registerCommands(
      {
        'tidyllm.openChat': async () => (await chat()).open(),
        'tidyllm.newConversation': async () => (await chat()).newConversation(),
        'tidyllm.ask': async () => (await chat()).askFromPalette(),
        'tidyllm.chooseModel': async () => (await chat()).chooseModel(),
        'tidyllm.chooseReason': async () => (await chat()).chooseReason(),
        'tidyllm.stopAnswer': async () => (await chat()).stop(),
        'tidyllm.openBudget': async () => (await budget()).open(),
        'tidyllm.raiseCap': () => raiseCap(core),
        'tidyllm.setDailyLimit': async () =>
          (await import('./host/setDailyLimit.ts')).setDailyLimit(core, settingsFile),
        'tidyllm.acknowledgeOverruns': () => acknowledgeOverruns(core),
        'tidyllm.reconnect': async () => (await import('./host/reconnect.ts')).reconnect(core),
        'tidyllm.connectAws': () => connectAws(core, log),
        'tidyllm.logInToAws': () => logInToAws(core),
        'tidyllm.openSettingsFile': (from?: { place?: SettingsPlace }) => settingsFile.open(from?.place),
        'tidyllm.openWorkspaceSettingsFile': () => settingsFile.openOfWorkspace(),
        'tidyllm.showSettings': () => settingsInEffect.open(),
        'tidyllm.verifyAuditTrail': () => auditTrail.verify(),
        'tidyllm.reopenLedger': async () =>
          core.use(async (ready) => (await import('./host/chainActions.ts')).reopenLedger(ready)),
        'tidyllm.openAuditHistory': async () => (await audit()).open(),
        'tidyllm.anchorNow': async () =>
          core.use(async (ready) => (await import('./host/chainActions.ts')).anchorNow(ready)),
        'tidyllm.rotateSigningKey': async () =>
          core.use(async (ready) => (await import('./host/chainActions.ts')).rotateSigningKey(ready)),
        'tidyllm.revealLedger': () => auditTrail.reveal(),
        'tidyllm.refreshHealth': () => health.open(),
        'tidyllm.openHealthDashboard': async () => (await dashboard()).open(),
        'tidyllm.runDoctor': async () => (await import('./host/runDoctor.ts')).runDoctor(core, auditTrail),
        'tidyllm.runFlow': (line?: RunFlowRequest) => startFlow(line && { agreement: line.agreement }),
        'tidyllm.openFlowFile': async (line?: { place?: FlowPlace }) =>
          (await import('./host/flowFile.ts')).openFlowFile(line?.place),
        'tidyllm.showFlowReport': async ({ runId }: { runId: string }) => (await reports()).open(runId),
        'tidyllm.stopFlow': ({ agreement }: { agreement: string }) => runs.stop(agreement),
        'tidyllm.refreshFlow': () => flowTree.refresh(),
        'tidyllm.runPerformanceTest': runDefault('performance_benchmark'),
        'tidyllm.runCostAnalysis': runDefault('cost_analysis'),
        'tidyllm.runErrorAnalysis': runDefault('error_analysis'),
        'tidyllm.runIntegrationTest': runDefault('integration_test'),
        'tidyllm.runScalabilityTest': runDefault('scalability_test'),
        'tidyllm.runSecurityTest': runDefault('security_test'),
        'tidyllm.showOutput': () => log.show(),
      },
      log,
    ),
  );
  store.add(
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (affectsComposition(change)) reconnect();
    }),
  );
  store.add(vscode.workspace.onDidGrantWorkspaceTrust(reconnect));
  store.add(vscode.workspace.onDidChangeWorkspaceFolders(reconnect));
  store.add(tellOfSettingsFaults(core, log));
  store.add(core.onDidChange(() => settingsFile.follow()));
  const first = core.onDidChange(() => {
    first.dispose();
    inBackground(log, followFiles(core, flowTree, log));
  });
  const start = setImmediate(reconnect);
  store.add({ dispose: () => clearImmediate(start) });
  return createApi(core, git, (context.extension.packageJSON as { version: string }).version);
}

/** What brings the schema and the AWS SDK, which the first start of the gateway has loaded. */
async function followFiles(
  core: CoreHolder,
  flowTree: FlowTree,
  log: vscode.LogOutputChannel,
): Promise<void> {
  const [{ SettingsDiagnostics }, { FlowLanguage }, { followAwsLogins }] = await Promise.all([
    import('./host/settingsDiagnostics.ts'),
    import('./host/flowLanguage/flowLanguage.ts'),
    import('./host/followAwsLogins.ts'),
  ]);
  store.add(new SettingsDiagnostics(core, log));
  const language = store.add(new FlowLanguage(core, log));
  store.add(language.onDidCheck(() => flowTree.refresh()));
  store.add(followAwsLogins(core, log));
}

/** Stops what runs, so that its cost is settled, and closes the ledger. */
export async function deactivate(): Promise<void> {
  store.dispose();
  await holder?.close();
}
