import * as vscode from 'vscode';
import { ChatMemory } from '../../chat/chatMemory.ts';
import { madeOnce, type Contribution } from '../../host/contribution.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { DisposableStore } from '../../host/disposables.ts';
import { inBackground } from '../../host/failures.ts';
import type { GitContext } from '../../host/gitContext.ts';
import type { ImproveWorkflowDependencies } from '../../host/workflows/improveWorkflow.ts';
import type { RunWorkflowDependencies } from '../../host/workflows/runWorkflow.ts';
import { WorkflowDocuments } from '../../host/workflows/workflowDocuments.ts';
import { WorkflowFiles } from '../../host/workflows/workflowFiles.ts';
import { WorkflowRuns } from '../../host/workflows/workflowRuns.ts';
import type { ShownGraph, WorkflowPanels } from './panel.ts';

export interface WorkflowContributionDependencies {
  extensionUri: vscode.Uri;
  storage: vscode.Memento;
  holder: CoreHolder;
  git: GitContext;
  /** Shows an audit record. */
  showCall: (ledgerId: string | null, call: { sequence: number }) => Promise<void>;
  log: vscode.LogOutputChannel;
}

/** A line of the FLOW view, a lens, or nothing: then a person selects. */
interface Asked {
  file?: string;
  runId?: string;
}

/** Workflows: their files in the editor, runs from the Command Palette, and their graphs. */
export function contributeWorkflows(dependencies: WorkflowContributionDependencies) {
  const { holder, storage } = dependencies;
  const store = new DisposableStore();
  const files = store.add(new WorkflowFiles());
  const runs = store.add(new WorkflowRuns(holder));
  const documents = store.add(new WorkflowDocuments());
  const memory = new ChatMemory(storage);
  const panels = madeOnce<WorkflowPanels>(store, async () => {
    const { WorkflowPanels } = await import('./panel.ts');
    return new WorkflowPanels({
      ...dependencies,
      ...services,
      run: (file) => run({ file }),
      resume: (runId) => resume({ runId }),
    });
  });
  const open = async (shown: ShownGraph): Promise<void> => (await panels()).open(shown);
  const services: RunWorkflowDependencies & ImproveWorkflowDependencies = {
    ...dependencies,
    files,
    runs,
    documents,
    memory,
    showRun: (runId) => open({ runId }),
  };
  const runner = () => import('../../host/workflows/runWorkflow.ts');
  const improver = () => import('../../host/workflows/improveWorkflow.ts');
  const run = async ({ file }: Asked = {}) => (await runner()).runWorkflow(file, services);
  const resume = async ({ runId }: Asked = {}) => (await runner()).resumeWorkflow(runId, services);
  const show = async ({ file, runId }: Asked = {}): Promise<void> => {
    if (runId !== undefined) return open({ runId });
    const { pickWorkflow } = await import('../../host/workflows/pickWorkflow.ts');
    const path = file ?? (await pickWorkflow(files, vscode.l10n.t('Show Workflow')));
    if (path === undefined) return undefined;
    files.name(path);
    return open({ file: path });
  };
  addLanguage(store, files, dependencies);
  store.add(
    vscode.window.registerWebviewPanelSerializer('tidyllm.workflow', {
      deserializeWebviewPanel: async (panel, state) => (await panels()).restore(panel, state),
    }),
  );
  return {
    commands: {
      'tidyllm.newWorkflow': async () => (await import('../../host/workflows/newWorkflow.ts')).newWorkflow(),
      'tidyllm.runWorkflow': run,
      'tidyllm.resumeWorkflow': resume,
      'tidyllm.analyzeWorkflow': async ({ file }: Asked = {}) =>
        (await improver()).analyzeWorkflow(file, services),
      'tidyllm.optimizeWorkflow': async ({ file }: Asked = {}) =>
        (await improver()).optimizeWorkflow(file, services),
      'tidyllm.showWorkflow': show,
      'tidyllm.startWorker': async () =>
        (await import('../../host/workflows/startWorker.ts')).startWorker(dependencies),
      'tidyllm.stopWorkflow': ({ runId }: { runId: string }) => runs.stop(runId),
    },
    files,
    runs,
    dispose: () => store.dispose(),
  } satisfies Contribution & { files: unknown; runs: unknown };
}

/** The parts of the language load the schemas, which the gateway's first start has loaded anyway. */
function addLanguage(
  store: DisposableStore,
  files: WorkflowFiles,
  { holder, log }: WorkflowContributionDependencies,
): void {
  const first = store.add(
    holder.onDidChange(() => {
      first.dispose();
      const load = async (): Promise<void> => {
        const { WorkflowLanguage } = await import('../../host/workflows/workflowLanguage.ts');
        store.add(new WorkflowLanguage(holder, files, log));
      };
      inBackground(log, load());
    }),
  );
}
