import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import type { FlowAgreement, ParameterDefinition, ParameterValue } from '../flow/agreement.ts';
import type { FlowExecution } from '../flow/flowAgreementManager.ts';
import { convertParameter } from '../flow/parameters.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { CoreHolder } from './coreHolder.ts';
import { showFailure } from './failures.ts';
import { worstCaseOf, type FlowRuns } from './flowRuns.ts';

/** Parameters as entered; checked when the agreement runs. */
type Given = Readonly<Record<string, ParameterValue>>;

export interface RunFlowDependencies {
  holder: CoreHolder;
  runs: FlowRuns;
  /** Shows the report of a run. */
  showReport: (execution: FlowExecution) => void;
  log: vscode.LogOutputChannel;
}

/** What a command, a lens or a view asks to run; without it, the user selects. */
export interface RunFlowRequest {
  /** Id of the agreement. */
  agreement?: string | undefined;
  parameters?: Given | undefined;
  /** Runs at once, with defaults for missing parameters. */
  direct?: boolean | undefined;
}

/** Asks for the agreement and its parameters if they aren't given, runs it and shows its report. */
export async function runFlow(request: RunFlowRequest, dependencies: RunFlowDependencies): Promise<void> {
  const core = await dependencies.holder.whenReady();
  const chosen =
    request.agreement === undefined
      ? await pickAgreement(core, dependencies.runs)
      : { agreement: await core.flow.agreement(request.agreement), parameters: {}, confidence: 1 };
  if (!chosen) return;
  const given = { ...chosen.parameters, ...request.parameters };
  const parameters = request.direct ? given : await askParameters(core, chosen.agreement, given);
  if (!parameters) return;
  const { agreement } = chosen;
  const wasAsked = request.agreement === undefined || (!request.direct && agreement.parameters.length > 0);
  if (!wasAsked && !(await confirmsCost(core, agreement, parameters))) return;
  await runWithProgress(agreement, { parameters, confidence: chosen.confidence }, dependencies);
}

/** Real money is spent only after a person confirms, whoever calls the command. */
async function confirmsCost(core: Core, agreement: FlowAgreement, parameters: Given): Promise<boolean> {
  const worst = await worstCaseOf(core, agreement, parameters);
  // A run of unknown cost refuses by itself.
  if (core.backend.simulated || worst === null) return true;
  const run = vscode.l10n.t('Run');
  const detail = vscode.l10n.t('It makes real calls that cost at most {0}.', formatUsd(worst));
  const asked = vscode.l10n.t('Run {0}?', agreement.trigger);
  return (await vscode.window.showWarningMessage(asked, { modal: true, detail }, run)) === run;
}

interface Chosen {
  agreement: FlowAgreement;
  parameters: Given;
  confidence: number;
}

interface AgreementItem extends vscode.QuickPickItem {
  chosen?: Chosen;
}

/** Recent ones first; the typed text is also matched as a command, so that misspelt triggers are found. */
async function pickAgreement(core: Core, runs: FlowRuns): Promise<Chosen | undefined> {
  const agreements = await core.flow.getAvailableAgreements();
  const recent = await recentAgreements(runs);
  const items = await Promise.all(agreements.map((agreement) => itemOf(core, agreement)));
  const rank = ({ chosen }: AgreementItem): number => {
    const at = recent.indexOf(chosen?.agreement.id ?? '');
    return at === -1 ? recent.length : at;
  };
  const used = items.filter((item) => rank(item) < recent.length).sort((a, b) => rank(a) - rank(b));
  const others = items.filter((item) => !used.includes(item));
  const separator = (label: string): AgreementItem => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const all = [
    ...(used.length > 0 ? [separator(vscode.l10n.t('recently used')), ...used] : []),
    ...(others.length > 0 ? [separator(vscode.l10n.t('agreements')), ...others] : []),
  ];
  const picker = vscode.window.createQuickPick<AgreementItem>();
  picker.title = vscode.l10n.t('Run FLOW Agreement');
  picker.placeholder = vscode.l10n.t(
    'Select an agreement, or type its trigger, such as [Cost Analysis] days=7',
  );
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  picker.items = all;
  let latest = '';
  picker.onDidChangeValue(async (value) => {
    latest = value;
    const match = await core.flow.parseCommand(value);
    if (latest !== value) return;
    const { agreement, confidence, parameters } = match;
    const plain = items.some(({ label }) => label.toLowerCase() === value.trim().toLowerCase());
    if (!agreement && !plain && match.nearest.length > 0) {
      const nearest = await Promise.all(
        match.nearest.map(async (one) => ({ ...(await itemOf(core, one.agreement)), alwaysShow: true })),
      );
      if (latest === value)
        picker.items = [separator(vscode.l10n.t('closest to your text')), ...nearest, ...all];
      return;
    }
    if (!agreement || plain) {
      picker.items = all;
      return;
    }
    const values = Object.entries(parameters).map(([name, text]) => `${name}=${text}`);
    const typed: AgreementItem = {
      label: agreement.trigger,
      description: [vscode.l10n.t('matches your text ({0})', confidence.toFixed(2)), ...values].join(' · '),
      detail: agreement.expandedMeaning,
      alwaysShow: true,
      chosen: { agreement, confidence, parameters },
    };
    picker.items = [typed, ...all.filter((item) => item.chosen?.agreement !== agreement)];
  });
  picker.show();
  return new Promise((resolve) => {
    picker.onDidAccept(() => {
      resolve(picker.activeItems[0]?.chosen);
      picker.hide();
    });
    picker.onDidHide(() => {
      resolve(undefined);
      picker.dispose();
    });
  });
}

