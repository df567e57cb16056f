/** A password before the host of an address or in its parameters; a user name alone is none. */
const passwords =
  /(?<=[a-z][a-z\d+.-]*:\/\/[^\s/?#@:]*:)(?!\d+(?:[/?#\s]|$))[^\s@]+(?=@)|(?<=:\/\/\S*[?&;](?:password|passwd|pwd|pass|secret|token|api_?key)=)[^\s&;#]+/gi;

/** An address safe to show: `http://ada:secret@host` → `http://***@host`. */
export function withoutPassword(address: string): string {
  return address.replace(passwords, '***').replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, '$1***@');
}

/** Whether a text has an address with a password in it. */
export function hasPassword(text: string): boolean {
  return text.search(passwords) >= 0;
}
