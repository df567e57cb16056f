import { statePlaces } from '../statePlaces.ts';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createFile } from '../createFile.ts';
import { systemCodeOf } from '../errors.ts';
import { readFileTextSync } from '../readFile.ts';
import { realPath } from '../workspaceKey.ts';
import { segmentNames } from './journal.ts';

const recentMs = 36 * 3_600_000;
const mostPathBytes = 65_536;

/**
 * State folders of this account, other than `state`, in which calls were recorded since yesterday: each is a budget of
 * its own: of `known` and those noted before. Notes `state` in `registry`, a folder that doesn't depend on TIDYLLM_HOME; a registry that can't be written
 * or read knows of nothing.
 */
export function otherHomes(
  registry: string,
  state: string,
  known: readonly string[],
  now = Date.now(),
): string[] {
  // Compared by its real path: a link to this folder is the same folder.
  const own = realPath(state);
  try {
    const entry = join(registry, createHash('sha256').update(own).digest('hex').slice(0, 32));
    // Every start runs this, and a write syncs a file.
    if (!existsSync(entry)) createFile(entry, own);
    const noted = readdirSync(registry).map((name) => homeIn(join(registry, name)));
    const homes = [...new Set([...known, ...noted])];
    return homes.filter(
      (home) => home !== '' && realPath(home) !== own && now - lastRecorded(home) < recentMs,
    );
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    return [];
  }
}

/** The state folder that an entry names; empty for what is no entry, which hides no other. */
function homeIn(entry: string): string {
  try {
    return readFileTextSync(entry, mostPathBytes);
  } catch {
    return '';
  }
}

/** When the live ledger of a state folder last grew, in milliseconds since the epoch; 0 where it has none. */
function lastRecorded(home: string): number {
  try {
    const folder = statePlaces.ledger(home, 'live');
    const last = segmentNames(folder).at(-1);
    return last === undefined ? 0 : statSync(join(folder, last)).mtimeMs;
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    return 0;
  }
}
