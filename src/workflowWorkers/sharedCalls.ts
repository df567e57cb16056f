import { setTimeout as after } from 'node:timers/promises';
import type { DBOSClient } from '@dbos-inc/dbos-sdk';
import { GatewayError } from '../errors.ts';
import { costLimitExceeded } from '../gateways/budgetRefusals.ts';
import type { CallOptions, LlmRequest, LlmResponse, ModelCalls } from '../gateways/modelCalls.ts';
import type { TeamDatabase } from '../gateways/services.ts';
import { unreachable, withoutCall } from '../gateways/unreachable.ts';
import type { LineOf, RunLine } from '../workflowRuns/runLine.ts';
import type { RunElsewhere } from '../workflowRuns/runView.ts';
import { AnswerWait } from './answerWait.ts';
import { CallTable } from './callTable.ts';
import { throughOutage } from './outage.ts';
import { hasWorkers } from './presence.ts';
import type { SharedAnswer, SharedCall } from './sharedCall.ts';
import { application, openQueue, queueOf, requirePrepared, workName } from './sharedDatabase.ts';

/** So long calls may wait before a person is told that there is no worker, ms. */
const tellAfterMs = 3_000;
/** So long an interrupt waits for the database, ms. */
const withdrawWithinMs = 2_000;
/** So long the end of a run waits for the database, ms, to remove what is left there. */
const removeWithinMs = 5_000;
/** So long the database may be away, ms. */
const mostOutageMs = 60_000;
/** What a call may have in the database, bytes: a connection takes 4 MB at once. */
const mostBytes = 3_500_000;

export interface SharedCallsClient {
  of: (run: RunElsewhere) => Promise<ModelCalls>;
  close: () => Promise<void>;
}

/** A client of the calls of a run that workers make. Throws `service_failed` if the database can't be used. */
export async function openSharedCalls(database: TeamDatabase): Promise<SharedCallsClient> {
  await requirePrepared(database);
  const client = await openQueue(database.pool);
  let calls: SharedCalls | null = null;
  return {
    of: async (run) => {
      calls = new SharedCalls({ client, database, run });
      await calls.takeStock();
      return calls;
    },
    close: async () => {
      await calls?.removeRest();
      await client.destroy();
    },
  };
}

/**
 * The calls of a run, made by workers: each is a durable entry of the team's database under an id that the run's file has, so
 * that a resumed run takes its answer instead of asking again.
 */
class SharedCalls implements ModelCalls {
  readonly #client: DBOSClient;
  readonly #database: TeamDatabase;
  readonly #run: RunElsewhere;
  readonly #table: CallTable;
  readonly #answers: AnswerWait;
  /** What may still be spent, micro-USD: less what the calls under way can cost. */
  #left: bigint;
  /** Calls whose answers the run has, and the database too: it was away. */
  readonly #unremoved: string[] = [];
  #waitingSince: number | null = null;
  #told = false;

  constructor({ client, database, run }: { client: DBOSClient; database: TeamDatabase; run: RunElsewhere }) {
    this.#client = client;
    this.#database = database;
    this.#run = run;
    this.#table = new CallTable(database.pool);
    const onUnbegun = (): Promise<void> => this.#tellOfMissingWorkers();
    this.#answers = new AnswerWait(this.#table, { onUnbegun, mostOutageMs });
    this.#left = run.left;
  }

  worstCase(request: LlmRequest): bigint {
    return this.#run.calls.worstCase(request);
  }

  /** Notes what an earlier process of the run has left, and removes what it had. Throws `service_failed`. */
  async takeStock(): Promise<void> {
    const { lines } = this.#run;
    const sent = lines.filter((line) => line.kind === 'sent');
    if (sent.length === 0) return;
    const answered = new Set(lines.flatMap((line) => (line.kind === 'answered' ? line.step : [])));
    try {
      const open = sent.filter(({ call }) => !isReturned(lines, call));
      const there = await this.#table.states(open.map(({ call }) => call));
      for (const one of open) {
        if (there.has(one.call) && !answered.has(one.step)) continue;
        const answer = await this.#table.answer(one.call);
        // Of a call that isn't there any more nobody knows whether it was made.
        this.#returned(one, answer?.cost ?? one.most);
      }
      const returned = sent.filter(({ call }) => isReturned(lines, call));
      await this.#table.remove(returned.map(({ call }) => call));
    } catch (error) {
      throw this.#database.failure(error);
    }
  }

