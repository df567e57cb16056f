import * as vscode from 'vscode';
import type { Mend, Remedy } from '../remedies.ts';
import type { CommandId } from './commandIds.ts';

interface Button {
  command: CommandId;
  label: string;
}

/** What a remedy is called on its button. */
export function remedyLabel(remedy: Remedy): string {
  if (remedy.kind !== 'retry') return buttons()[remedy.kind].label;
  const { maxTokens, model, atMost = '' } = remedy;
  if (maxTokens !== undefined)
    return vscode.l10n.t('Retry with at most {0} tokens', maxTokens.toLocaleString(vscode.env.language));
  return model === undefined ? vscode.l10n.t('Try again') : vscode.l10n.t('Use {0} (≤ {1})', model, atMost);
}

/** The command that carries a remedy out. */
export function commandOf({ kind }: Mend): CommandId {
  return buttons()[kind].command;
}

/** Carries a remedy out; what opens a file opens it at its place. */
export function applyRemedy(remedy: Mend): Thenable<unknown> {
  const place = 'place' in remedy ? (remedy.place ?? undefined) : undefined;
  return vscode.commands.executeCommand(commandOf(remedy), { place });
}

function buttons(): Readonly<Record<Mend['kind'], Button>> {
  const { t } = vscode.l10n;
  return {
    acknowledge_overruns: { command: 'tidyllm.acknowledgeOverruns', label: t('Acknowledge…') },
    check_health: { command: 'tidyllm.refreshHealth', label: t('Check again') },
    choose_flow: { command: 'tidyllm.runFlow', label: t('Choose agreement…') },
    choose_model: { command: 'tidyllm.chooseModel', label: t('Choose model…') },
    connect_aws: { command: 'tidyllm.connectAws', label: t('Connect AWS…') },
    log_in_to_aws: { command: 'tidyllm.logInToAws', label: t('Log in') },
    open_budget: { command: 'tidyllm.openBudget', label: t('Open budget') },
    open_flow_file: { command: 'tidyllm.openFlowFile', label: t('Open agreements') },
    open_settings: { command: 'tidyllm.openSettingsFile', label: t('Open settings.yaml') },
    raise_cap: { command: 'tidyllm.raiseCap', label: t('Raise cap…') },
    reconnect: { command: 'tidyllm.reconnect', label: t('Reconnect') },
    reopen_ledger: { command: 'tidyllm.reopenLedger', label: t('Reopen ledger…') },
    show_ledger: { command: 'tidyllm.revealLedger', label: t('Show ledger folder') },
    show_output: { command: 'tidyllm.showOutput', label: t('Show output') },
    verify_ledger: { command: 'tidyllm.verifyAuditTrail', label: t('Verify audit trail') },
  };
}
