import * as vscode from 'vscode';
import { madeOnce, type Contribution } from '../../host/contribution.ts';
import { DisposableStore } from '../../host/disposables.ts';
import { HealthMonitor } from '../../host/healthMonitor.ts';
import type { SettingsFile } from '../../host/settingsFile.ts';
import type { DashboardPanel, DashboardPanelDependencies } from '../dashboard/panel.ts';
import { HealthTree } from './healthTree.ts';

type Dependencies = Omit<DashboardPanelDependencies, 'monitor'> & { settingsFile: SettingsFile };

/** The health tree, the dashboard and the doctor. */
export function contributeHealth(dependencies: Dependencies) {
  const { holder, auditTrail, settingsFile, log } = dependencies;
  const store = new DisposableStore();
  const monitor = store.add(new HealthMonitor(holder, settingsFile, log));
  const tree = store.add(new HealthTree(holder, auditTrail, monitor));
  const dashboard = madeOnce<DashboardPanel>(
    store,
    async () => new (await import('../dashboard/panel.ts')).DashboardPanel({ ...dependencies, monitor }),
  );
  store.add(
    vscode.window.registerWebviewPanelSerializer('tidyllm.dashboard', {
      deserializeWebviewPanel: async (panel) => (await dashboard()).restore(panel),
    }),
  );
  return {
    commands: {
      'tidyllm.refreshHealth': () => tree.open(),
      'tidyllm.openHealthDashboard': async () => (await dashboard()).open(),
      'tidyllm.runDoctor': async () =>
        (await import('../../host/runDoctor.ts')).runDoctor(holder, auditTrail),
      'tidyllm.clearCache': async () =>
        (await import('../../host/clearCache.ts')).clearCache(await holder.whenReady()),
    },
    dispose: () => store.dispose(),
  } satisfies Contribution;
}
