import { randomUUID } from 'node:crypto';
import { GatewayError } from '../../errors.ts';
import type { Placement } from '../../compliance/placement.ts';
import type { Screened } from '../../compliance/found.ts';
import { countsInWords } from '../../compliance/words.ts';
import { ComplianceBlocked, type Excepted, type Judged, type Screening } from '../../compliance/screening.ts';
import type { ContentStore, KeptCall } from '../../content/contentStore.ts';
import type { CallLedger, LedgerReader, RefuseInput, Reservation } from '../../ledger/contract.ts';
import { readReason, requireReason } from '../../ledger/reason.ts';
import type { Note, SettledOutcome } from '../../ledger/records.ts';
import { formatUsd, noTokens, tierFor } from '../../pricing/cost.ts';
import { profileOf } from '../../pricing/availability.ts';
import { bareIdOf, type Model, type ModelCatalogue } from '../../pricing/modelCatalogue.ts';
import type { AgreementContext, Gateway, Health } from '../gateway.ts';
import type { CallTracker, ModelBackend } from '../ports.ts';
import {
  admit,
  describeRequest,
  modelOf,
  requireCaller,
  requireUser,
  type AdmissionPolicy,
  type AdmittedCall,
} from './admission.ts';
import { BudgetExceeded, budgetBlocked, costLimitExceeded } from '../budgetRefusals.ts';
import { budgetOffer } from './budgetOffer.ts';
import { emptyAnswer, messageOf, take, type Answer } from './answer.ts';
import { AnswerEvents } from './answerEvents.ts';
import { eventsOfAnswer } from './answerReplay.ts';
import { answerNotes, cacheNotes, groupNotes, requestNotes } from './contentNotes.ts';
import { chargeOf, tokenCounts, unitPrices } from './charge.ts';
import { endedAttempt, responseTo, type Attempt, type AttemptEnd } from './response.ts';
import { shortfallOf } from '../shortfall.ts';
import { screenRequest, type ExceptionSource } from './screenRequest.ts';
import type {
  CachedAnswer,
  CallOptions,
  CallPlan,
  GovernedCalls,
  GovernedResponse,
  LlmRequest,
} from '../modelCalls.ts';

type GatewayLedger = CallLedger & Pick<LedgerReader, 'budget' | 'requireRecordable' | 'timeZone'>;

export interface CorporateLlmDependencies {
  backend: ModelBackend;
  ledger: GatewayLedger;
  catalogue: ModelCatalogue;
  content: ContentStore;
  policy: AdmissionPolicy;
  screening: Screening;
  exceptions: ExceptionSource;
  tracker: CallTracker;
}

/** An admitted call, and what policy keeps of it. */
interface PreparedCall extends AdmittedCall {
  screened: Screened;
  judged: Judged;
  kept: KeptCall;
}

/** A call with its reservation. */
interface ReservedCall extends PreparedCall {
  /** Policy day of its RESERVE record. */
  day: string;
}

/**
 * Level 1 and the choke point: the only caller of a model. Each call is admitted, its worst case is
 * reserved and recorded, then it is dispatched, streamed and settled. NO DIRECT AWS CALLS ALLOWED.
 */
export class CorporateLlmGateway implements Gateway, GovernedCalls {
  // Another extension in the same process could replace the deciding methods with its own.
  static {
    Object.freeze(this.prototype);
  }

  readonly id = 'corporate_llm';
  readonly #backend: ModelBackend;
  readonly #ledger: GatewayLedger;
  readonly #catalogue: ModelCatalogue;
  readonly #content: ContentStore;
  readonly #policy: AdmissionPolicy;
  readonly #screening: Screening;
  /** A request is planned and then made: it is searched once. */
  readonly #screened = new WeakMap<LlmRequest, Promise<Screened>>();
  /** Its reason too. */
  readonly #recordable = new WeakMap<LlmRequest, Promise<string>>();
  readonly #exceptions: ExceptionSource;
  readonly #tracker: CallTracker;