  async execute(request: LlmRequest, { signal, onEvent }: CallOptions = {}): Promise<LlmResponse> {
    const until = signal ?? new AbortController().signal;
    let attempts = 0;
    let cost = 0n;
    try {
      const leaving = await this.#run.outgoing(request);
      if (leaving.refused) return leaving.refused;
      for (;;) {
        const sent = this.#sent(leaving.request);
        const answer = await this.#answer(sent, leaving.request, until);
        attempts += answer.attempts;
        cost += BigInt(answer.cost);
        const text = leaving.restored(answer.text);
        // First the answer: a run that ends here takes its cost from the database when it is resumed.
        if (text !== '' && !answer.lost) onEvent?.({ type: 'text', index: 0, text });
        if (answer.stop_reason !== null) onEvent?.({ type: 'stop', reason: answer.stop_reason });
        this.#returned(sent, answer.cost);
        await this.#table.remove([sent.call]).catch(() => this.#unremoved.push(sent.call));
        if (!answer.lost) return this.#response(request, { ...answer, text, attempts, cost });
      }
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      return { ...unreachable(error, request.modelId ?? '', this.#run.backend), attempts, cost };
    }
  }

  /** What can't be removed now either is removed when the run is resumed, or by a worker in time. */
  async removeRest(): Promise<void> {
    if (this.#unremoved.length === 0) return;
    const removed = (): Promise<void> => this.#table.remove(this.#unremoved);
    await throughOutage(removed, { mostMs: removeWithinMs }).catch(() => undefined);
  }

  /** The step's call that has no answer yet, or a new one. Throws `cost_limit_exceeded`, and what `worstCase` throws. */
  #sent(request: LlmRequest): LineOf<'sent'> {
    const step = request.workflow?.step ?? '';
    const { lines, runId } = this.#run;
    const before = lines.flatMap((line) => (line.kind === 'sent' && line.step === step ? line : []));
    const last = before.at(-1);
    if (last && !isReturned(lines, last.call)) return last;
    const most = this.worstCase(request);
    if (most > this.#left) throw costLimitExceeded(most, this.#left);
    this.#left -= most;
    const call = `${runId}:${step}:${before.length + 1}`;
    const line = { kind: 'sent', step, call, most: most.toString() } as const;
    // Before it can be made: what it costs counts from here on.
    this.#run.append(line);
    return line;
  }

  #returned({ call, most }: LineOf<'sent'>, cost: string): void {
    this.#run.append({ kind: 'returned', call, cost });
    this.#left += BigInt(most) - BigInt(cost);
  }

  /**
   * Waits for a worker's answer. Throws `cancelled`: a call that no worker has begun is withdrawn, one that is under way goes
   * on, and its answer is there when the run is resumed.
   */
  async #answer(sent: LineOf<'sent'>, request: LlmRequest, signal: AbortSignal): Promise<SharedAnswer> {
    const call = callOf(request, sent.most, this.#run.workflow);
    if (Buffer.byteLength(JSON.stringify(call)) > mostBytes) throw tooLong(sent.step);
    try {
      const enqueued = (): Promise<void> => this.#enqueue(sent.call, call);
      await throughOutage(enqueued, { signal, mostMs: mostOutageMs });
      const answer = await this.#answers.of(sent.call, signal);
      if (answer) return answer;
    } catch (error) {
      if (!signal.aborted) throw this.#database.failure(error);
      await this.#withdraw(sent);
      throw new GatewayError('cancelled', `The wait for the answer of "${sent.step}" was stopped.`);
    }
    this.#returned(sent, sent.most);
    throw new GatewayError(
      'service_failed',
      `The call of "${sent.step}" was removed from the team’s database.`,
      {
        hint: 'An erasure removes the calls of a user, and a worker those that are a week old. Resume the run.',
      },
    );
  }

  /** A call that no worker has begun is taken back, if the database answers in time. */
  async #withdraw(sent: LineOf<'sent'>): Promise<void> {
    const withdrawn = this.#table.withdraw(sent.call).catch(() => false);
    if (await Promise.race([withdrawn, after(withdrawWithinMs, false)])) this.#returned(sent, '0');
  }

  async #enqueue(id: string, call: SharedCall): Promise<void> {
    await this.#table.add(id, call);
    await this.#client.enqueue({
      queueName: queueOf(this.#run.backend).name,
      workflowName: workName,
      workflowID: id,
      appVersion: application.version,
    });
  }

  async #tellOfMissingWorkers(): Promise<void> {
    this.#waitingSince ??= performance.now();
    if (this.#told || performance.now() - this.#waitingSince < tellAfterMs) return;
    if (await hasWorkers(this.#database.pool, queueOf(this.#run.backend))) return;
    this.#told = true;
    this.#run.warn(
      'No worker is there: the run waits. Start one with "tidyllm worker", on this machine or another.',
    );
  }

  #response(
    request: LlmRequest,
    {
      text,
      stop_reason: stopReason,
      attempts,
      cached,
      cost,
      error,
    }: Omit<SharedAnswer, 'cost'> & { cost: bigint },
  ): LlmResponse {
    return {
      ...withoutCall(text, request.modelId ?? '', this.#run.backend),
      success: error === null,
      status: error === null ? 'success' : 'failed',
      stopReason,
      attempts,
      cacheHit: cached,
      cost,
      error: error && new GatewayError(error.code, error.message, { hint: error.hint }),
      gatewayTracked: true,
    };
  }
}

function isReturned(lines: readonly RunLine[], call: string): boolean {
  return lines.some((line) => line.kind === 'returned' && line.call === call);
}

function tooLong(step: string): GatewayError {
  return new GatewayError(
    'invalid_request',
    `The prompt of "${step}" is too long for the team’s database: at most ${mostBytes / 1e6} MB.`,
    { hint: 'Split the step, or run the workflow without --on postgres.' },
  );
}

function callOf(request: LlmRequest, most: string, workflow: string): SharedCall {
  const { prompt = '', system, modelId = '', outputSchema, cache, useClass } = request;
  return {
    workflow,
    run_id: request.workflow?.runId ?? '',
    step: request.workflow?.step ?? '',
    user: request.userId ?? '',
    reason: request.auditReason ?? '',
    most,
    request: {
      prompt,
      model: modelId,
      max_tokens: request.maxTokens ?? 0,
      temperature: request.temperature ?? 0,
      ...(typeof system === 'string' && { system }),
      ...(outputSchema && { schema: outputSchema.schema }),
      ...(cache !== undefined && { cache }),
      ...(useClass !== undefined && { use_class: useClass }),
    },
  };
}
