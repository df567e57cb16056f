import type { TokenClass } from '../ledger/records.ts';
import type { Columns } from './costExport.ts';

/** What a line of a bill is about. */
export type BilledLine =
  /** Another AWS service. */
  | { kind: 'other' }
  /** Bedrock, but not tokens of a model: why. */
  | { kind: 'unplaceable'; why: string; name: string }
  | {
      kind: 'tokens';
      tokenClass: TokenClass;
      /** What the bill calls the model, most telling first. */
      names: string[];
      /** Geography the bill names, such as `global` or `eu`; null where it doesn't. */
      route: string | null;
    };

const productCodes = ['AmazonBedrock', 'AmazonBedrockService', 'AmazonBedrockFoundationModels'];

/** Usage, and discounts of it that name the same usage type: together what AWS charges for it. */
const chargesForUsage = [
  'Usage',
  'DiscountedUsage',
  'Discount',
  'EdpDiscount',
  'PrivateRateDiscount',
  'BundledDiscount',
];

/** Reads what AWS bills: `USE1-NovaMicro-input-tokens`, or `USE1-MP:USE1_InputTokenCount-Units` of a Marketplace product. */
export function billedLine(columns: Columns): BilledLine {
  const usageType = columns('line_item_usage_type');
  const products = productNames(columns);
  const marketplace = /(^|-)MP:.*token/i.test(usageType);
  const bedrock =
    productCodes.includes(columns('line_item_product_code')) ||
    products.some((name) => /bedrock/i.test(name)) ||
    marketplace;
  if (!bedrock) return { kind: 'other' };
  const name = [usageType, ...products.slice(0, 1)].filter(Boolean).join(' · ');
  const type = columns('line_item_line_item_type');
  if (!chargesForUsage.includes(type)) return { kind: 'unplaceable', why: `${type || 'no'} line`, name };
  const currency = columns('line_item_currency_code');
  if (currency !== '' && currency !== 'USD')
    return { kind: 'unplaceable', why: `charged in ${currency}`, name };
  const usage = readUsageType(usageType);
  if (!usage) return { kind: 'unplaceable', why: 'not a charge for tokens of a model', name };
  const resource = columns('line_item_resource_id');
  const names = [resource, usage.model, ...products].filter(
    (text) => text !== '' && text !== 'Amazon Bedrock',
  );
  return { kind: 'tokens', tokenClass: usage.tokenClass, names, route: usage.route };
}

/** The legacy report has a column for each attribute of a product, CUR 2.0 one JSON object for all. */
function productNames(columns: Columns): string[] {
  const attributes: Record<string, unknown> = {};
  try {
    Object.assign(attributes, JSON.parse(columns('product') || '{}'));
  } catch {
    // A column of that name which is no JSON names nothing.
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
  /** Empty in Marketplace lines, where the product names it. */
  model: string;
  tokenClass: TokenClass;
  route: string | null;
}

/** Null for anything that isn't charged by the token of a model that AWS offers. */
function readUsageType(usageType: string): UsageType | null {
  const inRegion = usageType
    .replace(/^[A-Z]{2,4}\d{0,2}-(?=.)/, '')
    .replace(/^MP:(?:[A-Z]{2,4}\d{0,2}_)?/, '');
  if (/reserved|tpm|provisioned|custom|training|image|video|audio|speech/i.test(inRegion)) return null;
  const match = tokenCharge.exec(inRegion);
  if (!match) return null;
  const [, charge = '', rest = ''] = match;
  // Some models are billed as "…-input", all others name tokens.
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
