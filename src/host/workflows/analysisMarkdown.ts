import * as vscode from 'vscode';
import { durationText } from '../../flow/cellText.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { OperationResult, StepAnalysis } from '../../workflow/operationResult.ts';

/** Where the time of a workflow goes, as Markdown. */
export function analysisMarkdown(result: OperationResult): string {
  const { workflow, estimated, makespanMs, boundMs, criticalPath, improvements, diagnostics, steps, notes } =
    result;
  const time = estimated
    ? vscode.l10n.t('Time: {0} (estimated).', durationText(makespanMs))
    : vscode.l10n.t('Time: {0}.', durationText(makespanMs));
  const blocks = [
    `# ${vscode.l10n.t('Analysis of {0}', workflow)}`,
    ...(steps.length === 0
      ? []
      : [
          `${time} ${vscode.l10n.t('No plan is shorter than {0}.', durationText(boundMs))}`,
          `${vscode.l10n.t('Critical path')}: ${criticalPath.map((id) => `\`${id}\``).join(' → ')}`,
          stepTable(steps),
        ]),
    list(
      vscode.l10n.t('What a faster step would gain'),
      improvements.map(({ steps: of, detail }) => `\`${of.join(', ')}\`: ${detail}`),
    ),
    list(
      vscode.l10n.t('Problems'),
      diagnostics.map(({ line, message, code }) => vscode.l10n.t('Line {0}: {1} ({2})', line, message, code)),
    ),
    list(vscode.l10n.t('Notes'), notes),
  ];
  return `${blocks.filter(Boolean).join('\n\n')}\n`;
}

function stepTable(steps: readonly StepAnalysis[]): string {
  const columns = ['Step', 'Time', 'Share', 'Slack', 'Wait', 'Cost', 'Based on'].map((label) =>
    vscode.l10n.t(label),
  );
  const rows = steps.map(({ id, durationMs, share, slackMs, simulatedWaitMs, medianCost, basis }) => [
    `\`${id}\``,
    durationText(durationMs),
    `${Math.round(share * 100)}%`,
    durationText(slackMs),
    durationText(simulatedWaitMs),
    medianCost === null ? '–' : formatUsd(medianCost),
    basis,
  ]);
  return [columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function list(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : [`## ${title}`, '', ...items.map((item) => `- ${item}`)].join('\n');
}
