/** A value without the white space, line end and quotes that editors, shells and Windows leave around it. */
export function withoutStray(text: string): string {
  const trimmed = text.trim();
  const [, , inside] = /^(["'])(.*)\1$/s.exec(trimmed) ?? [];
  return inside === undefined ? trimmed : inside.trim();
}

/** The first character not allowed in a key, a region or an HTTP header, such as `U+000D`; null if none. */
export function strayIn(text: string): string | null {
  const [found] = /[^\x21-\x7e]/u.exec(text) ?? [];
  return found === undefined
    ? null
    : `U+${found.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Whether a text can name a signing key: by its key id, or by its 32 bytes in base64. */
export function isKeyName(text: string): boolean {
  return /^(?:[\da-f]{8}|[A-Za-z\d+/]{43}=)$/.test(text);
}

/** Whether a text is the 32 bytes of a public key in base64. */
export function isPublicKey(text: string): boolean {
  return /^[A-Za-z\d+/]{43}=$/.test(text) && Buffer.from(text, 'base64').toString('base64') === text;
}

/** Whether a text is in the form of an AWS region, such as `eu-central-1`; it becomes part of host names. */
export function isRegion(text: string): boolean {
  return /^[a-z\d]([a-z\d-]{0,61}[a-z\d])?$/.test(text);
}
