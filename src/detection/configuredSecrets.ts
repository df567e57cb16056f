import { assignedValues, isGenerated, isPlaceholder, isReference } from './assignedValues.ts';
import type { Finding } from './finding.ts';
import { findingsOf, type Rule } from './rule.ts';

/** Secrets that their form alone makes sure, also where the entropy of a made-up one is low. */
const forms: readonly Rule[] = [
  secret(
    'private-key',
    'PRIVATE_KEY',
    /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/dg,
  ),
  secret('putty-private-key', 'PRIVATE_KEY', /^Private-Lines: \d+\r?\n((?:[A-Za-z0-9+/=]+\r?\n?)+)/dgm),
  secret('aws-key', 'AWS_KEY', /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/dg),
  // Looked for from its first dot: from each "eyJ" on, a long word with many of them would take the square of its length.
  secret('json-web-token', 'TOKEN', /\.(?=[\w-]{8,}\.)(?<=(?=([\w-]+\.[\w-]+\.[\w-]*))\beyJ[\w-]{8,}\.)/dg),
  secret(
    'service-token',
    'TOKEN',
    /(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,}|xox[a-z]-\d[\w-]{9,}|sk-(?:ant|proj)-[\w-]{20,}|[sr]k_(?:live|test)_\w{20,}|npm_[A-Za-z0-9]{36})/dg,
  ),
  secret('slack-webhook', 'TOKEN', /\bhooks\.slack\.com\/services\/([\w/]{20,})/dg),
];

/** Secrets whose place makes them sure. A value that only refers to another one is none. */
const places: readonly Rule[] = [
  secret(
    'url-password',
    'SECRET',
    /:\/\/[^\s:/"'`\\()[\]{}|<>]{0,100}:(?!(?:pass|password|passwd|pwd|p|pw|secret)@)([^\s/"'`\\]{1,200})@/dgi,
  ),
  secret(
    'authorization-header',
    'TOKEN',
    /\b(?:authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:basic|bearer|token)|bearer)\s{1,4}((?=[\w.~+/=-]{0,200}\d)[\w.~+/=-]{8,})/dgi,
  ),
  secret(
    'netrc',
    'SECRET',
    /\b(?:machine\s+\S{1,200}|default)\s+login\s+\S{1,200}\s+password\s+([^\s"'\\]{1,200})/dg,
  ),
  secret(
    'pgpass',
    'SECRET',
    /^[\w.*-]{1,200}:(?:\d{2,5}|\*):[\w*-]{1,100}:(?:\*|[A-Za-z_][\w-]{0,99}):([^\s:]{1,200})$/dgm,
  ),
  secret(
    'password-hash',
    'SECRET',
    /(?<=^[\w.-]{1,64}:)(?:\$(?:apr1|[1256y]|2[abxy]|argon2[a-z]*)\$[\w./$=,+-]{20,200}|\{SHA\}[A-Za-z0-9+/]{27}=)/dgm,
  ),
  secret('docker-auth', 'SECRET', /"(?:auth|identitytoken)"\s*:\s*"([A-Za-z0-9+/=_-]{16,})"/dg),
  secret('npmrc', 'SECRET', /^(?:\/\/\S{1,200}:)?_(?:auth|password|authToken)\s*=\s*([^\s$]\S{5,})/dgm),
  secret(
    'xml-password',
    'SECRET',
    /<(?:[\w.:-]{0,40}?)(?:pass(?:word|wd|phrase)?|pwd)(?:\s[^<>]{0,200})?>([^<>\s]{4,200})<\//dgi,
  ),
  secret(
    'xml-password',
    'SECRET',
    /<[^<>]{1,1000}?\s(?:[\w.:-]{0,40}?)(?:pass(?:word|wd|phrase)?|pwd)="([^"<>\s]{4,200})"/dgi,
  ),
  secret(
    'connection-string',
    'SECRET',
    /;\s{0,2}(?:password|pwd|accountkey|sharedaccesskey)\s{0,2}=\s{0,2}([^;"'\s]{4,300})/dgi,
  ),
  secret(
    'php-define',
    'SECRET',
    /\bdefine\(\s?['"]\w{0,60}(?:PASSWORD|PASS|KEY|SALT|SECRET)['"],\s{0,20}(?:'([^'\n]{6,200})'|"([^"\n]{6,200})")/dg,
  ),
  secret('quoted-password', 'SECRET', /^\s{0,8}(?:password|passphrase)\s{1,4}"([^"\s]{4,200})"\s{0,4}$/dgm),
  secret(
    'json-password',
    'SECRET',
    // Not the word for it in some language, as in the texts of an interface.
    /"[\w.-]{0,40}?(?:pass(?:word|wd|phrase)?|pwd)"\s{0,4}:\s{0,4}"((?!pass|pwd|kenn|wacht|contra|senha|has|lös|string|secret|required|invalid|text)[^"\s{}<>$]{6,200})"/dgi,
  ),
  secret(
    'variable',
    'SECRET',
    /^(?:\s{0,8}(?:export|set|ENV)\s+)?[A-Z][A-Z0-9_]{0,60}?(?:PASSWORD|PASSWD|PASS|PASSPHRASE|SECRET|SECRET_KEY|API_KEY|TOKEN)=(?:"([^"\n]{6,500})"|'([^'\n]{6,500})'|([^\s"'#]{6,500}))/dgm,
  ),
];

/** Private keys, and tokens that are known by their form. */
export function knownForms(text: string): Finding[] {
  return forms.flatMap((rule) =>
    findingsOf(rule, text).filter(
      ({ kind, start, end }) => kind === 'PRIVATE_KEY' || !isPlaceholder(text.slice(start, end)),
    ),
  );
}

/** Passwords and keys by their places: files of settings, addresses, headers, and assignments of what looks generated. */
export function configuredSecrets(text: string): Finding[] {
  return [
    ...places.flatMap((rule) => findingsOf({ ...rule, pick: notReferred }, text)),
    ...assignedValues(text)
      .filter(isGenerated)
      .map(({ start, end }): Finding => ({ rule: assigned, class: 'secret', kind: 'SECRET', start, end })),
  ];
}

/** The rule that finds what is assigned to the name of a secret. */
export const assigned = 'assigned-secret';

/** Ids of the rules of this file. */
export const configuredRules: readonly string[] = [...forms, ...places]
  .map(({ rule }) => rule)
  .concat(assigned);

function notReferred(found: string): [number, number][] {
  return isReference(found) ||
    isPlaceholder(found) ||
    /^(?:\*+|x+|\.+|true|false|null|none|undefined)$/i.test(found)
    ? []
    : [[0, found.length]];
}

function secret(rule: string, kind: string, pattern: RegExp): Rule {
  return { rule, class: 'secret', kind, pattern };
}
