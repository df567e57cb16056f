import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import { fewestModels, mostModels } from '../gateways/comparison.ts';
import type { Model } from '../pricing/modelCatalogue.ts';

/** Lets the user select one of the callable models, with its prices and context size. */
export async function pickModel(core: Core, current: string): Promise<string | undefined> {
  const chosen = await vscode.window.showQuickPick(await modelItems(core, current), {
    title: vscode.l10n.t('Model'),
    placeHolder: priceUnit(),
    matchOnDetail: true,
  });
  return chosen?.label;
}

/** Lets the user select the models of a comparison; those compared before are selected. */
export async function pickModels(core: Core, before: readonly string[]): Promise<string[] | undefined> {
  const picker = vscode.window.createQuickPick();
  picker.title = vscode.l10n.t('Compare Models: select {0} to {1}', fewestModels, mostModels);
  picker.placeholder = priceUnit();
  picker.canSelectMany = true;
  picker.matchOnDetail = true;
  picker.ignoreFocusOut = true;
  picker.items = await modelItems(core, null);
  picker.selectedItems = picker.items.filter(({ label }) => before.includes(label));
  picker.show();
  return new Promise((resolve) => {
    picker.onDidAccept(() => {
      const names = picker.selectedItems.map(({ label }) => label);
      if (names.length >= fewestModels && names.length <= mostModels) {
        resolve(names);
        picker.hide();
        return;
      }
      picker.title = vscode.l10n.t(
        'Compare Models: select {0} to {1}, not {2}',
        fewestModels,
        mostModels,
        names.length,
      );
    });
    picker.onDidHide(() => {
      resolve(undefined);
      picker.dispose();
    });
  });
}

function priceUnit(): string {
  return vscode.l10n.t('Prices are in USD per 1,000,000 tokens, input → output');
}

/** The callable models, once per id; `current` is marked. */
async function modelItems(
  { catalogue, backend }: Core,
  current: string | null,
): Promise<vscode.QuickPickItem[]> {
  await catalogue.learnAll();
  const models = Map.groupBy(catalogue.available(), ({ modelId }) => modelId);
  return [...models.values()].flatMap(([model, ...aliases]): vscode.QuickPickItem[] => {
    if (!model) return [];
    const names = [model, ...aliases].map(({ name }) => name);
    const inUse = current !== null && names.includes(current) ? vscode.l10n.t('in use') : '';
    const also = aliases.length > 0 ? vscode.l10n.t('also {0}', names.slice(1).join(', ')) : '';
    return [
      {
        label: model.name,
        description: [inUse, describePrice(model), describeSize(model)].filter(Boolean).join(' · '),
        detail: [model.modelId, describePlace(model, backend), describeAbilities(model), also]
          .filter(Boolean)
          .join(' · '),
      },
    ];
  });
}

/** Prices of the lowest tier; long contexts may cost more. */
function describePrice({ tiers, priceEstimatedBecause }: Model): string {
  const base = tiers.find(({ aboveInputTokens }) => aboveInputTokens === 0);
  if (base?.input === undefined || base.output === undefined) return '';
  const price = `$${base.input} → $${base.output}`;
  return priceEstimatedBecause === null ? price : vscode.l10n.t('{0} at most', price);
}

function describeSize({ maxInputTokens }: Model): string {
  if (maxInputTokens === null) return '';
  const size = new Intl.NumberFormat('en-US', { notation: 'compact' }).format(maxInputTokens);
  return vscode.l10n.t('{0} tokens of context', size);
}

/** Where Bedrock may answer: in the region, or in those of an inference profile. Empty for other services. */
function describePlace({ modelId }: Model, { id, region }: Pick<Core['backend'], 'id' | 'region'>): string {
  if (id !== 'bedrock') return '';
  const profile = /^(?:arn:.*\/)?(us|us-gov|eu|apac|jp|au|ca|global)\./.exec(modelId)?.[1];
  if (profile === undefined) return vscode.l10n.t('in {0}', region);
  return profile === 'global'
    ? vscode.l10n.t('any region')
    : vscode.l10n.t('cross-region ({0})', profile.toUpperCase());
}

function describeAbilities({ supports }: Model): string {
  const abilities = {
    vision: vscode.l10n.t('images'),
    documents: vscode.l10n.t('documents'),
    tools: vscode.l10n.t('tools'),
    reasoning: vscode.l10n.t('reasoning'),
  };
  return Object.entries(abilities)
    .flatMap(([name, label]) => (supports[name] === true ? label : []))
    .join(', ');
}
