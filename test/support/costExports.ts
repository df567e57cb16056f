/** A line of a Cost and Usage Report, in the columns that matter here. */
export interface BilledUsage {
  /** ISO 8601, UTC. */
  start: string;
  end: string;
  usageType: string;
  /** USD. */
  cost: string;
  type?: string;
  productCode?: string;
  product?: string;
  resource?: string;
  currency?: string;
  account?: string;
  invoice?: string;
  /** Unique within the export unless given. */
  id?: string;
}

/** The legacy report's CSV. */
export function legacyExport(lines: readonly BilledUsage[]): string {
  const header = [
    'identity/LineItemId',
    'bill/InvoiceId',
    'lineItem/UsageAccountId',
    'lineItem/LineItemType',
    'lineItem/UsageStartDate',
    'lineItem/UsageEndDate',
    'lineItem/ProductCode',
    'lineItem/UsageType',
    'lineItem/ResourceId',
    'lineItem/CurrencyCode',
    'lineItem/UnblendedCost',
    'product/ProductName',
  ];
  const rows = lines.map((line, index) => [
    line.id ?? `id${index}`,
    line.invoice ?? '',
    line.account ?? '111122223333',
    line.type ?? 'Usage',
    line.start,
    line.end,
    line.productCode ?? 'AmazonBedrock',
    line.usageType,
    line.resource ?? '',
    line.currency ?? 'USD',
    line.cost,
    line.product ?? 'Amazon Bedrock',
  ]);
  return csv([header, ...rows]);
}

/** The same as Data Exports writes it: CUR 2.0, with product attributes in one column. */
export function cur2Export(lines: readonly BilledUsage[]): string {
  const identified = lines.some(({ id }) => id !== undefined);
  const header = [
    ...(identified ? ['identity_line_item_id'] : []),
    'bill_invoice_id',
    'line_item_currency_code',
    'line_item_line_item_type',
    'line_item_product_code',
    'line_item_resource_id',
    'line_item_unblended_cost',
    'line_item_usage_account_id',
    'line_item_usage_end_date',
    'line_item_usage_start_date',
    'line_item_usage_type',
    'product',
  ];
  const rows = lines.map((line, index) => [
    ...(identified ? [line.id ?? `id${index}`] : []),
    line.invoice ?? '',
    line.currency ?? 'USD',
    line.type ?? 'Usage',
    line.productCode ?? 'AmazonBedrock',
    line.resource ?? '',
    line.cost,
    line.account ?? '111122223333',
    line.end.replace('T', ' ').replace('Z', '.000'),
    line.start.replace('T', ' ').replace('Z', '.000'),
    line.usageType,
    JSON.stringify({ product_name: line.product ?? 'Amazon Bedrock', region: 'us-east-1' }),
  ]);
  return csv([header, ...rows]);
}

function csv(rows: readonly (readonly string[])[]): string {
  return rows
    .map((row) => row.map((cell) => (/[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(','))
    .join('\n');
}
