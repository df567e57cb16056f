import { readFileSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { GatewayError } from '../errors.ts';

/** Network file systems: a lock of one machine isn't seen by another. */
const sharedFileSystems =
  /^(nfs\d*|cifs|smb\d*|smbfs|9p|afs|ncpfs|ceph|lustre|glusterfs|gpfs|beegfs|vboxsf|prl_fs|fuse\.(sshfs|rclone|s3fs|gcsfuse|davfs2|glusterfs|ceph|smbnetfs|curlftpfs|vmhgfs-fuse))$/;

/** Refuses a folder on a network drive, where the ledger's lock would not hold. Throws `ledger_unavailable`. */
export function requireLocalDisk(directory: string): void {
  const path = resolve(directory);
  const fileSystem = /^[\\/]{2}[^\\/]/.test(directory)
    ? 'a network share'
    : process.platform === 'linux'
      ? fileSystemOf(existing(path), readFileSync('/proc/self/mountinfo', 'utf8'))
      : '';
  if (fileSystem !== 'a network share' && !sharedFileSystems.test(fileSystem)) return;
  throw new GatewayError(
    'ledger_unavailable',
    `The ledger can't be kept in ${directory}: it is on ${fileSystem}, where locks between machines don't hold.`,
    { hint: 'Set TIDYLLM_HOME to a folder on a local disk. Each machine keeps a ledger of its own.' },
  );
}

/** The type of the file system a path is on, from the text of /proc/self/mountinfo (proc(5)); empty when unknown. */
export function fileSystemOf(path: string, mountInfo: string): string {
  let longest = '';
  let type = '';
  for (const line of mountInfo.split('\n')) {
    const [mount = '', source = ''] = line.split(' - ');
    const point = (mount.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds = path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`);
    // A later mount hides an earlier one at the same point.
    if (!holds || point.length < longest.length) continue;
    longest = point;
    type = source.split(' ')[0] ?? '';
  }
  return type;
}

/** The real path of the nearest folder that is there. */
function existing(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = resolve(path, '..');
    return parent === path ? path : existing(parent);
  }
}