  constructor(dependencies: CorporateLlmDependencies) {
    const { backend, ledger, catalogue, content, policy, screening, exceptions, tracker } = dependencies;
    this.#backend = backend;
    this.#ledger = ledger;
    this.#catalogue = catalogue;
    this.#content = content;
    this.#policy = policy;
    this.#screening = screening;
    this.#exceptions = exceptions;
    this.#tracker = tracker;
  }

  getCapabilities() {
    const models = this.#catalogue.available().map(({ name }) => name);
    return { providers: [this.#backend.id], models, mlflowEnabled: this.#tracker.mlflowEnabled };
  }

  /** The most that a request can cost, in micro-USD. Throws what `execute` would refuse it with. */
  worstCase(request: LlmRequest): bigint {
    return admit('', request, { catalogue: this.#catalogue, backend: this.#backend }).worstCase;
  }

  /** Healthy if its ledger can be read and its back-end responds. */
  async checkHealth(signal: AbortSignal): Promise<Health> {
    const startedAt = performance.now();
    const checkedAt = new Date().toISOString();
    try {
      await this.#ledger.budget();
      await this.#ledger.requireRecordable();
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      return { state: 'failed', latencyMs: null, evidence: 'The ledger refuses calls.', error, checkedAt };
    }
    const backend = await this.#backend.checkHealth(signal);
    const evidence = backend.state === 'healthy' ? 'Ledger and back-end are up.' : 'The back-end is not up.';
    return { ...backend, evidence, latencyMs: performance.now() - startedAt };
  }

  /** Its known requests are checked as calls are, and nothing is recorded. */
  async validateAgreement(context: AgreementContext): Promise<readonly string[]> {
    const { reason, requests, worstCase, costLimit } = context;
    requireReason(reason, this.#policy);
    requireCaller(this.#policy);
    const hints = new Set<string>();
    for (const request of requests) {
      const { screened } = await this.#admit(this.#begin(request), request);
      if (screened.late) hints.add('The request was not searched in time.');
      if (screened.decision === 'redact')
        hints.add(`Policy redacts what the request has: ${countsInWords(screened.findings)}.`);
    }
    if (worstCase > costLimit) {
      throw new GatewayError(
        'cost_limit_exceeded',
        `The run may cost ${formatUsd(worstCase)}, and its agreement allows ${formatUsd(costLimit)}.`,
        { hint: 'Raise cost_limit_usd of the agreement, or reduce its work.' },
      );
    }
    // A ledger in doubt refuses here, before anything starts.
    await this.#ledger.budget();
    return [...hints];
  }

  /** Makes one governed call. Never throws for a call that fails: the response says how it ended. */
  async execute(request: LlmRequest, options: CallOptions = {}): Promise<GovernedResponse> {
    const signal = options.signal ?? new AbortController().signal;
    const attempt = this.#begin(request);
    let admitted: PreparedCall;
    let reserved: ReservedCall;
    try {
      admitted = this.#keep(attempt, await this.#admit(attempt, request, signal));
      signal.throwIfAborted();
      await this.#backend.prepare(signal);
      attempt.admittedAt = performance.now();
    } catch (error) {
      return this.#refuse(attempt, asGatewayError(error, signal));
    }
    try {
      const { call, screened, judged } = admitted;
      const notes = [
        ...requestNotes(call.content),
        ...groupNotes(request),
        this.#screening.noteOf(screened, judged, request.useClass ?? null),
      ];
      const reservation = await this.#reserve(attempt, admitted, notes);
      if (!reservation.granted) return this.#overBudget(attempt, admitted, reservation);
      reserved = { ...admitted, day: reservation.day };
      attempt.day = reservation.day;
      attempt.reservedAt = performance.now();
    } catch (error) {
      return this.#response(attempt, { status: 'failed', error: asGatewayError(error, signal) });
    }
    return this.#dispatch(attempt, reserved, signal, options.onEvent);
  }

  async plan(
    request: LlmRequest,
    { signal = new AbortController().signal }: Pick<CallOptions, 'signal'> = {},
  ): Promise<CallPlan> {
    const attempt = this.#begin(request);
    const { call } = await this.#admit(attempt, request, signal).catch((error: unknown) => {
      throw asGatewayError(error, signal);
    });
    const { modelId, content, temperature, maxTokens, serviceTier } = call;
    const { id: backend, location, simulated } = this.#backend;
    const { user_id: userId, workspace } = attempt.description;
    const sent = { modelId, content, temperature, maxTokens, serviceTier };
    return { backend, location, simulated, ...sent, userId, workspace };
  }

  refuse(request: LlmRequest, error: GatewayError): Promise<GovernedResponse> {
    const attempt = this.#begin(request);
    return this.#refuse(attempt, attempt.reasonFault ?? error);
  }

  async replay(
    request: LlmRequest,
    cached: CachedAnswer,
    { onEvent, signal = new AbortController().signal }: CallOptions = {},
  ): Promise<GovernedResponse> {
    const attempt = this.#begin(request);
    let admitted: PreparedCall;
    try {
      admitted = this.#keep(attempt, await this.#admit(attempt, request, signal));
      signal.throwIfAborted();
    } catch (error) {
      return this.#refuse(attempt, asGatewayError(error, signal));
    }
    try {
      const recorded = await this.#recordReplay(attempt, admitted, cached, groupNotes(request));
      if (!recorded.granted) return this.#overBudget(attempt, admitted, recorded);
      attempt.day = recorded.day;
      const answer = emptyAnswer();
      const events = new AnswerEvents(admitted.screened, (event) => onEvent?.(event));
      for (const event of eventsOfAnswer(cached)) {
        const elapsedMs = performance.now() - attempt.startedAt;
        take(answer, event, elapsedMs);
        events.take(event, elapsedMs);
      }
      events.end();
      const charge = { cost: 0n, estimatedBecause: null, usage: cached.tokenUsage, tiers: [] };
      const shown = events.answer;
      const ended = {
        status: 'success' as const,
        error: null,
        answer,
        shown,
        receipt: recorded.receipt,
        charge,
      };
      const { modelUsed } = cached;
      return this.#response(attempt, ended, { modelUsed, attempts: 0, cacheHit: true });
    } catch (error) {
      return this.#response(attempt, { status: 'failed', error: asGatewayError(error, signal) });
    }
  }

  /** Records a call that an earlier answer ends, and keeps of both what policy says. */
  async #recordReplay(
    attempt: Attempt,
    prepared: PreparedCall,
    { message, stopReason, ...cached }: CachedAnswer,
    group: readonly Note[],
  ): Promise<Reservation> {
    const { kept } = prepared;
    // A text is kept before its record is written, under the day that the record will have.
    const day = this.#content.keepsText ? (await this.#ledger.budget()).day : '';
    await kept.storeRequest(day);
    const ending = {
      outcome: 'success' as const,
      tokens: tokenCounts(noTokens),
      processing_time_ms: Math.round(performance.now() - attempt.startedAt),
      time_to_first_token_ms: null,
      stop_reason: stopReason,
      error_code: null,
      response_hmac: await kept.storeAnswer(day, message.content),
    };
    const input = { ...this.#reservationOf(attempt, prepared), request_hmac: kept.requestHmac };
    const notes = [
      ...requestNotes(prepared.call.content),
      ...group,
      this.#screening.noteOf(prepared.screened, prepared.judged, attempt.request.useClass ?? null),
      ...cacheNotes(cached),
    ];
    const recorded = await this.#ledger.recordFree(attempt.callId, input, ending, notes);
    if (this.#content.keepsText && recorded.granted && recorded.day !== day)
      await kept.storeAnswer(recorded.day, message.content);
    return recorded;
  }

  #begin(request: LlmRequest): Attempt {
    this.#screening.start();
    const reason = readReason(request.auditReason ?? '', this.#policy);
    return {
      callId: randomUUID(),
      request,
      startedAt: performance.now(),
      adjustments: [],
      reasonFault: reason.fault,
      description: describeRequest(request, this.#backend.id, {
        reason: reason.recorded,
        policy: this.#policy,
        catalogue: this.#catalogue,
      }),
    };
  }

  /** Checks a request and completes its description. Throws `GatewayError`. */
  async #admit(
    attempt: Attempt,
    request: LlmRequest,
    signal?: AbortSignal,
  ): Promise<Omit<PreparedCall, 'kept'>> {
    if (attempt.reasonFault) throw attempt.reasonFault;
    await this.#makeRecordable(attempt);
    requireUser(request, this.#policy);
    await this.#catalogue.learn(modelOf(request));
    const screened = await this.#screen(attempt, request, signal);
    attempt.screened = screened;
    const reached = { catalogue: this.#catalogue, backend: this.#backend };
    const admitted = admit(attempt.callId, request, reached, screened.content);
    attempt.description.model = admitted.model.name;
    attempt.description.model_id = admitted.model.modelId;
    attempt.adjustments = admitted.adjustments;
    attempt.call = admitted.call;
    const placement = this.#placementOf(admitted.model, request);
    const { description } = attempt;
    const useClass = request.useClass ?? null;
    const judged = await this.#screening.judge(
      { screened, placement, reason: description.reason, caller: description, useClass },
      this.#exceptedFor(description.user_id),
    );
    attempt.exceptions = judged.exceptions;
    return { ...admitted, screened, judged };
  }

  #placementOf({ name, modelId, baseId }: Model, request: LlmRequest): Placement {
    const names = [modelOf(request), name, modelId, baseId, bareIdOf(baseId)];
    const geography = profileOf(baseId)?.geography ?? null;
    return { modelNames: [...new Set(names)], modelId, region: this.#backend.region, geography };
  }

  #exceptedFor(userId: string): Excepted {
    return (permits) => this.#exceptions.covering(userId, permits);
  }

  /** The content of a request as it may leave. Throws `compliance_blocked` if policy keeps it back. */
  #screen({ description }: Attempt, request: LlmRequest, signal?: AbortSignal): Promise<Screened> {
    const before = this.#screened.get(request);
    if (before) return before;
    const dependencies = {
      content: this.#content,
      screening: this.#screening,
      exceptions: this.#exceptions,
    };
    const screening = screenRequest(request, description.user_id, dependencies, signal);
    this.#screened.set(request, screening);
    // A search that was stopped says nothing about the request.
    screening.catch(() => this.#screened.delete(request));
    return screening;
  }

  #keep({ callId, description }: Attempt, admitted: Omit<PreparedCall, 'kept'>): PreparedCall {
    return { ...admitted, kept: this.#content.begin(description.user_id, callId, admitted.call.content) };
  }

  #reservationOf({ description }: Attempt, { call, model, inputTokensBound }: AdmittedCall) {
    const modelKey = bareIdOf(model.baseId);
    return {
      ...description,
      ...(modelKey !== description.model_id && { model_key: modelKey }),
      region: this.#backend.region,
      price_key: model.priceKey,
      input_tokens_bound: inputTokensBound,
      max_tokens: call.maxTokens,
      temperature: call.temperature,
    };
  }

  #reserve(attempt: Attempt, prepared: PreparedCall, notes: readonly Note[]): Promise<Reservation> {
    const { worstCase, kept } = prepared;
    const input = this.#reservationOf(attempt, prepared);
    return this.#ledger.reserve(
      attempt.callId,
      { ...input, amount: worstCase, request_hmac: kept.requestHmac },
      notes,
    );
  }

