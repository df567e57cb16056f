import * as vscode from 'vscode';
import { acknowledgeOverruns, raiseCap } from '../../host/budgetActions.ts';
import { BudgetAlerts } from '../../host/budgetAlerts.ts';
import { madeOnce, type Contribution } from '../../host/contribution.ts';
import { DisposableStore } from '../../host/disposables.ts';
import type { SettingsFile } from '../../host/settingsFile.ts';
import { BudgetItem } from '../statusBar.ts';
import type { BudgetPanel, BudgetPanelDependencies } from './panel.ts';

/** The status-bar item, the budget meter and the alerts. */
export function contributeBudget(dependencies: BudgetPanelDependencies & { settingsFile: SettingsFile }) {
  const { holder, log, settingsFile } = dependencies;
  const store = new DisposableStore();
  const budget = madeOnce<BudgetPanel>(
    store,
    async () => new (await import('./panel.ts')).BudgetPanel(dependencies),
  );
  store.add(
    vscode.window.registerWebviewPanelSerializer('tidyllm.budget', {
      deserializeWebviewPanel: async (panel) => (await budget()).restore(panel),
    }),
  );
  store.add(new BudgetAlerts(holder, log));
  store.add(new BudgetItem(holder, log));
  return {
    commands: {
      'tidyllm.openBudget': async () => (await budget()).open(),
      'tidyllm.raiseCap': () => raiseCap(holder),
      'tidyllm.setDailyLimit': async () =>
        (await import('../../host/setDailyLimit.ts')).setDailyLimit(holder, settingsFile),
      'tidyllm.acknowledgeOverruns': () => acknowledgeOverruns(holder),
    },
    dispose: () => store.dispose(),
  } satisfies Contribution;
}
