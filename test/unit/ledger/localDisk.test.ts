import { expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import { fileSystemOf, requireLocalDisk } from '../../../src/ledger/localDisk.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const mountInfo = [
  '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
  '40 22 0:45 / /home/ada/work rw - nfs4 server:/export rw,vers=4.2',
  '41 22 0:46 / /mnt/with\\040space rw - cifs //server/share rw',
  '42 40 8:2 / /home/ada/work/local rw - xfs /dev/sdb1 rw',
  '43 22 0:47 / /mnt/c rw - 9p C:\\134 rw,trans=fd',
  '44 22 0:48 / /mnt/sshfs rw shared:2 master:3 - fuse.sshfs ada@host:/ rw',
].join('\n');

it.each([
  ['/var/lib/tidyllm', 'ext4'],
  ['/home/ada', 'ext4'],
  ['/home/ada/work', 'nfs4'],
  ['/home/ada/work/ledger', 'nfs4'],
  ['/home/ada/workshop', 'ext4'],
  ['/home/ada/work/local/ledger', 'xfs'],
  ['/mnt/with space/ledger', 'cifs'],
  ['/mnt/c/Users/ada', '9p'],
  ['/mnt/sshfs/x', 'fuse.sshfs'],
])('%s is on %s', (path, type) => {
  expect(fileSystemOf(path, mountInfo)).toBe(type);
});

it('a local folder takes a ledger, also one that is not there yet', () => {
  expect(() => requireLocalDisk(`${temporaryFolder()}/not/yet`)).not.toThrow();
});

it.each(['\\\\server\\share\\ledger', '//server/share/ledger'])(
  'the share %s is refused with a way out',
  (path) => {
    try {
      requireLocalDisk(path);
      expect.unreachable();
    } catch (error) {
      if (!GatewayError.is(error, 'ledger_unavailable')) throw error;
      expect(error.message).toContain('network share');
      expect(error.hint).toContain('TIDYLLM_HOME');
    }
  },
);
