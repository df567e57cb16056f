import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

const reason = ['--reason', 'JIRA-1 output'];

/** Every command, with parameters that let it do something. */
const commands: Record<string, string[]> = {
  chat: ['chat', ...reason, 'hello'],
  compare: ['compare', '--models', 'nova-pro,nova-lite', ...reason, 'hello'],
  budget: ['budget'],
  'budget raise': ['budget', 'raise', '--limit', '2000', ...reason],
  'budget acknowledge': ['budget', 'acknowledge', ...reason],
  usage: ['usage'],
  'audit list': ['audit', 'list'],
  'audit export': ['audit', 'export'],
  'audit show': ['audit', 'show', '6'],
  'audit erase': ['audit', 'erase', '--subject', 'ada', '--yes', ...reason],
  'audit query': ['audit', 'query', 'SELECT count(*) FROM calls'],
  'audit verify': ['audit', 'verify'],
  'audit head': ['audit', 'head'],
  'audit anchor': ['audit', 'anchor', '--to', 'anchor'],
  'audit reopen': ['audit', 'reopen', ...reason],
  'audit rotate-key': ['audit', 'rotate-key'],
  reconcile: ['reconcile', '--dry-run', 'bill.csv'],
  gateways: ['gateways'],
  'gateways stats': ['gateways', 'stats'],
  embed: ['embed', ...reason, 'a cat'],
  'cache status': ['cache', 'status'],
  'cache stats': ['cache', 'stats'],
  'cache clear': ['cache', 'clear'],
  'compliance check': ['compliance', 'check', 'mine.yaml'],
  'compliance key': ['compliance', 'key'],
  'compliance exception request': ['compliance', 'exception', 'request', '--rule', 'email', ...reason],
  'compliance exception list': ['compliance', 'exception', 'list'],
  'compliance exception show': ['compliance', 'exception', 'show', 'request.json'],
  'compliance exception approve': ['compliance', 'exception', 'approve', 'deadbeef', ...reason],
  'compliance exception reject': ['compliance', 'exception', 'reject', 'deadbeef', ...reason],
  'compliance exception import': ['compliance', 'exception', 'import', 'request.json'],
  'compliance exception revoke': ['compliance', 'exception', 'revoke', 'deadbeef', ...reason],
  'compliance report': ['compliance', 'report', '--level', 'sox'],
  'tracking status': ['tracking', 'status'],
  'tracking send': ['tracking', 'send'],
  health: ['health'],
  doctor: ['doctor'],
  status: ['status'],
  'settings show': ['settings', 'show'],
  'settings validate': ['settings', 'validate', 'mine.yaml'],
  'settings init': ['settings', 'init'],
  'flow list': ['flow', 'list'],
  'flow run': ['flow', 'run', '[Performance Test]', '--param', 'calls=1'],
  'flow history': ['flow', 'history'],
  'flow report': ['flow', 'report', 'none'],
  'flow validate': ['flow', 'validate', 'flow.yaml'],
  'workflow analyze': ['workflow', 'analyze', 'work.yaml'],
  'workflow optimize': ['workflow', 'optimize', 'work.yaml'],
  'workflow export': ['workflow', 'export', 'work.yaml'],
  'workflow fix': ['workflow', 'fix', 'work.yaml'],
  'workflow validate': ['workflow', 'validate', 'work.yaml'],
  'workflow run': ['workflow', 'run', 'work.yaml', ...reason],
  'workflow resume': ['workflow', 'resume', '00000000-0000-0000-0000-000000000000'],
  'workflow history': ['workflow', 'history'],
  worker: ['worker'],
};

let template: string;

/** A home with a recorded call, for each run anew. */
function home(): string {
  const folder = temporaryFolder();
  cpSync(template, folder, { recursive: true });
  return folder;
}

