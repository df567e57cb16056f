import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvText } from '../../src/csv.ts';
import { testSeed } from '../support/random.ts';

/** One cell as it is written. */
function written(value: unknown): string {
  return csvText(['a'], [{ a: value }], { header: false }).replace(/\r\n$/, '');
}

describe('CSV', () => {
  it('has the columns in their order, empty where a record has nothing', () => {
    expect(csvText(['b', 'a'], [{ a: 1, b: 'x', c: 'no column' }, { a: null }])).toBe('b,a\r\nx,1\r\n,\r\n');
  });

  it('has a header even without a record, unless it goes on from before', () => {
    expect(csvText(['a', 'b'], [])).toBe('a,b\r\n');
    expect(csvText(['a', 'b'], [], { header: false })).toBe('');
  });

  it.each([
    ['=1+1', "'=1+1"],
    ['+cmd', "'+cmd"],
    ['-cmd', "'-cmd"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\tx', "'\tx"],
    ['\r=1', `"'\r=1"`],
    ['＝1', "'＝1"],
    ['＋1', "'＋1"],
    ['－1', "'－1"],
    ['＠x', "'＠x"],
    ['-1+1', "'-1+1"],
    ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
  ])('keeps %j a text for a spreadsheet', (text, cell) => {
    expect(written(text)).toBe(cell);
  });

  it.each([-1, -0.5, 12n, -12n, '-1.5', '-0.000001', '1.5', '0'])('leaves the number %s one', (value) => {
    expect(written(value)).toBe(String(value));
  });

  it('writes true and false as words, and nothing for null', () => {
    expect([true, false, null, undefined, ''].map(written)).toEqual(['true', 'false', '', '', '']);
  });

  it('says the same when it is read again, but for the apostrophe before a formula', () => {
    const cell = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[=+\-@\t\r\n",'＝＋－＠\d.]*$/));
    fc.assert(
      fc.property(fc.array(fc.record({ a: cell, b: cell }), { minLength: 1 }), (records) => {
        const columns = ['a', 'b'] as const;
        const text = csvText(columns, records);
        const read = parse(text, { columns: true, record_delimiter: ['\r\n', '\n', '\r'] });
        const expected = records.map((record) =>
          Object.fromEntries(columns.map((name) => [name, readBack(record[name])])),
        );
        expect(read).toEqual(expected);
      }),
      { seed: testSeed() },
    );
  });
});

function readBack(text: string): string {
  const formula = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'].some((sign) =>
    text.startsWith(sign),
  );
  return formula && !/^[+-]\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
}
