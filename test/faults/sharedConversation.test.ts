import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { ConversationFiles } from '../../src/chat/conversationFiles.ts';
import { report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { bundle } from './callers.ts';

const turns = times(60, 2_000);

test('4 processes add to one conversation, some are killed: every turn that was kept is there, and all lines can be read', async () => {
  const state = temporaryFolder();
  const script = await bundle('conversationWriter.ts', temporaryFolder());
  const files = new ConversationFiles(state);
  const file = files.create([]);
  const first = { id: 'first', question: 'first', reason: 'JIRA-1 test', model: 'model' };
  await files.append(file, { user: 'ada', policy: 'full', patterns: [] }, [
    { ...first, simulated: true, answer: '', result: null },
  ]);
  const random = randomFrom(testSeed());
  let killed = 0;

  /** One writer; a killed one starts over in a new process, under another name. */
  async function write(name: string, kills: number): Promise<string[]> {
    const child = spawn(process.execPath, ['--no-warnings', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { STATE: state, ID: file.id, NAME: name, TURNS: String(turns) },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let lines = 1 + Math.floor(random() * turns * 0.8);
    if (kills > 0)
      child.stdout.on('data', (data: Buffer) => {
        lines -= data.toString().split('\n').length - 1;
        if (lines <= 0) child.kill('SIGKILL');
      });
    const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    if (signal !== null) killed += 1;
    else expect(code).toBe(0);
    const said = output.split('\n').filter((line) => /^(?:kept|missed|read) \S+$/.test(line));
    return signal === null ? said : [...said, ...(await write(`${name}x`, kills - 1))];
  }

  const said = (
    await Promise.all(['ada', 'bob', 'cyd', 'dan'].map((name, index) => write(name, index)))
  ).flat();
  expect(said.filter((line) => line.startsWith('missed'))).toEqual([]);
  const kept = said.filter((line) => line.startsWith('kept')).map((line) => line.slice('kept '.length));
  const opened = await files.open(file.id);
  expect(opened?.unreadable).toBe(0);
  const ids = opened?.turns.map(({ id }) => id) ?? [];
  expect(new Set(ids).size).toBe(ids.length);
  expect(kept.filter((id) => !ids.includes(id))).toEqual([]);
  // At most the turn that a killed process had written but not told is there as well.
  expect(ids.length - 1 - kept.length).toBeLessThanOrEqual(killed);
  expect(opened?.file.about.turns).toBe(ids.length);
  report(
    'one conversation, 4 processes',
    `${kept.length} turns kept, ${killed} kills, ${Math.round(opened!.file.offset / 1e6)} MB, none lost`,
  );
});
