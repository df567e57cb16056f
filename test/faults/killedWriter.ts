/**
 * A process that reserves and settles until it kills itself with SIGKILL at one moment of a write: before it,
 * after it, after the sync, or while it holds the lock and plans. Prints each receipt: `done SEQUENCE HASH`.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { MOMENT: moment, SKIP: skip, DIRECTORY: directory, SIGNING_KEY: key } = process.env;
let left = Number(skip);

function dieAt(here: string): void {
  if (here !== moment) return;
  if (left > 0) {
    left -= 1;
    return;
  }
  process.kill(process.pid, 'SIGKILL');
}

const real = { writeSync: fs.writeSync, fdatasync: fs.fdatasync };
Object.assign(fs, {
  writeSync: (...parameters: Parameters<typeof fs.writeSync>): number => {
    dieAt('before the write');
    const written = real.writeSync(...parameters);
    dieAt('after the write');
    return written;
  },
  fdatasync: (descriptor: number, done: (error: Error | null) => void): void => {
    real.fdatasync(descriptor, (error) => {
      dieAt('after the sync');
      done(error);
    });
  },
});
syncBuiltinESMExports();

const { Ledger } = await import('../../src/ledger/ledger.ts');
const { Signer } = await import('../../src/ledger/signing.ts');
const { capsOf, reserveInput, settleInput } = await import('../support/inputs.ts');
const signer = new Signer(key ?? '');
const ledger = new Ledger({
  directory: directory ?? '',
  mode: 'live',
  user: 'ada',
  timeZone: 'UTC',
  capOf: capsOf(10n ** 15n),
  retentionDays: 400,
  signingKeys: {
    load: () => Promise.resolve(signer),
    prepare: () => Promise.resolve(),
    replace: () => Promise.resolve(),
    others: () => Promise.resolve([]),
  },
  now: () => {
    dieAt('while planning under the lock');
    return Date.now();
  },
});
for (let call = 0; ; call += 1) {
  const id = `${process.pid}-${call}`;
  const reserved = await ledger.reserve(id, reserveInput(100n));
  process.stdout.write(`done ${reserved.receipt.sequence} ${reserved.receipt.hash}\n`);
  const settled = await ledger.settle(id, settleInput(60n));
  process.stdout.write(`done ${settled.sequence} ${settled.hash}\n`);
}