  #overBudget(
    attempt: Attempt,
    admitted: AdmittedCall,
    refused: Extract<Reservation, { granted: false }>,
  ): GovernedResponse {
    const { receipt } = refused;
    return this.#response(attempt, { status: 'refused', error: this.#refusal(admitted, refused), receipt });
  }

  #refusal(admitted: AdmittedCall, refused: Extract<Reservation, { granted: false }>): GatewayError {
    const { timeZone } = this.#ledger;
    if ('overruns' in refused) return budgetBlocked(refused.overruns, timeZone);
    if ('leftOfRun' in refused) return costLimitExceeded(admitted.worstCase, refused.leftOfRun);
    const offer = budgetOffer(admitted, refused, this.#catalogue);
    return new BudgetExceeded(admitted.worstCase, { ...refused, timeZone }, offer);
  }

  /** The part after the intent is durable: the call itself and the record of how it ended. */
  async #dispatch(
    attempt: Attempt,
    reserved: ReservedCall,
    signal: AbortSignal,
    onEvent: CallOptions['onEvent'],
  ): Promise<GovernedResponse> {
    const answer = emptyAnswer();
    let error: GatewayError | null;
    const events = new AnswerEvents(reserved.screened, (event) => onEvent?.(event));
    try {
      // Stopped while the reservation was written: nothing was sent.
      signal.throwIfAborted();
      // Nothing is sent if policy requires keeping it and it can't be kept.
      await reserved.kept.storeRequest(reserved.day);
      for await (const event of this.#backend.converse(reserved.call, signal)) {
        const elapsedMs = performance.now() - attempt.startedAt;
        take(answer, event, elapsedMs);
        events.take(event, elapsedMs);
      }
      error = unusable(answer);
    } catch (thrown) {
      error = asGatewayError(thrown, signal);
    }
    try {
      events.end();
    } catch (thrown) {
      // The call is settled whatever its caller does with what is left.
      error ??= asGatewayError(thrown, signal);
    }
    const { answer: shown } = events;
    attempt.answeredAt = performance.now();
    try {
      const ended = await this.#settle(attempt, reserved, answer, error);
      return this.#response(attempt, { ...ended, answer, shown });
    } catch (thrown) {
      const ledgerError = asGatewayError(thrown, signal);
      const charge = chargeOf(reserved, answer, error);
      return this.#response(attempt, { status: 'failed', error: ledgerError, answer, shown, charge });
    }
  }

  async #settle(
    attempt: Attempt,
    reserved: ReservedCall,
    answer: Answer,
    callError: GatewayError | null,
  ): Promise<AttemptEnd> {
    const processingTimeMs = Math.round(performance.now() - attempt.startedAt);
    if (callError && callError.billing === 'none' && answer.usage === null) {
      const status = callError.code === 'cancelled' ? 'cancelled' : 'failed';
      const receipt = await this.#ledger.void(attempt.callId, {
        outcome: status,
        processing_time_ms: processingTimeMs,
        error_code: callError.code,
      });
      return { status, error: callError, receipt };
    }
    const kept = await keepAnswer(reserved, answer);
    const error = kept.error ?? callError;
    const status = settledOutcome(error, answer);
    const charge = chargeOf(reserved, answer, callError);
    const { cost, estimatedBecause, usage, tiers } = charge;
    const tier = estimatedBecause === null ? tierFor(tiers, usage) : undefined;
    const receipt = await this.#ledger.settle(
      attempt.callId,
      {
        outcome: status,
        cost_micro_usd: cost.toString(),
        estimated: estimatedBecause !== null,
        ...(estimatedBecause !== null && { estimated_because: estimatedBecause }),
        tokens: tokenCounts(usage),
        unit_prices: tier ? unitPrices(tier) : null,
        processing_time_ms: processingTimeMs,
        time_to_first_token_ms: answer.firstTokenMs === null ? null : Math.round(answer.firstTokenMs),
        stop_reason: answer.stopReason,
        error_code: error?.code ?? null,
        response_hmac: kept.responseHmac,
      },
      [...answerNotes(answer, reserved.call.content), ...(await this.#answerScreened(attempt, answer))],
    );
    return { status, error, receipt, charge };
  }

  /** What is in the answer as it was received. */
  async #answerScreened(attempt: Attempt, answer: Answer): Promise<Note[]> {
    const found = await this.#screening.findInAnswer(messageOf(answer));
    attempt.answerFindings = found ?? [];
    return this.#screening.answerNotes(found);
  }

  async #makeRecordable({ description, request }: Attempt): Promise<void> {
    const before = this.#recordable.get(request);
    const recordable = before ?? this.#screening.recordable(description.reason);
    this.#recordable.set(request, recordable);
    description.reason = await recordable;
  }

  /** Records a refusal. If that fails, the response says that it isn't tracked. */
  async #refuse(attempt: Attempt, error: GatewayError): Promise<GovernedResponse> {
    const outcome = error.code === 'cancelled' ? 'cancelled' : error.exitCode === 6 ? 'failed' : 'refused';
    await this.#makeRecordable(attempt);
    try {
      const refused: RefuseInput = { ...attempt.description, outcome, error_code: error.code };
      const notes = this.#refusalNotes(attempt, error);
      const receipt = await this.#ledger.refuse(attempt.callId, refused, notes);
      return this.#response(attempt, { status: outcome, error, receipt });
    } catch (ledgerError) {
      if (!GatewayError.is(ledgerError)) throw ledgerError;
      return this.#response(attempt, { status: outcome, error });
    }
  }

  #refusalNotes({ screened }: Attempt, error: GatewayError): Note[] {
    if (error instanceof ComplianceBlocked) return [this.#screening.noteOf(error)];
    if (error.code !== 'compliance_blocked' || !screened) return [];
    return [this.#screening.noteOf({ ...screened, decision: 'block' })];
  }

  #response(attempt: Attempt, end: AttemptEnd, changes: Partial<GovernedResponse> = {}): GovernedResponse {
    const response = { ...responseTo(attempt, end, this.#backend), ...changes };
    this.#tracker.attempt(endedAttempt(attempt, end, response));
    return response;
  }
}

/** An answer that can't be kept is settled anyway, because it is billed. */
async function keepAnswer(
  { kept, day }: ReservedCall,
  answer: Answer,
): Promise<{ responseHmac: string | null; error: GatewayError | null }> {
  try {
    return { responseHmac: await kept.storeAnswer(day, messageOf(answer)?.content ?? ''), error: null };
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    return { responseHmac: null, error };
  }
}

/** Why a complete answer is unusable. It is billed, and a retry may help. */
function unusable({ stopReason, malformed, content }: Answer): GatewayError | null {
  const shortfall = shortfallOf(malformed ? 'malformed_tool_use' : stopReason, content);
  if (shortfall?.kind !== 'malformed') return null;
  const { message, hint } = shortfall;
  return new GatewayError('backend_failed', message, { hint, retryable: true, billing: 'received' });
}

function settledOutcome(error: GatewayError | null, answer: Answer): SettledOutcome {
  if (error === null) return 'success';
  if (error.code === 'cancelled') return 'cancelled';
  return answer.blocks.size === 0 && answer.usage === null ? 'failed' : 'incomplete';
}

/** Back-ends throw `GatewayError`; anything else is our bug, with unknown billing. */
function asGatewayError(error: unknown, signal: AbortSignal): GatewayError {
  if (GatewayError.is(error)) return error;
  if (signal.aborted) return new GatewayError('cancelled', 'The call was stopped.', { cause: error });
  return new GatewayError('internal_error', 'The call failed for an unexpected reason.', {
    hint: 'See the output for details.',
    billing: 'unknown',
    cause: error,
  });
}
