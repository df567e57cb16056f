import { describe, expect, it, onTestFinished } from 'vitest';
import type { QueryDatabase } from '../../../src/queries/queryDatabase.ts';
import type { QueryLimits } from '../../../src/queries/queryMessages.ts';
import { requireQuery } from '../../../src/queries/statement.ts';
import { emptyDatabase } from '../../support/queries.ts';

async function opened(limits?: Partial<QueryLimits>): Promise<QueryDatabase> {
  const database = await emptyDatabase(limits);
  onTestFinished(() => database.close());
  database.fill([]);
  return database;
}

async function valueOf(sql: string): Promise<unknown> {
  return (await opened()).query(sql).rows[0]?.[0];
}

describe('a function of queries', () => {
  it.each([
    // The example of the nearest ranks in textbooks, linear between two values: 20 + 0.6 × (35 − 20).
    ['percentile(x, 40) FROM (SELECT column1 AS x FROM (VALUES (50),(15),(40),(20),(35)))', 29],
    ['percentile(x, 0) FROM (SELECT column1 AS x FROM (VALUES (3),(1),(2)))', 1],
    ['percentile(x, 100) FROM (SELECT column1 AS x FROM (VALUES (3),(1),(2)))', 3],
    ['percentile(column1, 95) FROM (VALUES (7))', 7],
    ['median(column1) FROM (VALUES (4),(1),(NULL),(3),(2))', 2.5],
    ["median(column1) FROM (VALUES ('0.5'),('1.5'),('10'))", 1.5],
    ['median(column1) FROM (VALUES (NULL))', null],
    // √(32 / 7)
    ['stddev(column1) FROM (VALUES (2),(4),(4),(4),(5),(5),(7),(9))', Math.sqrt(32 / 7)],
    ['stddev(column1) FROM (VALUES (2))', null],
    // Σ(t − 1.5)(y − 2.75) / Σ(t − 1.5)² = 5.5 / 5
    [
      "trend(column1, column2) FROM (VALUES ('2026-03-01',1),('2026-03-02',3),('2026-03-03',2),('2026-03-04',5))",
      1.1,
    ],
    ["trend(column1, column2) FROM (VALUES ('2026-03-01T00:00:00Z',1),('2026-03-01T12:00:00Z',2))", 2],
    ["trend(column1, column2) FROM (VALUES ('2026-03-01',1),('2026-03-01',2))", null],
  ])('is what is known of it: %s', async (sql, value) => {
    const found = await valueOf(`SELECT ${sql}`);
    if (value === null) expect(found).toBeNull();
    else expect(found).toBeCloseTo(value, 12);
  });

  it('keeps money exact as text', async () => {
    expect(await valueOf('SELECT usd(1234567)')).toBe('1.234567');
    expect(await valueOf('SELECT usd(-1)')).toBe('-0.000001');
    expect(await valueOf('SELECT usd(NULL)')).toBeNull();
  });

  it.each([
    ['SELECT percentile(1, 101)', 'must be 0 to 100'],
    ['SELECT percentile(1, column1) FROM (VALUES (1),(2))', 'the same in all rows'],
    ["SELECT median('a day')", 'not a number'],
    ["SELECT trend('soon', 1)", 'a day or a time'],
    ['SELECT usd(0.5)', 'whole number'],
    ['SELECT usd(9007199254740993)', 'whole number'],
    ['SELECT median(1, 2)', 'wrong number of arguments'],
  ])('says what it does not take: %s', async (sql, words) => {
    const database = await opened();
    expect(() => database.query(sql)).toThrow(words);
  });
});