async function itemOf(core: Core, agreement: FlowAgreement): Promise<AgreementItem> {
  const worst = await worstCaseOf(core, agreement);
  const source = {
    'built-in': vscode.l10n.t('built in'),
    user: vscode.l10n.t('yours'),
    workspace: vscode.l10n.t('from this workspace'),
  }[agreement.source.kind];
  return {
    label: agreement.trigger,
    description: [source, ...(worst === null ? [] : [atMost(worst)])].join(' · '),
    detail: agreement.expandedMeaning,
    chosen: { agreement, confidence: 1, parameters: {} },
  };
}

/** Ids of the agreements that ran most recently, latest first. */
async function recentAgreements(runs: FlowRuns): Promise<string[]> {
  const history = await runs.history(50);
  return [...new Set(history.map(({ agreement }) => agreement))];
}

function atMost(cost: bigint): string {
  return vscode.l10n.t('at most {0}', formatUsd(cost));
}

interface ParameterItem extends vscode.QuickPickItem {
  parameter?: ParameterDefinition;
}

/** Asks for required parameters, then lets the user change the others before the run. */
async function askParameters(core: Core, agreement: FlowAgreement, given: Given): Promise<Given | undefined> {
  const values: Record<string, ParameterValue> = { ...given };
  for (const parameter of agreement.parameters) {
    if (parameter.default !== null || values[parameter.name] !== undefined) continue;
    const value = await askParameter(agreement, parameter, null);
    if (value === undefined) return undefined;
    values[parameter.name] = value;
  }
  if (agreement.parameters.length === 0) return values;
  for (;;) {
    const worst = await worstCaseOf(core, agreement, values);
    const run: ParameterItem = {
      label: `$(play) ${vscode.l10n.t('Run {0}', agreement.trigger)}`,
      description: worst === null ? '' : atMost(worst),
    };
    const rows = agreement.parameters.map((parameter): ParameterItem => {
      const value = values[parameter.name] ?? parameter.default;
      return {
        label: parameter.name,
        description: value === '' || value === null ? vscode.l10n.t('(default)') : String(value),
        detail: parameter.description,
        parameter,
      };
    });
    const separator: ParameterItem = {
      label: vscode.l10n.t('parameters'),
      kind: vscode.QuickPickItemKind.Separator,
    };
    const chosen = await vscode.window.showQuickPick([run, separator, ...rows], {
      title: agreement.trigger,
      placeHolder: vscode.l10n.t('Press Enter to run, or select a parameter to change'),
      ignoreFocusOut: true,
    });
    if (!chosen) return undefined;
    if (!chosen.parameter) return values;
    const before = values[chosen.parameter.name] ?? chosen.parameter.default;
    const value = await askParameter(agreement, chosen.parameter, before);
    if (value !== undefined) values[chosen.parameter.name] = value;
  }
}

async function askParameter(
  { trigger }: FlowAgreement,
  parameter: ParameterDefinition,
  before: ParameterValue | null,
): Promise<string | undefined> {
  const title = `${trigger} · ${parameter.name}`;
  const offered =
    parameter.type === 'boolean' ? ['true', 'false'] : parameter.type === 'choice' ? parameter.values : null;
  if (offered) {
    return vscode.window.showQuickPick([...offered], {
      title,
      placeHolder: parameter.description,
      ignoreFocusOut: true,
    });
  }
  return vscode.window.showInputBox({
    title,
    prompt: parameter.description,
    value: before === null ? '' : String(before),
    ignoreFocusOut: true,
    validateInput: (text) => {
      if (text === '' && parameter.default === null) return vscode.l10n.t('Enter a value.');
      const converted = convertParameter(parameter, text);
      return 'problem' in converted ? `${parameter.name} ${converted.problem}` : null;
    },
  });
}

async function runWithProgress(
  agreement: FlowAgreement,
  options: { parameters: Given; confidence: number },
  { runs, showReport, log }: RunFlowDependencies,
): Promise<void> {
  const progress = {
    location: vscode.ProgressLocation.Notification,
    title: agreement.trigger,
    cancellable: true,
  };
  const execution = await vscode.window.withProgress(progress, (report, token) => {
    const stopped = new AbortController();
    token.onCancellationRequested(() => stopped.abort());
    let done = 0;
    return runs.execute(agreement, {
      ...options,
      command: 'palette',
      signal: stopped.signal,
      onProgress: (message, share = 0) => {
        report.report({ message, increment: Math.max(0, share - done) * 100 });
        done = Math.max(done, share);
      },
    });
  });
  const { error } = execution;
  if (execution.report || execution.fallback?.report) showReport(execution);
  if (!error) return;
  if (error.code === 'cancelled') {
    const text = vscode.l10n.t('{0} was stopped; it cost {1}.', agreement.trigger, formatUsd(execution.cost));
    void vscode.window.showInformationMessage(text);
    return;
  }
  await showFailure(log, error);
}
