import { subjectHash, type ContentKeys } from './contentKeys.ts';
import { seal, unseal } from './sealing.ts';

/**
 * A text for a file: whose key seals it (SHA-256 of the user, lower-case hex), a space, and the sealed text as Base64. It
 * opens only as what it is bound to. Throws `content_unavailable` if the key can't be used.
 */
export function sealedText(keys: ContentKeys, user: string, boundTo: Buffer, text: string): string {
  return `${subjectHash(user)} ${seal(keys.of(user), boundTo, text).toString('base64')}`;
}

/** The text; null if it was changed, belongs elsewhere, or its user was erased. Throws `content_unavailable`. */
export function unsealedText(keys: ContentKeys, boundTo: Buffer, sealed: string): string | null {
  const [, subject, bytes] = /^([0-9a-f]{64}) ([A-Za-z0-9+/=]+)$/.exec(sealed) ?? [];
  const key = subject === undefined ? null : keys.findHashed(subject);
  if (!key || bytes === undefined) return null;
  try {
    return unseal(key, boundTo, Buffer.from(bytes, 'base64'));
  } catch {
    return null;
  }
}

/** Whether a text is sealed for this subject. */
export function isSealedFor(subjectSha256: string, sealed: string): boolean {
  return sealed.startsWith(`${subjectSha256} `);
}
