import * as vscode from 'vscode';
import { messageOf } from '../errors.ts';
import type { CommandId } from '../host/commandIds.ts';
import type { CoreHolder } from '../host/coreHolder.ts';
import { briefMessage } from '../host/errorText.ts';
import { inBackground } from '../host/failures.ts';
import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import { nextDayStart } from '../ledger/day.ts';
import { formatUsd } from '../pricing/cost.ts';
import { Repeated } from '../repeated.ts';
import { escapeMarkdown } from './markdownText.ts';
import { formatLeft, overrunText } from './moneyText.ts';

type Background = 'statusBarItem.warningBackground' | 'statusBarItem.errorBackground' | null;

/** The status-bar item: today's spending against the limit, from the ledger that all windows share. */
export class BudgetItem implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('budget', vscode.StatusBarAlignment.Right, 100);
  readonly #holder: CoreHolder;
  readonly #log: vscode.LogOutputChannel;
  readonly #refreshes = new Repeated(() => this.#refresh());
  readonly #following: vscode.Disposable;
  #midnight: NodeJS.Timeout | undefined;

  constructor(holder: CoreHolder, log: vscode.LogOutputChannel) {
    this.#log = log;
    this.#holder = holder;
    this.#item.name = vscode.l10n.t('TidyLLM budget');
    this.#item.command = 'tidyllm.openBudget' satisfies CommandId;
    const refresh = (): void => inBackground(log, this.#refreshes.request());
    this.#following = vscode.Disposable.from(holder.onDidChange(refresh), holder.onDidChangeLedger(refresh));
    refresh();
    this.#item.show();
  }

  dispose(): void {
    this.#following.dispose();
    clearTimeout(this.#midnight);
    this.#item.dispose();
  }

  async #refresh(): Promise<void> {
    const { state } = this.#holder;
    if (state.kind === 'starting') {
      this.#show('$(shield) TidyLLM', vscode.l10n.t('The gateway is starting.'), null);
      return;
    }
    if (state.kind === 'failed') {
      this.#showBlocked(briefMessage(state.error));
      return;
    }
    const { core } = state;
    try {
      const budget = await core.budget();
      const text = core.backend.simulated
        ? `$(beaker) ${vscode.l10n.t('simulated {0}', formatUsd(budget.spent))}`
        : `$(shield) ${formatUsd(budget.spent)} / ${formatUsd(budget.limit)}`;
      const blocked = budget.overruns > 0 ? `$(error) ${vscode.l10n.t('blocked')} ` : '';
      this.#show(`${blocked}${text}`, tooltip(budget, core.simulatedBecause), backgrounds[budget.level]);
      this.#refreshAtMidnight(budget.timeZone);
    } catch (error) {
      this.#showBlocked(messageOf(error));
    }
  }

  #showBlocked(reason: string): void {
    const text = new vscode.MarkdownString(
      `${vscode.l10n.t('Calls are blocked.')} ${escapeMarkdown(reason)}\n\n`,
    );
    this.#show(
      `$(error) ${vscode.l10n.t('TidyLLM blocked')}`,
      withLinks(text),
      'statusBarItem.errorBackground',
    );
  }

  #show(text: string, tip: string | vscode.MarkdownString, background: Background): void {
    this.#item.text = text;
    this.#item.tooltip = tip;
    this.#item.accessibilityInformation = {
      label: `TidyLLM: ${text.replace(/\$\([^)]*\)\s*/g, '')}`,
      role: 'button',
    };
    this.#item.backgroundColor = background ? new vscode.ThemeColor(background) : undefined;
  }

  /** Shows the new day's budget even if nobody makes a call. */
  #refreshAtMidnight(timeZone: string): void {
    clearTimeout(this.#midnight);
    const now = new Date();
    this.#midnight = setTimeout(
      () => inBackground(this.#log, this.#refreshes.request()),
      nextDayStart(now, timeZone).getTime() - now.getTime(),
    );
  }
}

const acknowledge: CommandId = 'tidyllm.acknowledgeOverruns';

const backgrounds: Record<BudgetStatus['level'], Background> = {
  ok: null,
  warning: 'statusBarItem.warningBackground',
  critical: 'statusBarItem.errorBackground',
  exceeded: 'statusBarItem.errorBackground',
};

function tooltip(budget: BudgetStatus, simulatedBecause: string | null): vscode.MarkdownString {
  const rows = budget.scopes
    .filter(({ scope }) => scope === 'model')
    .sort((a, b) => (a.spent < b.spent ? 1 : -1))
    .map(({ name, calls, spent }) => `|${escapeMarkdown(name)}|${calls}|${formatUsd(spent)}|`);
  const table = [
    `|${vscode.l10n.t('Model')}|${vscode.l10n.t('Calls')}|${vscode.l10n.t('Spent')}|`,
    '|:--|--:|--:|',
    ...rows,
  ].join('\n');
  const resets = new Intl.DateTimeFormat(vscode.env.language, {
    timeStyle: 'short',
    timeZone: budget.timeZone,
  }).format(nextDayStart(new Date(), budget.timeZone));
  const paragraphs = [
    `**${vscode.l10n.t('{0} of {1} spent today', formatUsd(budget.spent), formatUsd(budget.limit))}**`,
    ...(budget.overruns === 0
      ? []
      : [
          `$(error) ${escapeMarkdown(overrunText(budget.overruns))}. [${vscode.l10n.t('Acknowledge…')}](command:${acknowledge})`,
        ]),
    ...(simulatedBecause === null
      ? []
      : [
          `$(beaker) ${vscode.l10n.t('Simulated money, in a separate ledger.')} ${escapeMarkdown(simulatedBecause)}`,
        ]),
    rows.length > 0 ? table : vscode.l10n.t('No calls yet.'),
    vscode.l10n.t(
      '{0} reserved now, {1} left. Resets at {2} ({3}).',
      formatUsd(budget.reserved),
      formatLeft(budget.remaining),
      resets,
      budget.timeZone,
    ),
    '',
  ];
  return withLinks(new vscode.MarkdownString(paragraphs.join('\n\n'), true));
}

function withLinks(text: vscode.MarkdownString): vscode.MarkdownString {
  const links: [label: string, command: string][] = [
    [vscode.l10n.t('Budget'), 'tidyllm.openBudget'],
    [vscode.l10n.t('Chat'), 'tidyllm.openChat'],
    [vscode.l10n.t('Health'), 'tidyllm.health.focus'],
    [vscode.l10n.t('Audit history'), 'tidyllm.openAuditHistory'],
    [vscode.l10n.t('Settings'), 'tidyllm.openSettingsFile'],
  ];
  text.appendMarkdown(links.map(([label, command]) => `[${label}](command:${command})`).join(' · '));
  text.isTrusted = { enabledCommands: [...links.map(([, command]) => command), acknowledge] };
  return text;
}
