import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeRecord, emptyHead, type Head } from '../../src/ledger/chain.ts';
import { ChainFault } from '../../src/ledger/fault.ts';
import { segmentNames } from '../../src/ledger/journal.ts';
import { LedgerState } from '../../src/ledger/ledgerState.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import { foldedRecord } from '../../src/ledger/recordShape.ts';
import { parseCheckpoint, splitNotes } from '../../src/ledger/signing.ts';
import { isNightly, report, times } from '../support/nightly.ts';
import { writeSyntheticLedger } from '../support/syntheticLedger.ts';
import { testSeed } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary.ts';

async function linesOfLedger(records: number): Promise<{ lines: Buffer[]; directory: string }> {
  const directory = join(temporaryFolder(), 'ledger');
  await writeSyntheticLedger({ directory, records, days: 1 });
  const text = segmentNames(directory).map((name) => readFileSync(join(directory, name), 'latin1'));
  const lines = text.join('').split('\n').slice(0, records);
  return { lines: lines.map((line) => Buffer.from(line, 'latin1')), directory };
}

/** Kind of the fault that a damaged line is found by; null when it passes. */
function faultOf(ledgerId: string | null, head: Head, line: Buffer): string | null {
  try {
    decodeRecord(ledgerId, head, line);
    return null;
  } catch (error) {
    if (error instanceof ChainFault) return error.kind;
    throw error;
  }
}

it('a record with any byte changed to any other value is refused', async () => {
  const records = isNightly ? 400 : 40;
  const { lines } = await linesOfLedger(records);
  const state = new LedgerState('live');
  let mutations = 0;
  for (const [index, line] of lines.entries()) {
    const { head } = state;
    const ledgerId = index === 0 ? null : state.ledgerId;
    const changed = Buffer.from(line);
    for (let position = 0; position < line.length; position += 1) {
      const original = line[position] ?? 0;
      for (let value = 0; value < 256; value += 1) {
        if (value === original) continue;
        changed[position] = value;
        mutations += 1;
        if (faultOf(ledgerId, index === 0 ? emptyHead : head, changed) === null)
          throw new Error(`record ${index + 1}, byte ${position}: ${original} changed to ${value} passes`);
      }
      changed[position] = original;
    }
    state.take(line, index === 0);
  }
  report('every byte × 255 values', `${records} records, ${mutations} changes, all found`);
}, 600_000);

it('a verification names the line where a byte was changed', async () => {
  const { lines } = await linesOfLedger(40);
  const folder = temporaryFolder();
  const path = join(folder, '00000001.journal');
  const joined = Buffer.from(`${lines.map((line) => line.toString('latin1')).join('\n')}\n`, 'latin1');
  let start = 0;
  for (const [index, line] of lines.entries()) {
    // The first and last byte of the hash and of the body, and the end of the line.
    for (const position of [0, 63, 64, 65, line.length - 1, line.length]) {
      const changed = Buffer.from(joined);
      changed[start + position] = (changed[start + position] ?? 0) ^ 1;
      writeFileSync(path, changed);
      expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({
        ok: false,
        firstFault: { segment: '00000001.journal', line: index + 1, sequence: index + 1 },
      });
    }
    start += line.length + 1;
  }
});

it('any line that is removed, swapped, doubled or put elsewhere is found at its place', async () => {
  const { lines } = await linesOfLedger(40);
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  const path = join(folder, '00000001.journal');
  const check = async (changed: Buffer[], line: number): Promise<void> => {
    writeFileSync(path, Buffer.concat(changed.flatMap((one) => [one, Buffer.of(0x0a)])));
    expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({
      ok: false,
      firstFault: { line },
    });
  };
  for (let index = 0; index < lines.length - 1; index += 1) {
    await check(lines.toSpliced(index, 1), index + 1);
    await check(lines.toSpliced(index, 2, ...lines.slice(index, index + 2).reverse()), index + 1);
    await check(lines.toSpliced(index + 1, 0, ...lines.slice(index, index + 1)), index + 2);
  }
});

it('what the reader accepts is canonical, and all else is refused as a fault, never as a crash', () => {
  const seed = testSeed();
  const runs = times(100_000, 10_000_000);
  const samples = [
    '{"call_id":"a","kind":"DISPATCH","seq":1,"time":"2026-01-01T00:00:00.000Z","v":1}',
    '{"bytes":1,"call_id":null,"kind":"recovery","quarantine":"q","seq":2,"sha256":"' +
      `${'0'.repeat(64)}","time":"2026-01-01T00:00:00.000Z","v":1}`,
    '{"call_id":"a","day":"2026-01-01","error_code":null,"kind":"VOID","opening_hash":"' +
      `${'a'.repeat(64)}","outcome":"failed","processing_time_ms":12,"seq":3,"time":"2026-01-01T00:00:00.000Z","v":1}`,
    '{"call_id":"a","data":{"a":[1,"b",{"kind":"DISPATCH"}],"c":null},"kind":"note","seq":4,' +
      '"time":"2026-01-01T00:00:00.000Z","topic":"request.content","v":1}',
  ];
  const pieces = [
    '"',
    '\\',
    '\\u0041',
    '{',
    '}',
    ':',
    ',',
    '1',
    '-0',
    '1e3',
    'null',
    ' ',
    '\u2028',
    '\ud800',
    '"v":1,',
    'é',
  ];
  const edit = fc.record({
    at: fc.nat(400),
    remove: fc.nat(3),
    insert: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })),
  });
  let accepted = 0;
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.array(edit, { maxLength: 3 }), (sample, edits) => {
      const text = edits.reduce((current, { at, remove, insert }) => {
        const position = at % (current.length + 1);
        return current.slice(0, position) + insert + current.slice(position + remove);
      }, sample);
      // What is stored is UTF-8, so a lone surrogate is no character of it.
      const stored = Buffer.from(text, 'utf8').toString('utf8');
      try {
        foldedRecord(stored);
      } catch (error) {
        if (error instanceof ChainFault) return true;
        throw error;
      }
      accepted += 1;
      return canonicalize(JSON.parse(stored)) === stored;
    }),
    { seed, numRuns: Math.round(runs * 0.9) },
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (note, bytes) => {
      for (const found of splitNotes(note)) parseCheckpoint(found);
      parseCheckpoint(note);
      return faultOf('0'.repeat(32), emptyHead, Buffer.from(bytes)) !== null;
    }),
    { seed, numRuns: Math.round(runs * 0.1) },
  );
  report('parser fuzz', `${runs} inputs, ${accepted} of them records, seed ${seed}`);
  expect(accepted).toBeGreaterThan(0);
}, 3_600_000);
