import * as vscode from 'vscode';
import { AuditTrail } from '../../host/auditTrail.ts';
import { madeOnce, type Contribution } from '../../host/contribution.ts';
import { DisposableStore } from '../../host/disposables.ts';
import type { AuditPanel, AuditPanelDependencies } from './panel.ts';

/** The audit history, and the commands for the ledger's chain. */
export function contributeAudit(dependencies: Omit<AuditPanelDependencies, 'auditTrail'>) {
  const { holder } = dependencies;
  const store = new DisposableStore();
  const auditTrail = store.add(new AuditTrail(holder));
  const audit = madeOnce<AuditPanel>(
    store,
    async () => new (await import('./panel.ts')).AuditPanel({ ...dependencies, auditTrail }),
  );
  const chain = () => import('../../host/chainActions.ts');
  store.add(
    vscode.window.registerWebviewPanelSerializer('tidyllm.auditHistory', {
      deserializeWebviewPanel: async (panel) => (await audit()).restore(panel),
    }),
  );
  return {
    commands: {
      'tidyllm.openAuditHistory': async () => (await audit()).open(),
      'tidyllm.verifyAuditTrail': () => auditTrail.verify(),
      'tidyllm.revealLedger': () => auditTrail.reveal(),
      'tidyllm.reopenLedger': () => holder.use(async (core) => (await chain()).reopenLedger(core)),
      'tidyllm.anchorNow': () => holder.use(async (core) => (await chain()).anchorNow(core)),
      'tidyllm.rotateSigningKey': () => holder.use(async (core) => (await chain()).rotateSigningKey(core)),
    },
    auditTrail,
    /** Shows a call's record. */
    showCall: async (...[ledgerId, call]: Parameters<AuditPanel['showCall']>): Promise<void> =>
      (await audit()).showCall(ledgerId, call),
    dispose: () => store.dispose(),
  } satisfies Contribution & { auditTrail: unknown; showCall: unknown };
}
