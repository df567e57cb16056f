import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import { DBOS, type DBOSClient } from '@dbos-inc/dbos-sdk';
import { GatewayError, messageOf } from '../errors.ts';
import type { AnswerEvent, LlmResponse } from '../gateways/modelCalls.ts';
import type { TeamDatabase } from '../gateways/services.ts';
import type { WorkflowOptimizer } from '../workflowRuns/workflowOptimizer.ts';
import { CallTable, type TakenCall } from './callTable.ts';
import { throughOutage } from './outage.ts';
import { Presence } from './presence.ts';
import { lostAnswer, type SharedAnswer, type SharedCall } from './sharedCall.ts';
import {
  alone,
  application,
  openQueue,
  queueOf,
  silent,
  unusedAddress,
  workName,
  type CallQueue,
} from './sharedDatabase.ts';

/** How long the start may take, in which tables are made, ms. */
const launchWithinMs = 30_000;
/** How often the queue is looked at, ms. */
const pollingIntervalMs = 200;
/** How long calls may take to end when the worker is stopped, ms; then they are stopped too, and others make them. */
const endWithinMs = 20_000;
/** How long stopped calls may take to be settled, ms. */
const settleWithinMs = 10_000;
/** How often what has ended is removed from the queue, ms. */
const tidyIntervalMs = 60_000;
/** Calls whose run ended without taking their answer are removed after so many days. */
const keptDays = 7;

export interface WorkerOptions {
  database: TeamDatabase;
  workflows: Pick<WorkflowOptimizer, 'callFor'>;
  /** Whether its answers cost simulated money. */
  simulated: boolean;
  /** Calls at once. */
  slots: number;
  onCall: (call: SharedCall, answer: SharedAnswer) => void;
}

/**
 * Makes calls that other machines' workflows put into the team's database, each governed by this machine's gateways and
 * ledger. The calls of a worker that died are taken over: one whose answer was complete is not asked again.
 */
export class WorkflowWorker {
  readonly #options: WorkerOptions;
  readonly #table: CallTable;
  readonly #client: DBOSClient;
  readonly #queue: CallQueue;
  readonly #presence: Presence;
  /** Aborts when calls are given back to other workers. */
  readonly #givingBack = new AbortController();
  /** Calls that are made at the moment. */
  readonly #underWay = new Set<Promise<LlmResponse>>();

  private constructor(options: WorkerOptions, client: DBOSClient, presence: Presence) {
    this.#options = options;
    this.#table = new CallTable(options.database.pool);
    this.#client = client;
    this.#queue = queueOf(options);
    this.#presence = presence;
  }

