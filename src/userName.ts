import { GatewayError } from './errors.ts';

/** What nobody sees, or what looks like a space or like nothing. */
const unseen = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}\p{Cn}\u2800]|(?! )\p{Zs}/u;

/** What shells and editors leave around a value. */
const around = /^[ \t\r\n]+|[ \t\r\n]+$/g;

/** Alphabets whose letters look like those of another. */
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

/** Names that mean something else where a cap is for a user. */
const reserved = /^(?:account:|arn:)/;

/**
 * A user's name in its one form: NFKC, small letters, no white space at its ends. ADA, Ada and the same in full-width
 * letters are one user. Throws `invalid_request` for a name that can pass for another.
 */
export function userNameOf(text: string): string {
  const fault = userNameFault(text);
  if (fault === null) return folded(text);
  throw new GatewayError('invalid_request', `The user name ${fault}.`, {
    hint: 'Write it anew by hand, in the letters of one alphabet: --user, TIDYLLM_USER or the setting "tidyllm.user".',
  });
}

/** What a cap of a user is kept under: an account (`account:ada`) or an ARN as it is, a name in its one form. */
export function userCapKey(name: string): string {
  return reserved.test(name) ? name : userNameOf(name);
}

/** What is wrong with the name of a user's cap; null when nothing is. */
export function userCapFault(name: string): string | null {
  if (!reserved.test(name)) return userNameFault(name);
  if (/^account:./.test(name) || /^arn:[^:]*:(?:iam|sts)::\d*:./.test(name)) return null;
  return 'is no account such as account:ada, and no ARN of IAM or STS';
}

/** What is wrong with a user's name; null when nothing is. */
export function userNameFault(text: string): string | null {
  const name = folded(text);
  const [hidden] = unseen.exec(text.replace(around, '')) ?? [];
  if (hidden !== undefined) return `has a character that can’t be seen, ${pointOf(hidden)}`;
  if (name === '') return 'is empty';
  if (name.length > longestName) return `is longer than ${longestName} characters`;
  if (reserved.test(name)) return 'begins like an account or an ARN, which are recorded beside it';
  const alphabets = alikeAlphabets.flatMap(([script, letters]) => (letters.test(name) ? [script] : []));
  return alphabets.length > 1 ? `mixes letters of ${alphabets.join(' and ')}, which look alike` : null;
}

/** Over capital letters, which make one of ß and ss, of ς and σ; over small ones before, for ẞ. */
function folded(text: string): string {
  const name = text.replace(around, '').replace(/ +/g, ' ').normalize('NFKC');
  return name.toLowerCase().toUpperCase().toLowerCase().normalize('NFKC');
}

function pointOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
