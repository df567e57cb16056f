import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tidyllm, type Finished } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

const chat = ['chat', '--reason', 'JIRA-1 files', 'hello'];
const doors: readonly (readonly string[])[] = [
  chat,
  ['budget'],
  ['usage', '--by', 'user'],
  ['audit', 'verify'],
  ['audit', 'list'],
  ['audit', 'export'],
  ['audit', 'head'],
  ['flow', 'run', '[Cost Analysis]'],
  ['flow', 'run', '[Security Test]'],
  ['flow', 'history'],
  ['status'],
  ['doctor'],
];

/** What somebody may put into the folder of a ledger. */
const kinds: Readonly<Record<string, (path: string) => void>> = {
  'a pipe': (path) => void execFileSync('mkfifo', [path]),
  'a link to a device without end': (path) => symlinkSync('/dev/zero', path),
  'a folder': (path) => {
    mkdirSync(path);
  },
  'a file of zeros without end': (path) => {
    writeFileSync(path, '');
    truncateSync(path, 5_000_000_000);
  },
  'a file of one line without end': (path) => {
    writeFileSync(path, 'a'.repeat(40_000_000));
  },
};

const ledgerIn = (home: string): string => join(home, 'ledger', 'simulated');

interface Place {
  path: (home: string) => string;
  /** What is said of it there; null where everything goes on. */
  said: RegExp | null;
  /** Whether it isn't said by what only reads. */
  writing?: true;
  /** False where any file will do. */
  files?: false;
}

const noSegment = (name: string): RegExp =>
  new RegExp(`${name}:1\\b.*(it is not a file|the line is longer than \\d+ bytes)`);
const goesOn = { said: null, files: false } as const;

/** The names of a ledger's own files. */
const places: Readonly<Record<string, Place>> = {
  'the only segment': {
    path: (home) => join(ledgerIn(home), '00000001.journal'),
    said: noSegment('00000001.journal'),
  },
  'the next segment': {
    path: (home) => join(ledgerIn(home), '00000002.journal'),
    said: noSegment('00000002.journal'),
  },
  'what says that it is closed': {
    path: (home) => join(ledgerIn(home), 'closed.json'),
    said: /closed\.json, which says what was found, can't be read/,
  },
  'the lock': {
    ...{ path: (home) => join(ledgerIn(home), 'lock.db'), writing: true, files: false },
    said: /The lock .*lock\.db can't be used: it is not a file/,
  },
  'the journal of the lock': { path: (home) => join(ledgerIn(home), 'lock.db-journal'), ...goesOn },
  'a sign of life': { path: (home) => join(ledgerIn(home), `alive-${randomUUID()}.db`), ...goesOn },
  'the index': { path: (home) => join(home, 'index', 'simulated.db'), ...goesOn },
  'the lock of the index': { path: (home) => join(home, 'index', 'simulated.lock.db'), ...goesOn },
};

/** A home with one call in its ledger, which each case has a copy of. */
let whole = '';
const environmentOf = (home: string): Record<string, string> => ({
  ...isolatedEnvironment(home),
  TIDYLLM_AI_BACKENDS: 'mock',
});

beforeAll(async () => {
  whole = mkdtempSync(join(tmpdir(), 'tidyllm-'));
  expect(await tidyllm(chat, { environment: environmentOf(whole) })).toMatchObject({ code: 0 });
});

afterAll(() => rmSync(whole, { recursive: true }));

/** Runs a command to its end, which has to come by itself. */
function ends(door: readonly string[], environment: Record<string, string>): Promise<Finished> {
  // The security test reads the folder it runs in: an empty one says nothing about the machine's load.
  return tidyllm(door, { environment, cwd: temporaryFolder() });
}

/** One comes by every door; the others by those that read and write most. */
function doorsOf(place: string, kind: string): readonly (readonly string[])[] {
  return place === 'the only segment' && kind === 'a pipe' ? doors : [chat, ['audit', 'verify']];
}

describe.runIf(process.platform !== 'win32')('in the ledger’s folder', () => {
  it.each(
    Object.entries(places).flatMap(([place, { files }]) =>
      Object.keys(kinds)
        .filter((kind) => files !== false || !kind.startsWith('a file'))
        .map((kind) => [place, kind] as const),
    ),
  )(
    '%s that is %s holds nothing up',
    async (placeName, kind) => {
      const place = places[placeName];
      const home = temporaryFolder();
      cpSync(whole, home, { recursive: true });
      const path = place?.path(home) ?? '';
      mkdirSync(dirname(path), { recursive: true });
      rmSync(path, { force: true });
      kinds[kind]?.(path);
      for (const door of doorsOf(placeName, kind)) {
        const { code, stdout, stderr } = await ends(door, environmentOf(home));
        const told = (stdout + stderr).replaceAll(/\s+/g, ' ');
        expect.soft({ door, code, told }).not.toMatchObject({ code: null });
        if (place?.said === null) expect.soft({ door, code, told }).toMatchObject({ code: 0 });
        expect.soft({ door, told }).not.toMatchObject({ told: expect.stringContaining('unexpected failed') });
        if (place?.said && (door === chat || !place.writing))
          expect.soft({ door, told }).toMatchObject({ told: expect.stringMatching(place.said) });
      }
    },
    120_000,
  );
});
