/** A password in the front of an address, or among its parameters; never that of a name alone. */
const passwords =
  /(?<=[a-z][a-z\d+.-]*:\/\/[^\s/?#@:]*:)(?!\d+(?:[/?#\s]|$))[^\s@]+(?=@)|(?<=:\/\/\S*[?&;](?:password|passwd|pwd|pass|secret|token|api_?key)=)[^\s&;#]+/gi;

/** An address as it may be shown: `http://ada:secret@host` → `http://***@host`. */
export function withoutPassword(address: string): string {
  return address.replace(passwords, '***').replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, '$1***@');
}

/** Whether a text has an address with a password in it. */
export function hasPassword(text: string): boolean {
  return text.search(passwords) >= 0;
}
