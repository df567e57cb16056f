import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LlmResponse } from '../../../src/gateways/modelCalls.ts';
import type { EndedAttempt } from '../../../src/gateways/ports.ts';
import type { LedgerRecord } from '../../../src/ledger/records.ts';
import type { TraceReceiver } from '../../../src/tracking/receiver.ts';
import { Sender } from '../../../src/tracking/sender.ts';
import { Spool } from '../../../src/tracking/spool.ts';
import type { TrackedCall } from '../../../src/tracking/trackedCall.ts';
import { tracedCallId } from '../../../src/tracking/traceOfRecords.ts';
import { Tracker } from '../../../src/tracking/tracker.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const receiver: TraceReceiver = {
  id: 'mlflow',
  name: 'MLflow',
  address: 'http://localhost:5000',
  takesRedacted: true,
  sendRun: null,
  sendCalls: () => Promise.resolve({ state: 'later', why: 'down' }),
};

function trackerIn(folder: string): Tracker {
  const content = { read: () => Promise.resolve(null) };
  const sender = new Sender({
    spool: new Spool(folder, 'send'),
    receivers: [receiver],
    content,
    policy: 'none',
  });
  const tracker = new Tracker(new Spool(folder, 'call'), sender, [receiver]);
  onTestFinished(() => tracker.dispose());
  return tracker;
}

function responseOf(attemptGroup: string): LlmResponse {
  return {
    status: 'success',
    error: null,
    backend: 'mock',
    simulated: true,
    attempts: 0,
    attemptGroup,
    cost: 0n,
    costEstimated: false,
    cacheHit: false,
    fallbackFrom: null,
    auditTrail: null,
    processingTimeMs: 1,
  } as Partial<LlmResponse> as LlmResponse;
}

function attemptOf(callId: string): EndedAttempt {
  return {
    callId,
    request: {},
    description: { user_id: 'ada', reason: 'JIRA-1', model: 'm' } as EndedAttempt['description'],
    startedAt: performance.now(),
    outputCost: null,
    response: responseOf(callId),
  };
}

/** The calls in the spool: level, and ids of their attempts. */
function kept(folder: string): [level: string, attempts: string[]][] {
  const spool = new Spool(folder, 'send');
  const items = spool.next('mlflow', 100, 1e9)?.items ?? [];
  spool.close();
  const calls = items.map(({ body }) => JSON.parse(body) as TrackedCall);
  return calls.map(({ level, attempts }) => [level, attempts.map(({ call_id: id }) => id)]);
}

describe('the tracker', () => {
  it('puts the attempts of a call under it, whatever other calls end meanwhile', async () => {
    const folder = temporaryFolder();
    const tracker = trackerIn(folder);
    const ids = Array.from({ length: 4 }, () => randomUUID());
    const call = (first = '', second = '') =>
      tracker.call('ai_processing', async () => {
        tracker.attempt(attemptOf(first));
        await new Promise(setImmediate);
        tracker.attempt(attemptOf(second));
        return responseOf(first);
      });
    await Promise.all([call(ids[0], ids[1]), call(ids[2], ids[3])]);
    expect(kept(folder)).toEqual([
      ['ai_processing', [ids[0], ids[1]]],
      ['ai_processing', [ids[2], ids[3]]],
    ]);
  });

  it('takes a lower level as a part of the call, and the same level as a call of its own', async () => {
    const folder = temporaryFolder();
    const tracker = trackerIn(folder);
    const [outer, inner, other] = [randomUUID(), randomUUID(), randomUUID()];
    await tracker.call('workflow_optimizer', async () => {
      tracker.attempt(attemptOf(outer));
      await tracker.call('ai_processing', () => {
        tracker.attempt(attemptOf(inner));
        return Promise.resolve(responseOf(inner));
      });
      await tracker.call('workflow_optimizer', () => {
        tracker.attempt(attemptOf(other));
        return Promise.resolve(responseOf(other));
      });
      return responseOf(outer);
    });
    expect(kept(folder)).toEqual([
      ['workflow_optimizer', [other]],
      ['workflow_optimizer', [outer, inner]],
    ]);
  });

  it('makes an attempt without a higher level a call by itself', () => {
    const folder = temporaryFolder();
    const id = randomUUID();
    trackerIn(folder).attempt(attemptOf(id));
    expect(kept(folder)).toEqual([['corporate_llm', [id]]]);
  });

  it('tells its fault, and fails no call', async () => {
    const tracker = trackerIn(temporaryFolder());
    const broken = { ...attemptOf(randomUUID()), description: null } as unknown as EndedAttempt;
    const response = responseOf('x');
    const made = tracker.call('ai_processing', () => {
      tracker.attempt(broken);
      return Promise.resolve(response);
    });
    await expect(made).resolves.toBe(response);
    expect(tracker.status().fault).not.toBeNull();
  });
});

describe('the trace of a recorded call', () => {
  it('is that of its first attempt', () => {
    const data = { first_call_id: 'first', number: 2 };
    const note = { kind: 'note', topic: 'call.attempt', data } as unknown as LedgerRecord;
    expect(tracedCallId([note], 'second')).toBe('first');
    expect(tracedCallId([], 'only')).toBe('only');
  });
});
