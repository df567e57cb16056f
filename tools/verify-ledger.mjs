#!/usr/bin/env node
// Verifies a TidyLLM ledger on its own: node verify-ledger.mjs FOLDER [CHECKPOINTS]
// FOLDER holds the *.journal files; CHECKPOINTS is a file of signed checkpoints that were kept elsewhere.
// Each line is `hash SP body LF`, hash = SHA-256(0x00 ‖ ledger id ‖ previous hash ‖ body). The hashes are the
// leaves of an RFC 6962 tree; checkpoints are C2SP signed notes of its root. Checked are the chain, the
// sequence and times, every key, checkpoint and signed change of a cap, and that endings have reservations; the
// money is added up by day. Whether each reservation was below its caps, and each record in canonical form, is
// what `tidyllm audit verify` checks besides. No dependencies.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder = '.', anchorFile] = process.argv.slice(2);
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const zero = Buffer.alloc(32);
const keys = new Map();
const days = new Map();
const open = new Map();
/** Runs of FLOW agreements: what they still hold, and what their calls cost. */
const runs = new Map();
/** Roots of complete subtrees with their sizes, largest first. */
let tree = [];
let [ledger, previous, sequence, records, fitting, time] = [null, zero, 0, 0, 0, ''];
let [firstSegment, place] = [1, folder];
const kinds = [
  ...['header', 'key', 'RESERVE', 'DISPATCH', 'SETTLE', 'VOID', 'EXPIRED_CHARGED', 'REFUSE', 'OVERRUN'],
  ...['acknowledgement', 'policy_change', 'ADJUST', 'clock_anomaly', 'tombstone', 'retention', 'recovery'],
  ...['flow_start', 'flow_end'],
];

const parent = (left, right) => sha256(Buffer.of(1), left, right);
function addLeaf(root, size = 1) {
  const last = tree.at(-1);
  if (last?.size !== size) tree.push({ root, size });
  else addLeaf(parent(tree.pop().root, root), size * 2);
}
const treeRoot = () => tree.map(({ root }) => root).reduceRight((right, left) => parent(left, right));

/** Words of the ledger in one line, as a terminal may show them: what it would act on or hide is named. */
const hidden = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/gu;
const shown = (text) => text.replace(hidden, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);

function must(holds, what) {
  if (!holds) throw new Error(`${place}: ${what}`);
}
function isSigned(publicKey, text, signature) {
  const x = Buffer.from(publicKey, 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, Buffer.from(text), key, signature);
}
const parseNote = (note) => {
  const [text, signatures] = [note.slice(0, note.indexOf('\n\n') + 1), note.split('\n\n')[1] ?? ''];
  const [origin, size, root] = text.split('\n');
  const blob = Buffer.from(signatures.split(' ')[2] ?? '', 'base64');
  return {
    text,
    origin,
    size: Number(size),
    root,
    keyId: blob.toString('hex', 0, 4),
    signature: blob.subarray(4),
  };
};
function checkNote({ text, origin, root, size, keyId, signature }) {
  must(origin === `tidyllm/ledger/${ledger.toString('hex')}`, 'the checkpoint is of another ledger');
  must(
    size === sequence && root === treeRoot().toString('base64'),
    `the checkpoint at ${size} is of other records`,
  );
  must(
    keys.has(keyId) && isSigned(keys.get(keyId), text, signature),
    `no key signed the checkpoint at ${size}`,
  );
}
const note = /^tidyllm\/ledger\/.*\n.*\n.*\n\n(?:\u2014 .*\n?)+/gm;
const anchorText = anchorFile ? readFileSync(anchorFile, 'utf8').replaceAll('\r\n', '\n') : '';
const anchors = (anchorText.match(note) ?? []).map(parseNote);

