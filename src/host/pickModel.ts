import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import type { Model } from '../pricing/modelCatalogue.ts';

/** Lets the user select one of the callable models, with its prices and context size. */
export async function pickModel({ catalogue }: Core, current: string): Promise<string | undefined> {
  await catalogue.learnAll();
  const models = Map.groupBy(catalogue.available(), ({ modelId }) => modelId);
  const items = [...models.values()].flatMap(([model, ...aliases]): vscode.QuickPickItem[] => {
    if (!model) return [];
    const names = [model, ...aliases].map(({ name }) => name);
    const inUse = names.includes(current) ? vscode.l10n.t('in use') : '';
    const also = aliases.length > 0 ? vscode.l10n.t('also {0}', names.slice(1).join(', ')) : '';
    return [
      {
        label: model.name,
        description: [inUse, describePrice(model), describeSize(model)].filter(Boolean).join(' · '),
        detail: [model.modelId, also].filter(Boolean).join(' · '),
      },
    ];
  });
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Model'),
    placeHolder: vscode.l10n.t('Prices are in USD per 1,000,000 tokens, input → output'),
    matchOnDetail: true,
  });
  return chosen?.label;
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
