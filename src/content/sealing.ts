import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SubjectKey } from './contentKeys.ts';

const nonceBytes = 12;
const tagBytes = 16;

/** Seals a text so that it opens only with the key, and only as what it is bound to: nonce, AES-256-GCM ciphertext, tag. */
export function seal({ encryption }: SubjectKey, boundTo: Buffer, text: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', encryption, nonce).setAAD(boundTo);
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** Throws if the bytes were changed, or belong to another key or thing. */
export function unseal({ encryption }: SubjectKey, boundTo: Buffer, sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', encryption, sealed.subarray(0, nonceBytes))
    .setAAD(boundTo)
    .setAuthTag(sealed.subarray(-tagBytes));
  const text = Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  return text.toString('utf8');
}