const day = (name) => days.get(name) ?? days.set(name, { spent: 0n, reserved: 0n }).get(name);
function give(run, amount) {
  run.left += amount;
  day(run.day).reserved += amount;
}
function take(record, hash) {
  if (record.kind === 'key') {
    keys.set(record.key_id, record.public_key);
    const text = `tidyllm/ledger/${ledger.toString('hex')}\nenrols key ${record.key_id}\n`;
    must(isSigned(record.public_key, text, Buffer.from(record.proof, 'base64')), 'a key without proof');
    if (record.replaces) keys.delete(record.replaces);
  } else if (record.kind === 'policy_change') {
    const { v, seq, time, kind, call_id, signature, ...change } = record;
    const fields = JSON.stringify(change, Object.keys(change).sort());
    const text = `tidyllm/ledger/${ledger.toString('hex')}\npolicy_change ${fields}\n`;
    const key = keys.get(record.key_id);
    must(
      key && isSigned(key, text, Buffer.from(signature, 'base64')),
      'a cap was changed without a signature',
    );
  } else if (record.kind === 'flow_start') {
    const run = { day: record.day, left: 0n, spent: 0n, calls: 0, agreement: record.agreement, hash };
    runs.set(record.run_id, run);
    give(run, BigInt(record.reserved_micro_usd));
  } else if (record.kind === 'flow_end') {
    const run = runs.get(record.run_id);
    must(run?.hash === record.opening_hash, 'a run ends that was not started');
    must(`${run.spent}` === record.cost_micro_usd, 'a run cost something else than its calls');
    must(run.calls === record.calls, 'a run made other calls than it says');
    const failed = record.execution_mode === 'failed';
    must(failed === (record.outcome !== 'success'), 'the outcome of a run does not fit its mode');
    give(run, -run.left);
    runs.delete(record.run_id);
  } else if (record.kind === 'RESERVE') {
    must(!open.has(record.call_id), 'a call is reserved twice');
    const amount = BigInt(record.reserved_micro_usd);
    const run = record.flow && runs.get(record.flow.run_id);
    must(!record.flow || run?.left >= amount, 'a call reserves more than its run holds');
    must(!run || run.agreement === record.flow.agreement, 'a call names another agreement than its run');
    if (run) give(run, -amount);
    open.set(record.call_id, { day: record.day, amount, hash, run });
    day(record.day).reserved += amount;
  } else if (['SETTLE', 'VOID', 'EXPIRED_CHARGED'].includes(record.kind)) {
    const call = open.get(record.call_id);
    must(call?.hash === record.opening_hash && call.day === record.day, 'an ending without its reservation');
    open.delete(record.call_id);
    day(call.day).reserved -= call.amount;
    must(/^\d+$/.test(record.cost_micro_usd ?? '0'), 'a cost that is none');
    const cost = BigInt(record.cost_micro_usd ?? '0');
    day(call.day).spent += cost;
    if (!call.run) return;
    call.run.spent += cost;
    call.run.calls += 1;
    give(call.run, call.amount - cost < -call.run.left ? -call.run.left : call.amount - cost);
  } else if (record.kind === 'retention') firstSegment = record.first_segment;
  else if (record.kind === 'ADJUST') day(record.day).spent += BigInt(record.difference_micro_usd);
}

/** A ledger whose oldest segments were dropped begins with what the first header that is left carries. */
function restore({ seq, prev, carried }) {
  [sequence, previous, firstSegment] = [seq - 1, Buffer.from(prev, 'hex'), carried.first_segment];
  for (const { day, spent_micro_usd } of carried.days)
    days.set(day, { spent: BigInt(spent_micro_usd), reserved: 0n });
  for (const { key_id, public_key } of carried.enrolled) if (public_key) keys.set(key_id, public_key);
  for (const { run_id, opening_hash, left_micro_usd, spent_micro_usd, ...rest } of carried.runs ?? []) {
    const run = { ...rest, left: 0n, spent: BigInt(spent_micro_usd), hash: opening_hash };
    runs.set(run_id, run);
    give(run, BigInt(left_micro_usd));
  }
  for (const { call_id, opening_hash, day, reserved_micro_usd, run_id } of carried.open) {
    const amount = BigInt(reserved_micro_usd);
    days.get(day).reserved += amount;
    open.set(call_id, { day, amount, hash: opening_hash, run: runs.get(run_id) });
  }
  const sizes = [...(seq - 1).toString(2)]
    .map((bit, index, all) => Number(bit) * 2 ** (all.length - 1 - index))
    .filter(Boolean);
  tree = sizes.map((size, index) => ({ size, root: Buffer.from(carried.tree[index], 'hex') }));
}

