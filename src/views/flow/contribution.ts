import * as vscode from 'vscode';
import { madeOnce, type Contribution } from '../../host/contribution.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { DisposableStore } from '../../host/disposables.ts';
import type { FlowPlace } from '../../host/flowFile.ts';
import type { FlowRuns } from '../../host/flowRuns.ts';
import type { RunFlowRequest } from '../../host/runFlow.ts';
import { openInMlflow } from '../../host/openInMlflow.ts';
import type { FlowReportPanels } from '../flowReport/panel.ts';
import { FlowTree, type Workflows } from './flowTree.ts';

export interface FlowContributionDependencies {
  extensionUri: vscode.Uri;
  holder: CoreHolder;
  runs: FlowRuns;
  workflows: Workflows;
  /** Shows a run's audit record. */
  showCall: (ledgerId: string | null, call: { sequence: number }) => Promise<void>;
  log: vscode.LogOutputChannel;
}

/** FLOW agreements: their tree, runs from the Command Palette, and reports. */
export function contributeFlow({
  extensionUri,
  holder,
  runs,
  workflows,
  showCall,
  log,
}: FlowContributionDependencies) {
  const store = new DisposableStore();
  const tree = store.add(new FlowTree(holder, runs, workflows));
  const start = async (request: RunFlowRequest = {}): Promise<void> => {
    const { runFlow } = await import('../../host/runFlow.ts');
    const panels = await reports();
    await runFlow(request, {
      holder,
      runs,
      log,
      showReport: ({ runId, storedReport }) => panels.open(runId, storedReport),
    });
  };
  const startDefault = (agreement: string) => () => start({ agreement, direct: true });
  const showRecord = async (runId: string): Promise<void> => {
    const { ledger } = await holder.whenReady();
    await showCall(await ledger.identity(), await runs.entry(runId));
  };
  const reports = madeOnce<FlowReportPanels>(store, async () => {
    const { FlowReportPanels } = await import('../flowReport/panel.ts');
    return new FlowReportPanels({
      extensionUri,
      log,
      reports: {
        reportOf: (runId) => runs.reportOf(runId),
        runsOf: (agreement) => runs.reportedRuns(agreement),
        runAgain: (agreement, parameters) => start({ agreement, parameters }),
        showRecord,
        get inMlflow() {
          return holder.state.kind === 'ready' && holder.state.core.tracking.hasPages();
        },
        openInMlflow: (run) => holder.use((core) => openInMlflow(core, { run })),
      },
    });
  });
  store.add(
    vscode.window.registerWebviewPanelSerializer('tidyllm.flowReport', {
      deserializeWebviewPanel: async (panel, state) => (await reports()).restore(panel, state),
    }),
  );
  return {
    commands: {
      'tidyllm.runFlow': (line?: RunFlowRequest) => start(line && { agreement: line.agreement }),
      'tidyllm.openFlowFile': async (line?: { place?: FlowPlace }) =>
        (await import('../../host/flowFile.ts')).openFlowFile(line?.place),
      'tidyllm.showFlowReport': async ({ runId }: { runId: string }) => (await reports()).open(runId),
      'tidyllm.stopFlow': ({ agreement }: { agreement: string }) => runs.stop(agreement),
      'tidyllm.refreshFlow': () => tree.refresh(),
      'tidyllm.runPerformanceTest': startDefault('performance_benchmark'),
      'tidyllm.runCostAnalysis': startDefault('cost_analysis'),
      'tidyllm.runErrorAnalysis': startDefault('error_analysis'),
      'tidyllm.runIntegrationTest': startDefault('integration_test'),
      'tidyllm.runScalabilityTest': startDefault('scalability_test'),
      'tidyllm.runSecurityTest': startDefault('security_test'),
      'tidyllm.runComplianceReport': startDefault('compliance_report'),
    },
    showReport: async (runId: string): Promise<void> => (await reports()).open(runId),
    /** Fires after the agreement files were read. */
    refresh: () => tree.refresh(),
    dispose: () => store.dispose(),
  } satisfies Contribution & { showReport: unknown; refresh: unknown };
}
