import * as vscode from 'vscode';
import type { Mend, Remedy } from '../remedies.ts';
import type { CommandId } from './commandIds.ts';

interface Button {
  command: CommandId;
  label: string;
}

/** The label of a remedy's button. */
export function remedyLabel(remedy: Remedy): string {
  if (remedy.kind !== 'retry') return buttons()[remedy.kind].label;
  const { maxTokens, model, leaveOut, summarise, redact, atMost = '' } = remedy;
  if (redact) return vscode.l10n.t('Redact and Send');
  if (leaveOut !== undefined)
    return vscode.l10n.t('Leave Out the Oldest Questions ({0}, ≤ {1})', leaveOut, atMost);
  if (summarise !== undefined)
    return vscode.l10n.t('Summarise the Oldest Questions ({0}, ≤ {1})', summarise, atMost);
  if (maxTokens !== undefined)
    return vscode.l10n.t('Retry with up to {0} Tokens', maxTokens.toLocaleString(vscode.env.language));
  return model === undefined ? vscode.l10n.t('Try Again') : vscode.l10n.t('Use {0} (≤ {1})', model, atMost);
}

/** The command that carries a remedy out. */
export function commandOf({ kind }: Mend): CommandId {
  return buttons()[kind].command;
}

/** Carries a remedy out; a file is opened at its place. */
export function applyRemedy(remedy: Mend): Thenable<unknown> {
  const place = 'place' in remedy ? (remedy.place ?? undefined) : undefined;
  const allows = remedy.kind === 'request_exception' ? remedy.allows : undefined;
  return vscode.commands.executeCommand(commandOf(remedy), { place, allows });
}

function buttons(): Readonly<Record<Mend['kind'], Button>> {
  const { t } = vscode.l10n;
  return {
    acknowledge_overruns: { command: 'tidyllm.acknowledgeOverruns', label: t('Acknowledge…') },
    check_health: { command: 'tidyllm.refreshHealth', label: t('Check Again') },
    choose_flow: { command: 'tidyllm.runFlow', label: t('Select Agreement…') },
    choose_model: { command: 'tidyllm.chooseModel', label: t('Select Model…') },
    connect_aws: { command: 'tidyllm.connectAws', label: t('Connect AWS…') },
    log_in_to_aws: { command: 'tidyllm.logInToAws', label: t('Log In') },
    open_budget: { command: 'tidyllm.openBudget', label: t('Open Budget') },
    open_flow_file: { command: 'tidyllm.openFlowFile', label: t('Open Agreements') },
    open_settings: { command: 'tidyllm.openSettingsFile', label: t('Open Settings File') },
    raise_cap: { command: 'tidyllm.raiseCap', label: t('Raise Cap…') },
    reconnect: { command: 'tidyllm.reconnect', label: t('Reconnect') },
    request_exception: { command: 'tidyllm.requestException', label: t('Ask for an Exception…') },
    reopen_ledger: { command: 'tidyllm.reopenLedger', label: t('Reopen Ledger…') },
    set_api_key: { command: 'tidyllm.setApiKey', label: t('Set API Key…') },
    show_ledger: { command: 'tidyllm.revealLedger', label: t('Reveal Ledger Folder') },
    show_output: { command: 'tidyllm.showOutput', label: t('Show Output') },
    verify_ledger: { command: 'tidyllm.verifyAuditTrail', label: t('Verify Audit Trail') },
  };
}
