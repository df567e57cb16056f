import { createHash } from 'node:crypto';
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import { MerkleTree } from '../../../src/ledger/merkleTree.ts';
import {
  isSignedBy,
  keyIdOf,
  parseCheckpoint,
  signCheckpoint,
  Signer,
  splitNotes,
} from '../../../src/ledger/signing.ts';
import { signingKeyFile } from '../../../src/ledger/signingKey.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const ledgerId = '00112233445566778899aabbccddeeff';
/** The private key of RFC 8032, section 7.1, test 1, as PKCS #8. */
const rfc8032 = `-----BEGIN PRIVATE KEY-----
${Buffer.from('302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex').toString('base64')}
-----END PRIVATE KEY-----
`;

/** RFC 6962, section 2.1, word for word: recursive, over leaf hashes. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return createHash('sha256').digest();
  if (leaves.length === 1) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return createHash('sha256')
    .update(Buffer.of(1))
    .update(rootOf(leaves.slice(0, split)))
    .update(rootOf(leaves.slice(split)))
    .digest();
}

it('the tree’s root is that of RFC 6962 for every number of leaves, also when it is taken up half way', () => {
  const leaves = Array.from({ length: 70 }, (_, index) => createHash('sha256').update(`${index}`).digest());
  let tree = new MerkleTree();
  expect(tree.root()).toBe(rootOf([]).toString('hex'));
  for (const [index, leaf] of leaves.entries()) {
    tree.add(leaf.toString('hex'));
    expect(tree.root()).toBe(rootOf(leaves.slice(0, index + 1)).toString('hex'));
    tree = new MerkleTree(index + 1, tree.subtrees);
  }
});

describe('a signature', () => {
  it('is that of RFC 8032', () => {
    const signer = new Signer(rfc8032);
    expect(Buffer.from(signer.publicKey, 'base64').toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
    expect(Buffer.from(signer.sign(''), 'base64').toString('hex')).toMatch(
      /^e5564300c360ac729086e2cc806e828a/,
    );
  });

  it('is refused for another text, by another key, or when it is none', () => {
    const [one, two] = [Signer.generate(), Signer.generate()];
    expect(isSignedBy(one.publicKey, 'text', one.sign('text'))).toBe(true);
    expect(isSignedBy(one.publicKey, 'texts', one.sign('text'))).toBe(false);
    expect(isSignedBy(two.publicKey, 'text', one.sign('text'))).toBe(false);
    expect(isSignedBy('AAAA', 'text', 'AAAA')).toBe(false);
  });
});

describe('a checkpoint', () => {
  const signer = new Signer(rfc8032);
  const checkpoint = { size: 42, root: 'ab'.repeat(32) };

  it('is a C2SP signed note: origin, size, root, and the signature behind its key’s id', () => {
    const note = signCheckpoint(ledgerId, checkpoint, signer);
    const [origin, size, root, blank, signature, end] = note.split('\n');
    expect([origin, size, blank, end]).toEqual([`tidyllm/ledger/${ledgerId}`, '42', '', '']);
    expect(Buffer.from(root ?? '', 'base64').toString('hex')).toBe(checkpoint.root);
    const [dash, name, blob] = signature?.split(' ') ?? [];
    expect([dash, name]).toEqual(['\u2014', origin]);
    const bytes = Buffer.from(blob ?? '', 'base64');
    const id = createHash('sha256')
      .update(`${origin}\n\u0001`)
      .update(Buffer.from(signer.publicKey, 'base64'))
      .digest()
      .subarray(0, 4);
    expect(bytes.subarray(0, 4).equals(id)).toBe(true);
    expect(bytes).toHaveLength(68);
    expect(keyIdOf(ledgerId, signer.publicKey)).toBe(id.toString('hex'));
  });

  it('reads back, and a text that is none is null', () => {
    const note = signCheckpoint(ledgerId, checkpoint, signer);
    const parsed = parseCheckpoint(note);
    expect(parsed).toMatchObject({ ...checkpoint, ledgerId });
    expect(isSignedBy(signer.publicKey, parsed?.text ?? '', parsed?.signatures[0]?.signature ?? '')).toBe(
      true,
    );
    for (const text of ['', 'hello', note.replace('42', '042'), note.replace('tidyllm', 'other')])
      expect(parseCheckpoint(text)).toBeNull();
  });

  it('is found among others in a file, with blank lines between', () => {
    const notes = [1, 2, 3].map((size) => signCheckpoint(ledgerId, { ...checkpoint, size }, signer));
    expect(splitNotes(notes.join('\n\n'))).toEqual(notes);
    expect(splitNotes(`\n${notes.join('')}`)).toEqual(notes);
    expect(splitNotes((notes[0] ?? '').trimEnd())).toEqual(notes.slice(0, 1));
    expect(splitNotes(notes.join('\n').replaceAll('\n', '\r\n'))).toEqual(notes);
    expect(splitNotes(JSON.stringify({ sequence: 1, checkpoint: notes[0] }))).toEqual(notes.slice(0, 1));
    expect(splitNotes('{"no": "checkpoint"}')).toEqual([]);
  });
});

describe('the command’s signing key', () => {
  it('is made once, for this user only, and stays', async () => {
    const folder = temporaryFolder();
    const first = await signingKeyFile(folder).load();
    expect((await signingKeyFile(folder).load()).publicKey).toBe(first.publicKey);
    expect(statSync(join(folder, 'signing.pem')).mode & 0o777).toBe(0o600);
    const next = Signer.generate();
    await signingKeyFile(folder).replace(next);
    expect((await signingKeyFile(folder).load()).publicKey).toBe(next.publicKey);
    expect(existsSync(join(folder, 'signing.pem.next'))).toBe(false);
  });

  it('that is damaged is named with a way out, and not replaced', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'signing.pem'), 'nonsense');
    const error = await signingKeyFile(folder)
      .load()
      .catch((thrown: unknown) => thrown);
    expect(GatewayError.is(error, 'ledger_unavailable')).toBe(true);
    expect(String(error)).toContain('signing.pem');
  });

  it('has one winner when two processes make it at once', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o700);
    const stores = Array.from({ length: 5 }, () => signingKeyFile(folder));
    const keys = await Promise.all(stores.map((store) => store.load()));
    expect(new Set(keys.map(({ publicKey }) => publicKey)).size).toBe(1);
  });
});
