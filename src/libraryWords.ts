/** Technical messages of libraries with their plain meaning; the more specific first. */
const meanings: readonly [says: RegExp, means: string | ((said: RegExpExecArray) => string)][] = [
  [
    /\{error\}\.\$response|Deserialization error/,
    'the answer is not in the format of AWS; it may come from a proxy or another server',
  ],
  [
    /did not establish a connection with the server within the configured timeout of (\d+) ms/,
    ([, milliseconds]) => `no connection was established within ${Number(milliseconds) / 1000} s`,
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
    'the connection was closed during the TLS handshake',
  ],
];

const tlsMeanings: readonly [reason: RegExp, means: string][] = [
  [
    /wrong version number|http request|https proxy request|packet length too long|record layer failure|unknown protocol/,
    'the server does not use TLS; it may be plain http behind an https address',
  ],
  [
    /protocol version|unsupported protocol|version too low|no protocols available|inappropriate fallback/,
    'it supports none of the TLS versions of this computer, which are 1.2 and later',
  ],
  [
    /certificate required|bad certificate|unknown ca|certificate unknown|certificate expired|peer did not return/,
    'it requires a client certificate, or does not accept it',
  ],
  [
    /handshake failure|no shared cipher|no ciphers available|insufficient security|no suitable/,
    'it has no cipher in common with this computer, or requires a client certificate',
  ],
  [/unrecognized name/, 'it has no certificate for this name'],
];

function tlsMeaning(reason: string): string {
  const [, means] = tlsMeanings.find(([found]) => found.test(reason)) ?? [];
  return `TLS failed: ${means ?? reason.trim()}`;
}

/** The plain meaning of a library's message; a clear message stays, on one line and without the library's name. */
export function plainWords(message: string): string {
  for (const [says, means] of meanings) {
    const said = says.exec(message);
    if (said) return typeof means === 'string' ? means : means(said);
  }
  return message.replace(/^@[\w-]+\/[\w-]+ - /, '').trimEnd();
}