  /** Throws `service_failed`. One worker can run in a process. */
  static async start(options: WorkerOptions): Promise<WorkflowWorker> {
    const { database } = options;
    const client = await openQueue(database.pool);
    const id = randomUUID();
    const queue = queueOf(options);
    const takeOver = (dead: string): Promise<void> => requeue(client, queue.name, dead);
    const presence = await Presence.begin(database, { queue, id, takeOver });
    const worker = new WorkflowWorker(options, client, presence);
    try {
      // DBOS waits for a database that is down.
      const late = after(launchWithinMs, undefined, { ref: false });
      const launched = alone(database.pool, () => worker.#launch(id)).then(() => true);
      if ((await Promise.race([launched, late])) !== true) throw new Error('timeout');
    } catch (error) {
      await presence.end();
      throw database.failure(error);
    }
    presence.watch();
    return worker;
  }

  async #launch(id: string): Promise<void> {
    const { pool } = this.#options.database;
    await this.#table.make();
    DBOS.setConfig({
      name: application.name,
      applicationVersion: application.version,
      systemDatabaseUrl: unusedAddress,
      systemDatabasePool: pool,
      executorID: id,
      listenQueues: [this.#queue.name],
      useListenNotify: false,
      logger: silent,
    });
    DBOS.registerWorkflow(() => this.#work(DBOS.workflowID ?? ''), { name: workName });
    await DBOS.launch();
    await DBOS.registerQueue(this.#queue.name, {
      workerConcurrency: this.#options.slots,
      minPollingIntervalMs: pollingIntervalMs,
    });
    await this.#table.removeOlderThan(keptDays);
  }

  /**
   * Works until the signal aborts; then it takes no more calls, and resolves when those that run have ended or were given
   * back. Throws `service_failed` when contact to the database is lost for so long that others may make its calls.
   */
  async ended(signal: AbortSignal): Promise<void> {
    const lost = this.#presence.signal;
    const either = AbortSignal.any([signal, lost]);
    const tidying = setInterval(() => void this.#tidy(), tidyIntervalMs);
    if (!either.aborted) await once(either, 'abort');
    clearInterval(tidying);
    if (!lost.aborted) await this.#drained();
    await this.#presence.end();
    if (!lost.aborted) return;
    // Its calls were stopped; DBOS, which would wait for the database, ends with the process.
    await Promise.race([Promise.allSettled(this.#underWay), after(settleWithinMs, null, { ref: false })]);
    throw new GatewayError('service_failed', 'Contact to the team’s database was lost.', {
      hint: 'Calls under way were stopped and left to other workers. Start the worker again when the database answers.',
    });
  }

  /** Takes no more calls, and lets those under way end, or gives them back after a while. */
  async #drained(): Promise<void> {
    const givingBack = setTimeout(() => this.giveBack(), endWithinMs);
    const shutdown = DBOS.shutdown({ workflowCompletionTimeoutMS: endWithinMs + settleWithinMs });
    await Promise.race([shutdown.then(() => this.#tidy()), once(this.#presence.signal, 'abort')]);
    clearTimeout(givingBack);
  }

  /** Calls under way; after an interrupt none is added. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** Stops the calls under way, so that others make them; what they have cost until then counts. */
  giveBack(): void {
    this.#givingBack.abort();
  }

  /** What ended has nothing left in the queue but its id. */
  async #tidy(): Promise<void> {
    await removeEnded(this.#client, this.#queue.name).catch(() => undefined);
  }

  /** Makes a call of the queue, and settles it. */
  async #work(id: string): Promise<void> {
    const attempt = randomUUID();
    let answer: SharedAnswer;
    let call: SharedCall | null = null;
    try {
      const taken = await this.#steadily(() => this.#table.take(id, attempt));
      if (!taken) return;
      ({ call } = taken);
      answer = await this.#answerOf(id, taken);
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      answer = { ...lostAnswer('0'), lost: false, error: faultOf(error) };
    }
    await this.#steadily(() => this.#table.settle(id, answer));
    if (call) this.#options.onCall(call, answer);
  }

  async #answerOf(id: string, taken: TakenCall): Promise<SharedAnswer> {
    if (taken.state === 'mine') return this.#ask(id, taken.call);
    return taken.answer ?? lostAnswer(taken.call.most);
  }

  async #ask(id: string, call: SharedCall): Promise<SharedAnswer> {
    const answer = { ...lostAnswer(call.most), lost: false };
    let keeping: Promise<unknown> = Promise.resolve();
    const onEvent = (event: AnswerEvent): void => {
      if (event.type === 'text') answer.text += event.text;
      if (event.type !== 'stop') return;
      answer.stop_reason = event.reason;
      // Before the call is settled: what it used, and so its exact cost, is only said after the answer.
      keeping = this.#table.keep(id, { ...answer }).catch(() => undefined);
    };
    const stopped = AbortSignal.any([this.#presence.signal, this.#givingBack.signal]);
    const made = this.#options.workflows.callFor(call, { signal: stopped, onEvent });
    this.#underWay.add(made);
    try {
      const { attempts, cacheHit: cached, cost, error } = await made;
      await keeping;
      if (this.#givingBack.signal.aborted && error?.code === 'cancelled') return lostAnswer(cost.toString());
      return { ...answer, attempts, cached, cost: cost.toString(), error: error && faultOf(error) };
    } catch (error) {
      // It may have been made, so that it counts with the most that it can cost.
      return { ...answer, error: faultOf(error) };
    } finally {
      this.#underWay.delete(made);
    }
  }

  /** Without contact nothing is said of a call here: it may be somebody else's by then. */
  async #steadily<Result>(work: () => Promise<Result>): Promise<Result> {
    const { signal } = this.#presence;
    try {
      return await throughOutage(work, { signal, mostMs: Infinity });
    } catch (error) {
      if (signal.aborted) return new Promise(() => undefined);
      throw error;
    }
  }
}

/** Puts the calls of a dead worker back into the queue. */
async function requeue(client: DBOSClient, queueName: string, dead: string): Promise<void> {
  const texts = { loadInput: false, loadOutput: false };
  const left = await client.listWorkflows({
    status: 'PENDING',
    executorId: dead,
    queueName,
    ...texts,
  });
  const ids = left.map(({ workflowID }) => workflowID);
  if (ids.length > 0) await client.resumeWorkflows(ids, { queueName });
}

async function removeEnded(client: DBOSClient, queueName: string): Promise<void> {
  const status = ['SUCCESS', 'ERROR', 'CANCELLED'] as const;
  const ended = await client.listWorkflows({
    status: [...status],
    queueName,
    loadInput: false,
    loadOutput: false,
  });
  await client.deleteWorkflows(ended.map(({ workflowID }) => workflowID));
}

function faultOf(error: unknown): SharedAnswer['error'] {
  if (!GatewayError.is(error)) return { code: 'internal_error', message: messageOf(error), hint: '' };
  const { code, message, hint } = error;
  return { code, message, hint };
}
