import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import canonicalize from 'canonicalize';
import type { PolicyChangeRecord } from './records.ts';

/** Signature type of Ed25519 in C2SP signed notes. */
const ed25519 = 0x01;

/** Name of a ledger as a transparency log; its keys bear the same name. */
export function originOf(ledgerId: string): string {
  return `tidyllm/ledger/${ledgerId}`;
}

/**
 * First four bytes of SHA-256(name ‖ LF ‖ 0x01 ‖ public key), lower-case hex: the key id of C2SP signed
 * notes (https://c2sp.org/signed-note). `publicKey` is base64 of the 32 raw bytes.
 */
export function keyIdOf(ledgerId: string, publicKey: string): string {
  return createHash('sha256')
    .update(`${originOf(ledgerId)}\n`)
    .update(Buffer.of(ed25519))
    .update(publicKey, 'base64')
    .digest('hex')
    .slice(0, 8);
}

/** An installation's Ed25519 key: signs checkpoints and changes of policy. */
export class Signer {
  /** Base64 of the 32 raw bytes. */
  readonly publicKey: string;
  readonly #privateKey: KeyObject;

  /** `pem` as `toPem` gives it. Throws when it is not an Ed25519 private key. */
  constructor(pem: string) {
    this.#privateKey = createPrivateKey(pem);
    if (this.#privateKey.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 private key');
    const { x } = createPublicKey(this.#privateKey).export({ format: 'jwk' });
    this.publicKey = Buffer.from(x ?? '', 'base64url').toString('base64');
  }

  static generate(): Signer {
    const { privateKey } = generateKeyPairSync('ed25519');
    return new Signer(pemOf(privateKey));
  }

  toPem(): string {
    return pemOf(this.#privateKey);
  }

  /** Base64 of the signature of a text's UTF-8 bytes. */
  sign(text: string): string {
    return sign(null, Buffer.from(text, 'utf8'), this.#privateKey).toString('base64');
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Whether `signature` (base64) is that of `text` by the key (base64 of 32 raw bytes). */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  const x = Buffer.from(publicKey, 'base64').toString('base64url');
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return verify(null, Buffer.from(text, 'utf8'), key, Buffer.from(signature, 'base64'));
  } catch {
    // Not a point on the curve, or not a key at all.
    return false;
  }
}

/** What a key signs when it is enrolled, and what the key it follows signs. */
export function enrolmentText(ledgerId: string, keyId: string): string {
  return `${originOf(ledgerId)}\nenrols key ${keyId}\n`;
}

/** What is signed of a change of policy: the ledger, and the record's own fields. */
export function policyText(
  ledgerId: string,
  change: Omit<PolicyChangeRecord, 'v' | 'seq' | 'time' | 'signature' | 'kind' | 'call_id'>,
): string {
  const { scope, key, day, from_micro_usd, to_micro_usd, user_id, reason, key_id } = change;
  const fields = { scope, key, day, from_micro_usd, to_micro_usd, user_id, reason, key_id };
  return `${originOf(ledgerId)}\npolicy_change ${canonicalize(fields) ?? ''}\n`;
}

/** A ledger's size and tree root at one moment. */
export interface Checkpoint {
  /** Sequence number of the last record. */
  size: number;
  /** RFC 6962 root over all records' hashes, lower-case hex. */
  root: string;
}

export interface SignedCheckpoint extends Checkpoint {
  ledgerId: string;
  /** The part that is signed. */
  text: string;
  signatures: { keyId: string; signature: string }[];
}

/** A checkpoint as a C2SP signed note (https://c2sp.org/tlog-checkpoint). */
export function signCheckpoint(ledgerId: string, { size, root }: Checkpoint, signer: Signer): string {
  const origin = originOf(ledgerId);
  const text = `${origin}\n${size}\n${Buffer.from(root, 'hex').toString('base64')}\n`;
  const keyId = Buffer.from(keyIdOf(ledgerId, signer.publicKey), 'hex');
  const signature = Buffer.concat([keyId, Buffer.from(signer.sign(text), 'base64')]);
  return `${text}\n\u2014 ${origin} ${signature.toString('base64')}\n`;
}

/**
 * The signed notes in a text that has them one after another, perhaps with blank lines between, or in a
 * document of `tidyllm audit head --json`.
 */
export function splitNotes(text: string): string[] {
  const note = /^tidyllm\/ledger\/[^\n]*\n[^\n]*\n[^\n]*\n\n(?:\u2014 [^\n]*(?:\n|$))+/gmu;
  return (noteText(text).match(note) ?? []).map((found) => (found.endsWith('\n') ? found : `${found}\n`));
}

function noteText(text: string): string {
  const lines = text.replaceAll('\r\n', '\n');
  if (!lines.trimStart().startsWith('{')) return lines;
  try {
    const { checkpoint } = JSON.parse(lines) as { checkpoint?: unknown };
    return typeof checkpoint === 'string' ? checkpoint : '';
  } catch {
    return '';
  }
}

const checkpointForm = /^tidyllm\/ledger\/([0-9a-f]{32})\n(0|[1-9]\d{0,14})\n([A-Za-z0-9+/]{43}=)\n$/;

/** Takes a signed note apart without checking its signatures; null when it is not a checkpoint of ours. */
export function parseCheckpoint(note: string): SignedCheckpoint | null {
  const end = note.indexOf('\n\n');
  const text = note.slice(0, end + 1);
  const [, ledgerId, size, root] = checkpointForm.exec(text) ?? [];
  if (ledgerId === undefined || size === undefined || root === undefined) return null;
  const signatures = note
    .slice(end + 2)
    .split('\n')
    .flatMap((line) => {
      const [dash, name, blob] = line.split(' ');
      if (dash !== '\u2014' || name !== originOf(ledgerId) || blob === undefined) return [];
      const bytes = Buffer.from(blob, 'base64');
      const signature = bytes.subarray(4).toString('base64');
      return [{ keyId: bytes.toString('hex', 0, 4), signature }];
    });
  return {
    ledgerId,
    text,
    size: Number(size),
    root: Buffer.from(root, 'base64').toString('hex'),
    signatures,
  };
}