try {
  const segments = readdirSync(folder)
    .filter((name) => /^\d{8}\.journal$/.test(name))
    .sort();
  must(segments.length > 0, 'there is no journal here');
  for (const [index, segment] of segments.entries()) {
    const bytes = readFileSync(join(folder, segment));
    for (let [line, start, end] = [1, 0, 0]; start < bytes.length; line += 1, start = end + 1) {
      place = `${segment}:${line}`;
      end = bytes.indexOf(0x0a, start);
      must(end > start + 65, 'the last record is cut short, or the line is empty');
      const stored = bytes.toString('latin1', start, start + 65);
      const body = bytes.subarray(start + 65, end);
      const record = JSON.parse(body.toString());
      must((line === 1) === (record.kind === 'header'), 'a header is missing or stands inside');
      must(record.v === 1 && kinds.includes(record.kind), 'a record of another version');
      must(record.time >= time, 'the time goes back');
      if (line === 1) {
        ledger ??= Buffer.from(record.ledger_id.replaceAll('-', ''), 'hex');
        must(
          index === 0 || Number.parseInt(segments[index - 1]) === record.segment - 1,
          'a segment is missing',
        );
        if (index === 0 && record.segment > 1) restore(record);
        must(
          record.ledger_id.replaceAll('-', '') === ledger.toString('hex'),
          'the header is of another ledger',
        );
        must(record.prev === previous.toString('hex'), 'the header does not name the hash it follows');
        must(record.segment === 1 || record.checkpoint, 'the header has no checkpoint');
        if (record.segment > 1) {
          const roots = tree.map(({ root }) => root.toString('hex'));
          must(record.carried.tree.join() === roots.join(), 'the header carries another tree');
          for (const { day, spent_micro_usd } of record.carried.days)
            must(BigInt(spent_micro_usd) === (days.get(day)?.spent ?? 0n), 'the header carries other money');
          checkNote(parseNote(record.checkpoint));
        }
      }
      const hash = sha256(Buffer.of(0), ledger, previous, body);
      must(stored === `${hash.toString('hex')} `, 'the record was changed, or one before it removed');
      must(record.seq === sequence + 1, 'a record is missing');
      [previous, sequence, time] = [hash, record.seq, record.time];
      records += 1;
      addLeaf(hash);
      take(record, hash.toString('hex'));
      for (const anchor of anchors.filter(({ size }) => size === sequence)) {
        checkNote(anchor);
        fitting += 1;
      }
    }
  }
  must(Number.parseInt(segments[0]) <= firstSegment, `segment ${firstSegment} is missing`);
  const missing = anchors.find(({ size }) => size > sequence);
  must(!missing, `record ${missing?.size} was anchored, but the ledger ends at ${sequence}`);
  must(!anchorFile || fitting > 0, 'no checkpoint of the file could be compared with this ledger');
  console.log(
    `${records} records intact, head #${sequence} ${previous.toString('hex')}, ${fitting} anchors fit`,
  );
  for (const [name, { spent, reserved }] of days)
    console.log(`${shown(name)}: ${spent} micro-USD spent, ${reserved} reserved`);
} catch (error) {
  console.error(`DAMAGED ${shown(error.message)}`);
  process.exitCode = 1;
}
