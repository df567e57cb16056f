/** An address as it may be shown: `http://ada:secret@host` → `http://***@host`. */
export function withoutPassword(address: string): string {
  return address.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, '$1***@');
}
