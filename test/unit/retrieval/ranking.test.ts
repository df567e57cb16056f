import { describe, expect, it } from 'vitest';
import { queryOf, rank, symbolsIn, type RankedChunk } from '../../../src/retrieval/ranking.ts';
import { TermIndex } from '../../../src/retrieval/termIndex.ts';

describe('the index of terms', () => {
  function indexOf(...documents: string[]): TermIndex {
    const index = new TermIndex();
    for (const words of documents) index.add(words.split(' '));
    return index;
  }
  const order = (index: TermIndex, query: string): number[] =>
    index.search(query.split(' '), 10).map(({ document }) => document);

  it('puts rare words before frequent ones, and more of a word before less', () => {
    const index = indexOf('call call budget', 'call journal budget', 'call seal x', 'call x x');
    expect(order(index, 'call journal')[0]).toBe(1);
    expect(order(index, 'call')[0]).toBe(0);
    expect(order(index, 'budget journal')).toEqual([1, 0]);
  });

  it('puts a short document before a long one with the same word', () => {
    expect(order(indexOf(`seal ${'x '.repeat(50)}y`, 'seal z'), 'seal')).toEqual([1, 0]);
  });

  it('computes BM25', () => {
    const [only] = indexOf('a a b', 'c').search(['a'], 1);
    const idf = Math.log(1 + (2 - 1 + 0.5) / 1.5);
    expect(only!.score).toBeCloseTo((idf * (2 * 2.5)) / (2 + 1.5 * (0.25 + (0.75 * 3) / 2)), 10);
  });

  it('scores as if a removed document had never been there', () => {
    const index = indexOf('call budget', 'call call call', 'journal call');
    index.remove(1);
    const without = indexOf('call budget', 'journal call');
    const scores = (one: TermIndex): number[] => one.search(['call', 'journal'], 9).map(({ score }) => score);
    expect(scores(index)).toEqual(scores(without));
    expect(index.size).toBe(2);
    expect(index.removed).toBe(1);
  });
});

describe('the names in a question', () => {
  it('are those that prose would not have', () => {
    expect(symbolsIn('Where does GatewayRegistry.autoConfigure read max_bytes, and why at Start?')).toEqual([
      'autoConfigure',
      'max_bytes',
    ]);
    expect(queryOf('readFile()')).toMatchObject({ symbols: ['readfile'], isSymbol: true });
    expect(queryOf('std::vector')).toMatchObject({ symbols: ['vector'], isSymbol: true });
    expect(queryOf('read a file')).toMatchObject({ symbols: [], isSymbol: false });
  });
});

describe('ranking', () => {
  const chunk = (path: string, more: Partial<RankedChunk> = {}): RankedChunk => ({
    path,
    defines: [],
    reExports: false,
    ...more,
  });
  const paths = (question: string, found: RankedChunk[], defining: RankedChunk[] = []): string[] =>
    rank(queryOf(question), found, defining, 10).map((one) => one.chunk.path);

  it('keeps the order of the words’ scores where nothing else speaks', () => {
    expect(
      paths(
        'quite other things',
        ['a.ts', 'b.ts', 'c.ts'].map((path) => chunk(path)),
      ),
    ).toEqual(['a.ts', 'b.ts', 'c.ts']);
  });

  it('puts the definition of a name first, even if its words did not find it', () => {
    const definition = chunk('z.ts', { defines: ['readFile'] });
    expect(paths('readFile', [chunk('a.ts'), chunk('b.ts')], [definition])[0]).toBe('z.ts');
    expect(paths('where is readFile called', [chunk('a.ts'), chunk('b.ts')], [definition])[0]).toBe('z.ts');
  });

  it('prefers the definition in the file with that name', () => {
    const inOther = chunk('util.ts', { defines: ['readFile'] });
    const inOwn = chunk('read-file.ts', { defines: ['readFile'] });
    expect(paths('readFile', [inOther, inOwn])[0]).toBe('read-file.ts');
  });

  it('prefers files and folders with the question’s words in their names', () => {
    expect(paths('how are budgets refused', [chunk('a.ts'), chunk('src/budgetRefused.ts')])[0]).toBe(
      'src/budgetRefused.ts',
    );
  });

  it('prefers a file of which more was found', () => {
    const more = [chunk('a.ts'), chunk('b.ts'), chunk('c.ts'), chunk('b.ts'), chunk('b.ts')];
    expect(paths('quite other things', more)[0]).toBe('b.ts');
  });

  it.each([
    'test/a.ts',
    'src/a.test.ts',
    'a_test.go',
    'tests/test_a.py',
    'legacy/a.ts',
    'examples/a.ts',
    'a.d.ts',
  ])('puts %s behind', (path) => {
    const others = ['x.ts', 'y.ts', 'z.ts'].map((other) => chunk(other));
    expect(paths('quite other things', [chunk(path), ...others]).at(-1)).toBe(path);
  });

  it('does not put tests behind for a question about tests', () => {
    expect(paths('which tests there are', [chunk('test/a.ts'), chunk('b.ts')])[0]).toBe('test/a.ts');
  });

  it('puts behind what only passes on', () => {
    const barrel = chunk('index.ts', { reExports: true });
    expect(paths('quite other things', [barrel, chunk('a.ts')])).toEqual(['a.ts', 'index.ts']);
  });

  it('halves each further chunk of a file', () => {
    const found = [chunk('a.ts'), chunk('a.ts'), chunk('a.ts'), chunk('b.ts'), chunk('c.ts')];
    expect(paths('quite other things', found)).toEqual(['a.ts', 'b.ts', 'c.ts', 'a.ts', 'a.ts']);
  });
});
