import { describe, expect, it } from 'vitest';
import { withoutExcluded } from '../../../src/retrieval/excludes.ts';

const paths = [
  'a.js',
  'a.ts',
  'b.js',
  'build/out.js',
  'node_modules/left/index.js',
  'packages/one/build/out.js',
  'packages/one/node_modules/right/index.js',
  'packages/one/.cache/x.json',
  'packages/one/(copy) of it.md',
];

function excluded(glob: string, when?: string): string[] {
  const left = withoutExcluded(paths, [{ glob, ...(when !== undefined && { when }) }]);
  return paths.filter((path) => !left.includes(path));
}

describe('what the settings of the editor exclude', () => {
  it('is all that is in a folder that a pattern matches, wherever the pattern begins', () => {
    expect(excluded('**/node_modules')).toEqual([
      'node_modules/left/index.js',
      'packages/one/node_modules/right/index.js',
    ]);
    expect(excluded('build')).toEqual(['build/out.js']);
    expect(excluded('build/**')).toEqual(['build/out.js']);
    expect(excluded('packages/*/build')).toEqual(['packages/one/build/out.js']);
  });

  it('has wildcards, classes and alternatives, and a dot like any letter', () => {
    expect(excluded('?.{js,ts}')).toEqual(['a.js', 'a.ts', 'b.js']);
    expect(excluded('[!a].js')).toEqual(['b.js']);
    expect(excluded('**/*.json')).toEqual(['packages/one/.cache/x.json']);
    expect(excluded('**')).toEqual(paths);
    expect(excluded('nothing')).toEqual([]);
  });

  it('has parentheses, exclamation and plus signs as letters', () => {
    expect(excluded('**/(copy) of*')).toEqual(['packages/one/(copy) of it.md']);
    expect(excluded('!a.js')).toEqual([]);
    expect(excluded('+(a|b).js')).toEqual([]);
  });

  it('can depend on a file beside it', () => {
    expect(excluded('**/*.js', '$(basename).ts')).toEqual(['a.js']);
    expect(excluded('**/*.js', 'a.ts')).toEqual(['a.js', 'b.js']);
  });
});