function run(
  args: readonly string[],
  folder: string,
  stdout: 'pipe' | number = 'pipe',
  environment: Record<string, string> = {},
): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [command, ...args], {
    cwd: folder,
    env: {
      ...{ PATH: process.env['PATH'], HOME: folder, TIDYLLM_USER: 'ada' },
      ...isolatedEnvironment(folder),
      ...environment,
    },
    stdio: ['ignore', stdout, 'pipe'],
    encoding: 'utf8',
  });
}

/** The commands that a help text names, and theirs. */
function commandsIn(parents: readonly string[], folder: string): string[] {
  const help = run([...parents, '--help'], folder).stdout;
  const [, listed = ''] = /^Commands:\n([\s\S]*)/m.exec(help) ?? [];
  const names = [...listed.matchAll(/^ {2}([a-z-]+)/gm)].flatMap(([, name = '']) =>
    name === 'help' ? [] : [name],
  );
  return names.flatMap((name) => {
    const path = [...parents, name];
    const below = commandsIn(path, folder);
    // A group without parameters of its own is no command, but these are.
    return below.length > 0 && !['budget', 'gateways'].includes(name) ? below : [path.join(' '), ...below];
  });
}

beforeAll(() => {
  template = mkdtempSync(join(tmpdir(), 'tidyllm-'));
  writeFileSync(join(template, 'mine.yaml'), 'budget: { daily_limit_usd: "1" }\n');
  writeFileSync(join(template, 'flow.yaml'), 'agreements: []\n');
  const step = '{ id: read, type: data_input, config: { source: notes.md } }';
  writeFileSync(join(template, 'work.yaml'), `name: Read\nsteps: [${step}]\n`);
  writeFileSync(join(template, 'bill.csv'), 'line_item_usage_start_date,line_item_unblended_cost\n');
  expect(run(commands['chat'] ?? [], template).status).toBe(0);
  const requesting = ['compliance', 'exception', 'request', '--rule', 'email', '--out', 'request.json'];
  expect(run([...requesting, ...reason], template).status).toBe(0);
});

afterAll(() => {
  rmSync(template, { recursive: true });
});

it('every command of the help is tried here', () => {
  expect(commandsIn([], temporaryFolder()).sort()).toEqual(Object.keys(commands).sort());
});

