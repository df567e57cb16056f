import { stringify } from 'csv-stringify/sync';

const formula = /^[=+\-@\t\r＝＋－＠]/;
const number = /^[+-]?\d+(\.\d+)?$/;

/**
 * Records as lines of CSV (RFC 4180), a field for each column; missing values are empty. A spreadsheet treats
 * text that begins like a formula as one: a leading apostrophe prevents that. Numbers stay numbers, also as
 * decimal strings.
 */
export function csvText(
  columns: readonly string[],
  records: readonly Readonly<Record<string, unknown>>[],
  { header = true } = {},
): string {
  return stringify([...records], {
    columns: [...columns],
    header,
    record_delimiter: 'windows',
    // A line break of any kind inside a field.
    quote_record_delimiter: true,
    cast: {
      boolean: String,
      string: (text) => (formula.test(text) && !number.test(text) ? `'${text}` : text),
    },
  });
}
