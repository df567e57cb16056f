import { describe, expect, it, onTestFinished } from 'vitest';
import { ContentStore, type ContentPolicy } from '../../../src/content/contentStore.ts';
import { contentOfCall } from '../../../src/tracking/content.ts';
import type { Delivery, TraceReceiver } from '../../../src/tracking/receiver.ts';
import { Sender } from '../../../src/tracking/sender.ts';
import { Spool } from '../../../src/tracking/spool.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { trackedCallFor } from '../../support/trackedCalls.ts';

const nothingKept = { read: () => Promise.resolve(null) };
const never = new AbortController().signal;

/** A receiver that answers as told, and knows which calls it got. */
function receiverOf(answer: (ids: string[]) => Delivery | Promise<Delivery>) {
  const requests: string[][] = [];
  const receiver: TraceReceiver = {
    id: 'mlflow',
    name: 'MLflow',
    address: 'http://localhost:5000',
    takesRedacted: true,
    sendRun: null,
    sendCalls: (calls) => {
      const ids = calls.map(({ call }) => call.id);
      requests.push(ids);
      return Promise.resolve(answer(ids));
    },
  };
  return { receiver, requests };
}

function senderIn(folder: string, receiver: TraceReceiver): { sender: Sender; spool: Spool } {
  const spool = new Spool(folder, 'send');
  const sender = new Sender({ spool, receivers: [receiver], content: nothingKept, policy: 'full' });
  onTestFinished(() => sender.dispose());
  return { sender, spool };
}

function fill(folder: string, count: number): string[] {
  const spool = new Spool(folder, 'call');
  const calls = Array.from({ length: count }, () => trackedCallFor({}));
  for (const call of calls) spool.add(call, ['mlflow']);
  spool.close();
  return calls.map(({ id }) => id);
}

describe('the sender', () => {
  it('sends all in requests of at most 100, each call once', async () => {
    const folder = temporaryFolder();
    const ids = fill(folder, 250);
    const { receiver, requests } = receiverOf(() => ({ state: 'taken' }));
    const { sender, spool } = senderIn(folder, receiver);
    await sender.send(never);
    expect(requests.map(({ length }) => length)).toEqual([100, 100, 50]);
    expect(requests.flat()).toEqual(ids);
    expect(spool.status('mlflow')).toMatchObject({ waiting: 0, failures: 0 });
  });

  it('of all processes is one at a time', async () => {
    const folder = temporaryFolder();
    fill(folder, 1);
    const { promise, resolve } = Promise.withResolvers<Delivery>();
    const [first, second] = [receiverOf(() => promise), receiverOf(() => ({ state: 'taken' }))];
    const sending = senderIn(folder, first.receiver).sender.send(never);
    await expect.poll(() => first.requests).toHaveLength(1);
    await senderIn(folder, second.receiver).sender.send(never);
    expect(second.requests).toEqual([]);
    resolve({ state: 'taken' });
    await sending;
  });

  it('keeps what can’t be taken now, and waits longer after each failure', async () => {
    const folder = temporaryFolder();
    fill(folder, 3);
    const { receiver, requests } = receiverOf(() => ({ state: 'later', why: 'HTTP 503' }));
    const { sender, spool } = senderIn(folder, receiver);
    const waits: number[] = [];
    for (let failure = 1; failure <= 12; failure += 1) {
      const before = Date.now();
      await sender.send(never);
      const { nextAttempt, ...status } = spool.status('mlflow');
      expect(status).toMatchObject({ waiting: 3, refused: 0, failures: failure, lastError: 'HTTP 503' });
      waits.push(nextAttempt - before);
      await sender.send(never);
      expect(requests).toHaveLength(failure);
      spool.hurry('mlflow');
    }
    expect(waits[0]).toBeGreaterThanOrEqual(1_000);
    expect(waits[3]).toBeGreaterThan(waits[0] ?? 0);
    expect(Math.max(...waits)).toBeLessThan(305_000);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(150_000);
  });

  it('does not wait where another address is set than the one that failed', async () => {
    const folder = temporaryFolder();
    fill(folder, 1);
    const down = receiverOf(() => ({ state: 'later', why: 'HTTP 503' }));
    await senderIn(folder, down.receiver).sender.send(never);
    const up = receiverOf(() => ({ state: 'taken' }));
    const receiver = { ...up.receiver, address: 'http://mlflow.example.com' };
    await senderIn(folder, receiver).sender.send(never);
    expect(up.requests).toHaveLength(1);
  });

  it('finds the calls that are refused, and sends the others', async () => {
    const folder = temporaryFolder();
    const ids = fill(folder, 100);
    const bad = [ids[3], ids[97]];
    const { receiver, requests } = receiverOf((asked) =>
      asked.some((id) => bad.includes(id)) ? { state: 'refused', why: 'HTTP 400' } : { state: 'taken' },
    );
    const { sender, spool } = senderIn(folder, receiver);
    await sender.send(never);
    expect(spool.status('mlflow')).toMatchObject({ waiting: 0, refused: 2, lastRefusal: 'HTTP 400' });
    expect(requests.length).toBeLessThan(40);
  });

  it('sets aside what another version wrote in a form that it can’t read', async () => {
    const folder = temporaryFolder();
    const [good] = fill(folder, 1);
    const spool = new Spool(folder, 'call');
    spool.add({ ...trackedCallFor({}), attempts: 'other' } as never, ['mlflow']);
    spool.close();
    const { receiver, requests } = receiverOf(() => ({ state: 'taken' }));
    const { sender, spool: sending } = senderIn(folder, receiver);
    await sender.send(never);
    expect(requests).toEqual([[good]]);
    expect(sending.status('mlflow')).toMatchObject({ waiting: 0, refused: 1 });
  });
});

describe('what goes with a call', () => {
  it.each([
    ['none', 'full', true, false],
    ['hash', 'full', true, false],
    ['redacted', 'full', true, false],
    ['redacted', 'redacted', true, true],
    ['full', 'redacted', true, true],
    ['full', 'redacted', false, false],
    ['full', 'full', false, true],
  ] as const)(
    'policy %s, kept %s, a receiver that takes redacted texts %s: %s',
    async (policy, kept, takesRedacted, goes) => {
      const directory = temporaryFolder();
      const store = new ContentStore({ directory, policy: kept, patterns: [], mode: 'simulated' });
      const call = trackedCallFor({});
      const day = call.attempts[0]?.day ?? '';
      const stored = store.begin(call.user, call.id, {
        system: null,
        messages: [{ role: 'user', content: 'hello' }],
      });
      await stored.storeRequest(day);
      await stored.storeAnswer(day, 'answer');
      const found = await contentOfCall(call, store, policy satisfies ContentPolicy, takesRedacted);
      expect([...found.values()]).toEqual(
        goes
          ? [{ request: { system: null, messages: [{ role: 'user', content: 'hello' }] }, answer: 'answer' }]
          : [],
      );
    },
  );
});
