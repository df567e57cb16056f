import type { TokenClass } from '../ledger/records.ts';
import type { Columns } from './costExport.ts';
import { regionOfUsageType } from './regionCodes.ts';

/** A bill's information about the model of a line. */
export interface BilledModel {
  /** Names on the bill, most specific first; empty if there are none. */
  names: string[];
  /** Geography on the bill, such as `global` or `eu`; null if missing. */
  route: string | null;
  /** Region of the call; null if missing on the bill. */
  region: string | null;
}

/** What a line of a bill is for. */
export type BilledLine =
  /** Another AWS service. */
  | { kind: 'other' }
  /** A Bedrock line that isn't token usage: why. */
  | { kind: 'aside'; why: string; name: string }
  /** Possibly tokens of a model, but unreadable: why. `foreign` if only a model's name would tell. */
  | { kind: 'unreadable'; why: string; name: string; model: BilledModel; foreign: boolean }
  | { kind: 'tokens'; tokenClass: TokenClass; name: string; model: BilledModel };

const productCodes = ['AmazonBedrock', 'AmazonBedrockService', 'AmazonBedrockFoundationModels'];

/** Usage and its discounts with the same usage type, which add up to the charge. */
const chargesForUsage = [
  'Usage',
  'DiscountedUsage',
  'Discount',
  'EdpDiscount',
  'PrivateRateDiscount',
  'BundledDiscount',
];

/** Line types that AWS documents as separate from usage: charges and refunds. */
const chargesBesideUsage = [
  'Tax',
  'Credit',
  'Refund',
  'RIFee',
  'SavingsPlanUpfrontFee',
  'SavingsPlanRecurringFee',
];

/** Words in Bedrock usage types for something other than tokens of ordinary calls. */
const otherUsage =
  /reserved|tpm|provisioned|custom|training|image|video|audio|speech|[TI]2[IV]|guardrail|knowledge|automation|evaluation|storage|search/i;

/** Reads what AWS bills: `USE1-NovaMicro-input-tokens`, or `USE1-MP:USE1_InputTokenCount-Units` of a Marketplace product. */
export function billedLine(columns: Columns): BilledLine {
  const usageType = columns('line_item_usage_type');
  const products = productNames(columns);
  const usage = readUsageType(usageType);
  const bedrock =
    productCodes.includes(columns('line_item_product_code')) ||
    products.some((name) => /bedrock/i.test(name)) ||
    // Marketplace products have their own code.
    usage !== null;
  const foreign = !bedrock;
  if (foreign && !/(^|-)MP:/.test(usageType)) return { kind: 'other' };
  const name = [usageType, ...products.slice(0, 1)].filter(Boolean).join(' · ');
  const type = columns('line_item_line_item_type');
  if (chargesBesideUsage.includes(type)) return { kind: 'aside', why: `${type} line`, name };
  if (!usage && otherUsage.test(usageType)) return { kind: 'aside', why: 'not a charge for tokens', name };
  const names = [columns('line_item_resource_id'), usage?.model ?? '', ...products].filter(
    (text) => text !== '' && text !== 'Amazon Bedrock',
  );
  const region =
    regionOfUsageType(usageType) ?? (columns('product_region_code') || columns('product_region'));
  const model = { names, route: usage?.route ?? null, region: region || null };
  const unreadable = (why: string): BilledLine => ({ kind: 'unreadable', why, name, model, foreign });
  if (!chargesForUsage.includes(type)) return unreadable(`${type || 'no'} line`);
  const currency = columns('line_item_currency_code');
  if (currency !== 'USD') return unreadable(currency ? `charged in ${currency}` : 'it has no currency');
  if (!usage) return unreadable('its usage type is unknown');
  if (otherUsage.test(usageType)) return unreadable('it charges for an unknown kind of tokens');
  return { kind: 'tokens', tokenClass: usage.tokenClass, name: names.join(' · ') || name, model };
}

/** The legacy report has a column for each attribute of a product, CUR 2.0 one JSON object for all. */
function productNames(columns: Columns): string[] {
  const attributes: Record<string, unknown> = {};
  try {
    Object.assign(attributes, JSON.parse(columns('product') || '{}'));
  } catch {
    // A column of that name without JSON has no information.
  }
  const names = ['product_name', 'servicename', 'model'].flatMap((name) => [
    columns(`product_${name}`),
    attributes[name],
  ]);
  return [...new Set(names.filter((name): name is string => typeof name === 'string' && name !== ''))];
}

const tokenCharge =
  /(?:^|[-_])(?:mantle[-_])?(?:million)?(?:batch)?(cached?[-_]?(?:read|write|input)|input|output|response)(.*)$/i;

interface UsageType {
  /** Empty in Marketplace lines, whose product names the model. */
  model: string;
  tokenClass: TokenClass;
  route: string | null;
}

/** Null for anything that isn't charged per token of a model. */
function readUsageType(usageType: string): UsageType | null {
  const inRegion = usageType
    .replace(/^[A-Z]{2,4}\d{0,2}-(?=.)/, '')
    .replace(/^MP:(?:[A-Z]{2,4}\d{0,2}_)?/, '');
  const match = tokenCharge.exec(inRegion);
  if (!match) return null;
  const [, charge = '', rest = ''] = match;
  // Some models are billed as "…-input"; all others mention tokens.
  if (!/token/i.test(rest) && !/^(?:[-_](?:standard|flex|priority|batch)|$)/i.test(rest)) return null;
  const route = /global|cross[-_]region[-_](us|eu|apac|au|jp|ca|in)(?![a-z])/i.exec(rest);
  return {
    model: inRegion.slice(0, match.index),
    tokenClass: tokenClassOf(charge, rest),
    route: route && (route[1]?.toLowerCase() ?? 'global'),
  };
}

function tokenClassOf(charge: string, rest: string): TokenClass {
  if (/^cached?[-_]?(?:read|input)/i.test(charge)) return 'cache_read';
  if (/^cached?[-_]?write/i.test(charge)) {
    if (/1h/i.test(rest)) return 'cache_write_1h';
    return /(?<!\d)5m/i.test(rest) ? 'cache_write_5m' : 'cache_write';
  }
  return /^input/i.test(charge) ? 'input' : 'output';
}
