/** What libraries say to programmers, with what it means to others; the more special first. */
const meanings: readonly [says: RegExp, means: string | ((said: RegExpExecArray) => string)][] = [
  [
    /\{error\}\.\$response|Deserialization error/,
    'the answer is not in the form of AWS; a proxy or another server may have given it',
  ],
  [
    /did not establish a connection with the server within the configured timeout of (\d+) ms/,
    ([, milliseconds]) => `no connection came to be within ${Number(milliseconds) / 1000} s`,
  ],
  [
    /exceeded the configured (\d+) ms requestTimeout/,
    ([, milliseconds]) => `no answer came within ${Number(milliseconds) / 1000} s`,
  ],
  // OpenSSL: address:error:number:library:function:reason:file:line:more
  [/:error:[\dA-F]+:[^:]*:[^:]*:([^:]+):/, ([, reason = '']) => tlsMeaning(reason)],
  [/^socket hang up$/, 'the connection was closed'],
  [
    /disconnected before secure TLS connection was established/,
    'the connection was closed while TLS was agreed on',
  ],
];

const tlsMeanings: readonly [reason: RegExp, means: string][] = [
  [
    /wrong version number|http request|https proxy request|packet length too long|record layer failure|unknown protocol/,
    'what answers does not speak TLS; it may be plain http behind an https address',
  ],
  [
    /protocol version|unsupported protocol|version too low|no protocols available|inappropriate fallback/,
    'it takes none of the TLS versions of this computer, which are 1.2 and later',
  ],
  [
    /certificate required|bad certificate|unknown ca|certificate unknown|certificate expired|peer did not return/,
    'it asks for a certificate of this computer, or does not accept it',
  ],
  [
    /handshake failure|no shared cipher|no ciphers available|insufficient security|no suitable/,
    'it agrees with this computer on no way to encrypt, or asks for a certificate',
  ],
  [/unrecognized name/, 'it has no certificate for this name'],
];

function tlsMeaning(reason: string): string {
  const [, means] = tlsMeanings.find(([found]) => found.test(reason)) ?? [];
  return `TLS failed: ${means ?? reason.trim()}`;
}

/** What a library's message means; one that says it to everybody stays, on one line and without the library's name. */
export function plainWords(message: string): string {
  for (const [says, means] of meanings) {
    const said = says.exec(message);
    if (said) return typeof means === 'string' ? means : means(said);
  }
  return message.replace(/^@[\w-]+\/[\w-]+ - /, '').trimEnd();
}
