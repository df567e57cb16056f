import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { closeLedger } from './closure.ts';
import { ChainFault } from './fault.ts';
import { JournalDamaged } from './journal.ts';
import { damageError } from './readJournal.ts';

/** An error of a ledger's files, for people. Damage seen under the lock closes the ledger. */
export function asLedgerError(directory: string, error: unknown): GatewayError {
  if (GatewayError.is(error)) return error;
  if (error instanceof JournalDamaged) {
    // Seen under the lock, so it was no half write.
    closeLedger(directory, error.fault, true);
    return damageError(directory, error.fault);
  }
  if (error instanceof ChainFault) {
    return new GatewayError('ledger_damaged', `A record can't be written: ${error.message}.`, {
      cause: error,
    });
  }
  const [what, hint] = systemFailureOf(error);
  return new GatewayError('ledger_unavailable', `The ledger in ${directory} can't be written: ${what}.`, {
    hint: `${hint} No call is made without its record.`,
    cause: error,
  });
}

/** What a system error means, and how to fix it. */
export function systemFailureOf(error: unknown): [what: string, hint: string] {
  return systemFailures[systemCodeOf(error) ?? ''] ?? [messageOf(error), 'See the output for details.'];
}

const systemFailures: Readonly<Record<string, [what: string, hint: string]>> = {
  ENOSPC: ['the disk is full', 'Free some space and try again; nothing recorded is lost.'],
  EDQUOT: ['the disk quota is used up', 'Free some space and try again; nothing recorded is lost.'],
  EACCES: [
    'permission denied',
    'Give this user read and write access to the folder, or set TIDYLLM_HOME to another.',
  ],
  EPERM: [
    'permission denied',
    'Give this user read and write access to the folder, or set TIDYLLM_HOME to another.',
  ],
  EROFS: ['the file system is read-only', 'Set TIDYLLM_HOME to a folder that can be written.'],
  ENOENT: ['the folder is missing', 'Put the folder back, or set TIDYLLM_HOME to another.'],
  EEXIST: ['a file is in place of a folder', 'Move the file away.'],
  ENOTDIR: ['a part of the path is not a folder', 'Set TIDYLLM_HOME to a folder that can be written.'],
  EMFILE: ['too many files are open', 'Close some windows and try again.'],
  EIO: ['the disk reports an error', 'Check the disk; nothing recorded is lost.'],
  ERR_SQLITE_ERROR: [
    'its lock file can’t be opened',
    'Check that the folder exists and that this user can write to it.',
  ],
};
