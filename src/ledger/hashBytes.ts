const bytes = Buffer.alloc(32);
let last = '';

/**
 * The 32 bytes of a hash in lower-case hex, until the next call. The last is remembered: each record's hash goes
 * into the tree and into the next record's.
 */
export function hashBytes(hash: string): Buffer {
  if (hash !== last) {
    bytes.write(hash, 'hex');
    last = hash;
  }
  return bytes;
}
