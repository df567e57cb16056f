/**
 * Makes the rules of src/detection/gitleaksRules.json from gitleaks' configuration, which
 * `go mod download github.com/zricethezav/gitleaks/v8@v8.30.1` brings (MIT, config/gitleaks.toml, unchanged).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RegExpParser } from '@eslint-community/regexpp';
import { parse } from 'smol-toml';
import { root } from './setup.mjs';

const version = '8.30.1';
const folder = join(root, 'tools/data/gitleaks');
/** Not made: a rule for names of files, and one that only a path keeps from finding any short password. */
const leftOut = ['pkcs12-file', 'hashicorp-tf-password'];
/** What an expression without a bound may repeat: any character, and characters of a value. */
const mostAny = 500;
const mostCharacters = 8192;

/** The JSON of the rules, as src/detection/gitleaks.ts reads them. */
export function secretRules() {
  const { allowlist, rules } = /** @type {any} */ (
    parse(readFileSync(join(folder, 'gitleaks.toml'), 'utf8'))
  );
  return {
    source: 'https://github.com/gitleaks/gitleaks',
    version,
    licence: readFileSync(join(folder, 'LICENSE'), 'utf8'),
    allowed: allowed(allowlist),
    rules: rules.filter(({ id }) => !leftOut.includes(id)).map(ruleOf),
  };
}

function ruleOf({ id, regex, keywords, entropy, secretGroup, allowlists }) {
  // The lazy prefix of the name of a value finds nothing more, and costs most of the time.
  const pattern = javaScriptPattern(regex.replaceAll('[\\w.-]{0,50}?', ''));
  return {
    id,
    keywords: keywords.map((keyword) => keyword.toLowerCase()),
    pattern,
    // Null where a keyword may stand anywhere, outside of what is found.
    longest: keywords.every((keyword) => regex.toLowerCase().includes(keyword.toLowerCase()))
      ? longest(new RegExpParser().parsePattern(pattern))
      : null,
    entropy: entropy ?? 0,
    group: secretGroup ?? 0,
    // A text in a prompt has no path.
    allowed: (allowlists ?? []).filter(({ condition }) => condition !== 'AND').map(allowed),
  };
}

function allowed({ regexTarget, regexes, stopwords }) {
  return {
    target: regexTarget ?? 'secret',
    patterns: (regexes ?? []).map(javaScriptPattern),
    stopwords: (stopwords ?? []).map((word) => word.toLowerCase()),
  };
}

/**
 * An expression of Go's regexp for JavaScript without flags: V8 has no flags inside an expression before Node.js 23. Letters
 * stand for both cases where they should, groups lose their names, and what has no bound gets one.
 */
function javaScriptPattern(source) {
  const scopes = [{ i: false, s: false }];
  const token =
    /\\x\{?[\dA-Fa-f]+\}?|\\[\s\S]|\[\^?\]?(?:\[:\w+:\]|\\[\s\S]|[^\]\\])*\]|\(\?P<\w+>|\(\?[a-z-]*[:)]|[\s\S]/g;
  let atom = '';
  return source
    .replace(token, (part) => {
      if (part === '*' || part === '+')
        return `{${part === '*' ? 0 : 1},${anyCharacter.test(atom) ? mostAny : mostCharacters}}`;
      atom = translated(part, scopes);
      return atom;
    })
    .replace(/\{(\d+),\}/g, `{$1,${mostCharacters}}`);
}

const anyCharacter = /^\[\^(?:\\n)?\]$/;

function translated(part, scopes) {
  const scope = scopes.at(-1);
  if (part === '\\z') return '$';
  if (part.startsWith('\\')) return part;
  if (part.startsWith('[') && part.length > 1) return characterClass(part, scope.i);
  if (part === '(' || part.startsWith('(?P<')) {
    scopes.push({ ...scope });
    return part === '(' ? part : '(?:';
  }
  if (part.startsWith('(?')) return flagGroup(part, scopes);
  if (part === ')') scopes.pop();
  if (part === '.') return scope.s ? '[^]' : '[^\\n]';
  return scope.i && /[a-z]/i.test(part) ? `[${part.toLowerCase()}${part.toUpperCase()}]` : part;
}

/** `(?:`, `(?i:` and `(?-i:` begin a group; `(?i)` is for the rest of the group that it is in. */
function flagGroup(part, scopes) {
  const scope = scopes.at(-1);
  const [on, off = ''] = part.slice(2, -1).split('-');
  const changed = { ...scope };
  for (const flag of on) changed[flag] = true;
  for (const flag of off) changed[flag] = false;
  if (part.endsWith(':')) {
    scopes.push(changed);
    return '(?:';
  }
  Object.assign(scope, changed);
  return '';
}

function characterClass(part, bothCases) {
  const [, negated, body] = /^\[(\^?)([\s\S]*)\]$/.exec(part);
  const plain = body.replace('[:alnum:]', 'a-zA-Z0-9').replace(/^\]/, '\\]');
  const letters = plain.replace(/\\x\{?[\dA-Fa-f]+\}?|\\[\s\S]/g, '').match(/[a-z]-[a-z]|[a-z]/gi) ?? [];
  const other = bothCases ? letters.map(swapped).filter((one) => !plain.includes(one)) : [];
  // A hyphen at the end stays one.
  return `[${negated}${other.join('')}${plain}]`;
}

function swapped(letters) {
  return letters === letters.toLowerCase() ? letters.toUpperCase() : letters.toLowerCase();
}

/** The length of the longest text that an expression finds. */
function longest(node) {
  switch (node.type) {
    case 'Pattern':
    case 'Group':
    case 'CapturingGroup':
      return Math.max(...node.alternatives.map(longest));
    case 'Alternative':
      return node.elements.map(longest).reduce((sum, one) => sum + one, 0);
    case 'Quantifier':
      return node.max * longest(node.element);
    case 'Assertion':
      return 0;
    default:
      return 1;
  }
}