describe('an output that can’t be written', () => {
  /** What they do is told on standard error, or in a file. */
  const silent = ['budget raise', 'budget acknowledge', 'settings init'];

  it.each(Object.keys(commands))('of %s is exit 6 with a message', (name) => {
    const args = commands[name] ?? [];
    // An export on standard output is no JSON document.
    const modes = name === 'audit export' ? [[]] : [['--json'], []];
    const usual = run([...(modes[0] ?? []), ...args], home()).status;
    // What went wrong besides counts more.
    const expected = usual === 0 ? 6 : usual;
    for (const mode of modes) {
      const full = openSync('/dev/full', 'w');
      const { status, stderr } = run([...mode, ...args], home(), full);
      closeSync(full);
      if (mode.length === 0 && silent.includes(name)) continue;
      expect(status).toBe(expected);
      if (usual === 0) expect(stderr).toMatch(/Error: The output can’t be written: ENOSPC/);
      expect(stderr).not.toMatch(/^ +at /m);
    }
  });

  it.each([[['--help']], [['--version']], [['audit', '--help']]])('of %j is too', (args) => {
    const full = openSync('/dev/full', 'w');
    expect(run(args, home(), full)).toMatchObject({ status: 6 });
    closeSync(full);
  });

  it('as a whole, because the disk takes only a part of it, is too', () => {
    const folder = home();
    const script = 'ulimit -f 1; exec "$NODE" "$COMMAND" settings show --origin > shown';
    const { status, stderr } = spawnSync('sh', ['-c', script], {
      cwd: folder,
      env: {
        ...{ PATH: process.env['PATH'], HOME: folder, NODE: process.execPath, COMMAND: command },
        ...isolatedEnvironment(folder),
      },
      encoding: 'utf8',
    });
    expect(statSync(join(folder, 'shown')).size).toBeGreaterThan(0);
    expect(status).toBe(6);
    expect(stderr).toContain('The output can’t be written: EFBIG');
  });

  it('under --out is exit 6 with what to do, an anchor’s 7, and a path that can’t be one 2', () => {
    const folder = home();
    const flowRun = ['flow', 'run', '[Performance Test]', '--param', 'calls=1'];
    for (const [args, out, status, said] of [
      [
        ['audit', 'export'],
        '/dev/full',
        6,
        /\/dev\/full can’t be written: ENOSPC.*\nUse another file with --out/,
      ],
      [
        flowRun,
        '/dev/full',
        6,
        /\/dev\/full can’t be written: ENOSPC.*\nThe run is recorded: "tidyllm flow report/,
      ],
      [['audit', 'export'], join(folder, 'mine.yaml', 'x'), 2, /can’t be written: ENOTDIR/],
      [flowRun, folder, 2, /can’t be written: EISDIR/],
    ] as const) {
      const found = run([...args, '--out', out], folder);
      expect([found.status, found.stderr]).toEqual([status, expect.stringMatching(said)]);
      if (args === flowRun) expect(found.stdout).toContain('#');
    }
    const anchor = run(['audit', 'anchor', '--to', '/dev/full'], folder);
    expect([anchor.status, anchor.stderr]).toEqual([
      7,
      expect.stringContaining('The anchor /dev/full failed: it is not a file'),
    ]);
  });

  it('because its reader went away, as head does, is quiet', () => {
    for (const name of ['audit export', 'audit list', 'doctor', 'settings show']) {
      const folder = home();
      const script = '{ "$NODE" "$COMMAND" "$@"; echo "code $?" >&2; } | head -c 1';
      const { stderr } = spawnSync('sh', ['-c', script, 'sh', '--quiet', ...(commands[name] ?? [])], {
        cwd: folder,
        env: {
          ...{ PATH: process.env['PATH'], HOME: folder, NODE: process.execPath, COMMAND: command },
          ...isolatedEnvironment(folder),
        },
        encoding: 'utf8',
      });
      expect(stderr).toBe('code 0\n');
    }
  });

  it('on standard error changes nothing else', () => {
    const folder = home();
    const script = '"$NODE" "$COMMAND" budget > shown 2> /dev/full; echo $?';
    const { stdout } = spawnSync('sh', ['-c', script], {
      cwd: folder,
      env: {
        ...{ PATH: process.env['PATH'], HOME: folder, NODE: process.execPath, COMMAND: command },
        ...isolatedEnvironment(folder),
      },
      encoding: 'utf8',
    });
    expect(stdout).toBe('0\n');
    expect(readFileSync(join(folder, 'shown'), 'utf8')).toContain('spent');
  });
});

describe('a Node.js without node:sqlite', () => {
  const without = { NODE_OPTIONS: '--no-experimental-sqlite' };
  const alone = ['settings show', 'settings validate', 'settings init', 'flow validate'];

  it.each(Object.keys(commands).filter((name) => !alone.includes(name) && name !== 'doctor'))(
    'is named by %s, with exit code 7',
    (name) => {
      const { status, stdout } = run(['--json', ...(commands[name] ?? [])], home(), 'pipe', without);
      expect(status).toBe(7);
      expect(JSON.parse(stdout)).toMatchObject({
        error: {
          code: 'ledger_unavailable',
          message: expect.stringContaining('has no node:sqlite') as string,
          hint: expect.stringContaining('Node.js 22.13') as string,
        },
      });
    },
  );

  it('is found by doctor', () => {
    const { status, stdout } = run(['--json', 'doctor'], home(), 'pipe', without);
    expect(status).toBe(7);
    expect(stdout).toContain('has no node:sqlite');
  });

  it.each(alone)('is nothing to %s, which needs no ledger', (name) => {
    expect(run(commands[name] ?? [], home(), 'pipe', without).status).toBe(
      run(commands[name] ?? [], home()).status,
    );
  });
});
