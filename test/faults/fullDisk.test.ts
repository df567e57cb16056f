import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { command } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

const mayMount = spawnSync('unshare', ['-rm', 'true']).status === 0;

/**
 * On a real file system of 128 KiB: calls until it is full, then space is made and one more call.
 * The script prints the exit code of each call, then what `audit verify` says.
 */
const script = `
set -u
mount -t tmpfs -o size=128k,mode=700 tmpfs "$TIDYLLM_HOME/ledger"
ask() { "$NODE" "$COMMAND" --json chat --reason 'JIRA-1 fill the disk' hello > "$OUT/$1.json"; echo "$1 $?"; }
ask before
head -c 200k /dev/zero > "$TIDYLLM_HOME/ledger/ballast" 2>/dev/null
for call in 1 2 3 4 5 6 7 8; do ask full-$call; done
"$NODE" "$COMMAND" --json audit list --limit 100 > "$OUT/list-full.json"
rm "$TIDYLLM_HOME/ledger/ballast"
ask after
"$NODE" "$COMMAND" --json audit verify > "$OUT/verify.json"; echo "verify $?"
"$NODE" "$COMMAND" --json audit list --limit 100 > "$OUT/list.json"
`;

it.skipIf(!mayMount)(
  'a full disk refuses calls, loses nothing acknowledged, and recovers when space returns',
  () => {
    const home = temporaryFolder();
    const out = temporaryFolder();
    mkdirSync(join(home, 'ledger'));
    const file = join(out, 'fill.sh');
    writeFileSync(file, script);
    const printed = execFileSync('unshare', ['-rm', 'sh', file], {
      env: {
        PATH: process.env['PATH'],
        ...isolatedEnvironment(home),
        NODE: process.execPath,
        COMMAND: command,
        OUT: out,
      },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const codes = new Map(printed.split('\n').map((line) => line.split(' ') as [string, string]));
    const document = (name: string): Record<string, unknown> =>
      JSON.parse(readFileSync(join(out, `${name}.json`), 'utf8')) as Record<string, unknown>;

    expect(codes.get('before')).toBe('0');
    expect(codes.get('full-8')).toBe('7');
    expect(document('full-8')).toMatchObject({
      success: false,
      gateway_tracked: false,
      error: { code: 'ledger_unavailable', message: expect.stringContaining('the disk is full') as string },
    });
    expect(codes.get('after')).toBe('0');
    expect(codes.get('verify')).toBe('0');
    const records = document('list')['records'] as { call_id: string; outcome: string }[];
    const acknowledged = ['before', ...Array.from({ length: 8 }, (_, index) => `full-${index + 1}`), 'after']
      .map((name) => document(name))
      .filter((answer) => answer['gateway_tracked'] === true)
      .map((answer) => (answer['audit_trail'] as { call_id: string }).call_id);
    expect(acknowledged.length).toBeGreaterThanOrEqual(2);
    for (const callId of acknowledged) expect(records.map((record) => record.call_id)).toContain(callId);
  },
);
