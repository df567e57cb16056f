import { GatewayError } from './errors.ts';

/** Invisible characters, and those that look like a space or like nothing. */
const unseen = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}\p{Cn}\u2800]|(?! )\p{Zs}/u;

/** White space that shells and editors leave around a value. */
const around = /^[ \t\r\n]+|[ \t\r\n]+$/g;

/** Alphabets with look-alike letters. */
const alikeAlphabets = [
  'Latin',
  'Greek',
  'Cyrillic',
  'Armenian',
  'Cherokee',
  'Coptic',
  'Lisu',
  'Georgian',
].map((script) => [script, new RegExp(String.raw`\p{Script=${script}}`, 'u')] as const);

const longestName = 200;

/** Prefixes with another meaning in user caps. */
const reserved = /^(?:account:|arn:)/;

/**
 * A user's name in its one form: NFKC, lower case, no surrounding white space. ADA, Ada and full-width
 * ada are one user. Throws `invalid_request` for a name that looks like another.
 */
export function userNameOf(text: string): string {
  const fault = userNameFault(text);
  if (fault === null) return folded(text);
  throw new GatewayError('invalid_request', `The user name ${fault}.`, {
    hint: 'Type it again by hand, in letters of one alphabet: --user, TIDYLLM_USER or the setting "tidyllm.user".',
  });
}

/** The key of a user's cap: an account (`account:ada`) or an ARN unchanged, a name in its one form. */
export function userCapKey(name: string): string {
  return reserved.test(name) ? name : userNameOf(name);
}

/** The fault of the name of a user's cap; null if none. */
export function userCapFault(name: string): string | null {
  if (!reserved.test(name)) return userNameFault(name);
  if (/^account:./.test(name) || /^arn:[^:]*:(?:iam|sts)::\d*:./.test(name)) return null;
  return 'is neither an account such as account:ada nor an ARN of IAM or STS';
}

/** The fault of a user's name; null if none. */
export function userNameFault(text: string): string | null {
  const name = folded(text);
  const [hidden] = unseen.exec(text.replace(around, '')) ?? [];
  if (hidden !== undefined) return `has an invisible character, ${pointOf(hidden)}`;
  if (name === '') return 'is empty';
  if (name.length > longestName) return `is longer than ${longestName} characters`;
  if (reserved.test(name)) return 'begins like an account or an ARN, which are recorded beside it';
  const alphabets = alikeAlphabets.flatMap(([script, letters]) => (letters.test(name) ? [script] : []));
  return alphabets.length > 1 ? `mixes letters of ${alphabets.join(' and ')}, which look alike` : null;
}

/** Via upper case, which unifies ß and ss, ς and σ; lower case first, for ẞ. */
function folded(text: string): string {
  const name = text.replace(around, '').replace(/ +/g, ' ').normalize('NFKC');
  return name.toLowerCase().toUpperCase().toLowerCase().normalize('NFKC');
}

function pointOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