describe('a statement', () => {
  it.each([
    ['', 'The query is empty.'],
    ['-- nothing\n/* at all */ ;', 'line 2, column 14: ; is not allowed'],
    ['INSERT INTO calls VALUES (1)', 'line 1, column 1: INSERT is not allowed'],
    ['\n  PRAGMA query_only = OFF', 'line 2, column 3: PRAGMA is not allowed'],
    ["ATTACH 'other.db' AS other", 'line 1, column 1: ATTACH is not allowed'],
    ["VACUUM INTO 'copy.db'", 'line 1, column 1: VACUUM is not allowed'],
    ['SELECT 1;\nDELETE FROM calls', 'line 2, column 1: a second statement begins, with DELETE'],
    ["SELECT ';' /* ; */ ; SELECT 2", 'line 1, column 22: a second statement'],
    ['WITH a AS (SELECT 1) DELETE FROM calls', 'line 1, column 22: DELETE is not allowed'],
    ['SELECT * FROM pragma_database_list', 'line 1, column 15: PRAGMA_DATABASE_LIST is not allowed'],
    ['SELECT * FROM "pragma_database_list"', 'column 15: "pragma_database_list" is not allowed'],
    [`SELECT '${'x'.repeat(100_000)}'`, 'The query has 100009 characters'],
  ])('is refused with its place: %s', (sql, words) => {
    expect(() => requireQuery(sql)).toThrow(words);
  });

  it.each([
    "WITH a AS (SELECT 'INSERT' AS x) SELECT replace(x, 'I', 'i') FROM a;",
    'VALUES (1), (2) -- the end',
    'SELECT 1 ;; /* the end */',
    'select "update", [delete], `insert` from (select 1 as "update", 2 as [delete], 3 as `insert`)',
  ])('is taken if it only reads: %s', async (sql) => {
    requireQuery(sql);
    expect((await opened()).query(sql).rows.length).toBeGreaterThan(0);
  });

  it.each([
    ['SELECT absent FROM (SELECT 1)', 'line 1, column 8: no such column: absent'],
    ['SELECT 1\nFROM nowhere', 'line 2, column 6: no such table: nowhere'],
    ['SELECT 1\nFORM x y', 'line 2'],
    ["SELECT load_extension('x')", 'load_extension'],
    ["SELECT readfile('/etc/passwd')", 'no such function: readfile'],
    ["SELECT writefile('x', 'y')", 'no such function: writefile'],
  ])('says where it is faulty: %s', async (sql, words) => {
    const database = await opened();
    expect(() => database.query(sql)).toThrow(words);
  });
});

describe('the limits of a query', () => {
  const numbers = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)';

  it('cut the rows of a result, and say so', async () => {
    const database = await opened({ resultRows: 10 });
    const all = database.query(`${numbers} SELECT x FROM n LIMIT 10`);
    expect([all.rows.length, all.truncated]).toEqual([10, false]);
    const more = database.query(`${numbers} SELECT x FROM n`);
    expect([more.rows.length, more.truncated, more.rows.at(-1)]).toEqual([10, true, [10]]);
  });

  it('cut the size of a result', async () => {
    const database = await opened({ resultCharacters: 1000 });
    const { rows, truncated } = database.query(`${numbers} SELECT hex(zeroblob(200)) FROM n`);
    expect([rows.length, truncated]).toEqual([2, true]);
    expect(() => database.query('SELECT hex(zeroblob(501))')).toThrow(
      'The first row of the result is too large',
    );
  });

  it.each([
    'SELECT length(hex(randomblob(300000000)))',
    "SELECT length(printf('%.*c', 900000000, 'x'))",
    `SELECT count(DISTINCT y) FROM (${numbers} SELECT randomblob(1000000) AS y FROM n)`,
    `SELECT * FROM (${numbers} SELECT x, hex(randomblob(300000)) AS y FROM n) ORDER BY y`,
  ])('bound the memory of hostile SQL: %s', async (sql) => {
    const database = await opened({ memory: 32 * 2 ** 20 });
    expect(() => database.query(sql)).toThrow('more memory');
    expect(database.query('SELECT 1').rows).toEqual([[1]]);
  });

  it('bound the depth of hostile JSON and of expressions', async () => {
    const database = await opened();
    const brackets = "json(replace(hex(zeroblob(50000)), '00', '['))";
    expect(() => database.query(`SELECT ${brackets}`)).toThrow('malformed JSON');
    expect(() => database.query(`SELECT ${'('.repeat(5000)}1${')'.repeat(5000)}`)).toThrow();
    expect(database.query('SELECT 1').rows).toEqual([[1]]);
  });
});

it('has each integer exactly, bytes as SQL writes them, and a name for each column', async () => {
  const { columns, rows } = (await opened()).query(
    "SELECT 9007199254740993 AS a, 2 AS A, 1.5 AS b, x'0aff' AS c, 9e999 AS d, NULL AS e, 'x' AS f",
  );
  expect(columns).toEqual(['a', 'A_2', 'b', 'c', 'd', 'e', 'f']);
  expect(rows).toEqual([[9007199254740993n, 2, 1.5, "x'0aff'", 'Infinity', null, 'x']]);
});
