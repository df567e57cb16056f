import { statSync } from 'node:fs';
import { systemCodeOf } from './errors.ts';

/** A stamp that changes whenever the file or folder at a path is written, replaced or removed. */
export function changeStamp(path: string): string {
  try {
    const found = statSync(path, { throwIfNoEntry: false, bigint: true });
    return found ? `${found.mtimeNs}:${found.size}:${found.ino}` : '-';
  } catch (error) {
    return systemCodeOf(error) ?? '?';
  }
}
