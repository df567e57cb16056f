import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import { ledgerIdHex, recordHash } from '../../src/ledger/chain.ts';
import { segmentNames } from '../../src/ledger/journal.ts';

/** A record as somebody may have made it who doesn't keep to what a record is. */
export type AnyRecord = Record<string, unknown>;

/** Writes a record of a ledger anew, from 1, and all hashes behind it, so that the chain holds. */
export function rewriteRecord(
  folder: string,
  sequence: number,
  change: (record: AnyRecord) => AnyRecord,
): void {
  let previous = '0'.repeat(64);
  let ledgerId = '';
  let at = 0;
  for (const name of segmentNames(folder)) {
    const path = join(folder, name);
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    const written = lines.map((line) => {
      at += 1;
      const record = JSON.parse(line.slice(65)) as AnyRecord;
      if (typeof record['ledger_id'] === 'string') ledgerId ||= ledgerIdHex(record['ledger_id']);
      const body = canonicalize(at === sequence ? change(record) : record) ?? '';
      previous = recordHash(ledgerId, previous, Buffer.from(body));
      return `${previous} ${body}\n`;
    });
    writeFileSync(path, written.join(''));
  }
}
