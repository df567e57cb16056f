import * as vscode from 'vscode';
import type { ChatMemory } from '../chat/chatMemory.ts';
import type { Core } from '../core/core.ts';
import { Comparison } from '../gateways/comparison.ts';
import { requireReason } from '../ledger/reason.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { GitContext } from './gitContext.ts';
import { pickModels } from './pickModel.ts';
import { pickReason } from './pickReason.ts';
import { pickUseClass } from './pickUseClass.ts';

/** What is known before a person is asked. */
export interface ComparisonSeed {
  question?: string | undefined;
  reason?: string | undefined;
  /** What its calls are for; asked for where left out. */
  useClass?: string | undefined;
}

/** A comparison that a person has confirmed. */
export interface ConfirmedComparison {
  comparison: Comparison;
  question: string;
  reason: string;
  simulated: boolean;
}

/**
 * Asks for the question, the reason and the models, shows the one worst case, and asks whether to start. Null when
 * cancelled. Throws what refuses the comparison as a whole.
 */
export async function askComparison(
  core: Core,
  { git, memory }: { git: GitContext; memory: ChatMemory },
  seed: ComparisonSeed,
): Promise<ConfirmedComparison | null> {
  const asked = seed.question ? { question: seed.question } : await askQuestion(core);
  if (!asked?.question) return null;
  const { question, file } = asked;
  const reason = seed.reason ?? (await pickReason(git, memory.reasons, ''));
  if (reason === undefined) return null;
  requireReason(reason, { minReasonLength: core.loaded.settings.audit.min_reason_length });
  const useClass = seed.useClass ?? (await pickUseClass(core.loaded.settings.compliance));
  if (useClass === undefined) return null;
  const names = await pickModels(core, memory.comparedModels);
  if (!names) return null;
  const origin = { ...(await git.callOrigin('compare')), file };
  const stated = useClass === '' ? {} : { useClass };
  const request = { prompt: question, auditReason: reason, ...stated, origin };
  const comparison = await Comparison.of(request, names, core);
  const [first] = comparison.models;
  if (first?.refusal && comparison.models.every(({ refusal }) => refusal)) throw first.refusal;
  await comparison.requireBudget();
  if (!(await confirms(comparison, reason, useClass))) return null;
  await memory.addReason(reason);
  await memory.keepComparedModels(names);
  return { comparison, question, reason, simulated: core.backend.simulated };
}

/** The question, with the selection of the active editor below it. */
async function askQuestion({ chat }: Core): Promise<{ question: string; file?: string } | null> {
  const editor = vscode.window.activeTextEditor;
  const selection = editor?.document.getText(editor.selection) ?? '';
  const selected = selection.trim() !== '';
  if (editor && selected) await chat.requireAllowedPath(editor.document.uri.fsPath);
  const written = await vscode.window.showInputBox({
    title: vscode.l10n.t('Compare Models'),
    prompt: selected
      ? vscode.l10n.t(
          'The selection ({0} characters) is sent below the question. Without a question it is sent alone.',
          selection.length,
        )
      : vscode.l10n.t('Every model gets the same question.'),
    placeHolder: vscode.l10n.t('What should the models answer?'),
    ignoreFocusOut: true,
  });
  if (written === undefined) return null;
  if (!editor || !selected) return { question: written.trim() };
  const question = [written.trim(), selection].filter(Boolean).join('\n\n');
  return { question, file: editor.document.uri.fsPath };
}

async function confirms(
  { models, worstCase }: Comparison,
  reason: string,
  useClass: string,
): Promise<boolean> {
  const lines = models.map(({ name, worstCase: cost, refusal }) =>
    refusal
      ? vscode.l10n.t('{0} will be refused: {1}', name, refusal.message)
      : vscode.l10n.t('{0}: at most {1}', name, formatUsd(cost)),
  );
  const together = vscode.l10n.t('All answers together cost at most {0}.', formatUsd(worstCase));
  const said = [
    vscode.l10n.t('Reason: {0}', reason),
    ...(useClass === '' ? [] : [vscode.l10n.t('Use: {0}', useClass)]),
  ];
  const compare = vscode.l10n.t('Compare');
  const chosen = await vscode.window.showInformationMessage(
    vscode.l10n.t('Compare {0} models?', models.length),
    { modal: true, detail: [together, '', ...lines, '', ...said].join('\n') },
    compare,
  );
  return chosen === compare;
}
