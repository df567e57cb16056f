import { randomUUID } from 'node:crypto';
import { GatewayError, messageOf } from '../../errors.ts';
import type { Core } from '../../core/core.ts';
import type { FlowAgreement } from '../../flow/agreement.ts';
import type { FlowExecution } from '../../flow/flowAgreementManager.ts';
import { reportBrief } from '../../flow/reportMarkdown.ts';
import { requestDefaults, type LlmRequest, type LlmResponse } from '../../gateways/modelCalls.ts';
import type { CallOrigin } from '../../gateways/callOrigin.ts';
import { shortfallOf, type Shortfall } from '../../gateways/shortfall.ts';
import type { ChatMessage } from '../../content/messages.ts';
import { briefMessage } from '../../host/errorText.ts';
import { fixesFor, type Fix } from '../../host/fixes.ts';
import { contextTokens, formatUsd } from '../../pricing/cost.ts';
import { isFlowCommand, type Failure, type HostMessage, type Turn, type TurnResult } from './protocol.ts';

const turnsKept = 100;
/** Pieces of an answer that arrive this close together make one message to the view. */
const textDelayMs = 30;

export interface ConversationDependencies {
  /** Runs work with the core; throws `gateway_unavailable` while there is none. */
  use: <T>(work: (core: Core) => Promise<T>) => Promise<T>;
  origin: () => Promise<CallOrigin>;
  /** Runs the agreement that a command means; throws `flow_not_matched`. */
  runFlow: (command: string, options: FlowCommandOptions) => Promise<FlowExecution>;
  fixLabel: (fix: Fix) => string;
  /** Whether the view has shown a turn that it was told of; false when it doesn't in time, or when that is stopped. */
  shown: (turn: string, signal: AbortSignal) => Promise<boolean>;
  /** Tells the view, if there is one. */
  post: (message: HostMessage) => void;
  /** After every change that is worth keeping. */
  onDidChange: () => void;
  /** For the log; what people need to know is in the conversation. */
  onError: (error: unknown) => void;
}

export interface FlowCommandOptions {
  signal: AbortSignal;
  onStart: (agreement: FlowAgreement) => void;
  onProgress: (message: string) => void;
}

/** What of an earlier question changes when it is asked again. */
export type Change = Partial<Pick<LlmRequest, 'modelId' | 'maxTokens'>>;

/** The conversation as the extension holds it. Every answer comes through the corporate gateway. */
export class Conversation {
  readonly #dependencies: ConversationDependencies;
  #turns: Turn[];
  #running: AbortController | null = null;
  #text: TextBuffer | null = null;
  reason: string;

  constructor(dependencies: ConversationDependencies, kept: { turns: Turn[]; reason: string }) {
    this.#dependencies = dependencies;
    // What was under way when the window closed has no end here; the ledger has it.
    this.#turns = kept.turns.map((turn) => (turn.result ? turn : { ...turn, result: interrupted }));
    this.reason = kept.reason;
  }

  /** As far as the answers have arrived; the view gets later text as it comes. */
  get turns(): Turn[] {
    this.#text?.flush();
    return this.#turns;
  }

  get answering(): boolean {
    return this.#running !== null;
  }

  turn(id: string): Turn | undefined {
    return this.#turns.find((turn) => turn.id === id);
  }

  /** Stops the answer and forgets everything, the reason too. */
  clear(): void {
    this.stop();
    this.#running = null;
    this.#turns = [];
    this.reason = '';
    this.#dependencies.onDidChange();
  }

  stop(): void {
    this.#running?.abort();
  }

  /** Asks and streams the answer into a new turn. While one is on its way, another question is not taken. */
  async ask(question: string, model: string, change: Change = {}): Promise<void> {
    if (this.#running) return;
    const running = new AbortController();
    this.#running = running;
    const turn: Turn = {
      id: randomUUID(),
      question,
      reason: this.reason,
      model: change.modelId ?? model,
      simulated: false,
      answer: '',
      result: null,
    };
    if (isFlowCommand(question)) return this.#runFlow(turn, running);
    const request = await this.#request(question, turn.model, change.maxTokens);
    if (!(await this.#isShown(turn, running))) return;
    const text = new TextBuffer((piece) =>
      this.#dependencies.post({ type: 'text', id: turn.id, text: piece }),
    );
    this.#text = text;
    try {
      const response = await this.#dependencies.use((core) => {
        turn.simulated = core.backend.simulated;
        this.#changed(turn);
        return core.registry.calls().execute(request, {
          signal: running.signal,
          onEvent: (event) => {
            if (event.type !== 'text') return;
            turn.answer += event.text;
            text.add(event.text);
          },
        });
      });
      turn.result = this.#resultOf(response);
      if (response.error?.code === 'audit_reason_missing') this.#refuseReason(turn, response.error);
    } catch (error) {
      turn.result = { ...interrupted, status: 'failed', failure: this.#failureOf(error) };
    }
    text.flush();
    if (this.#running === running) this.#running = null;
    this.#changed(turn);
  }

  /** Runs an agreement, and shows what it found in place of an answer. */
  async #runFlow(turn: Turn, running: AbortController): Promise<void> {
    const shown = { trigger: turn.question.trim(), progress: '', reportOf: null as string | null };
    Object.assign(turn, { reason: '', model: shown.trigger, flow: shown });
    if (!(await this.#isShown(turn, running))) return;
    try {
      const execution = await this.#dependencies.runFlow(turn.question, {
        signal: running.signal,
        onStart: ({ trigger }) => {
          shown.trigger = turn.model = trigger;
          this.#changed(turn);
        },
        onProgress: (message) => {
          shown.progress = message;
          this.#changed(turn);
        },
      });
      turn.simulated = execution.simulated;
      if (execution.storedReport) turn.answer = reportBrief(execution.storedReport);
      shown.reportOf = execution.storedReport && execution.runId;
      turn.result = this.#resultOfRun(execution);
    } catch (error) {
      turn.result = { ...interrupted, status: 'failed', failure: this.#failureOf(error) };
    }
    if (this.#running === running) this.#running = null;
    this.#changed(turn);
  }

  /** Shows a new turn. Where it can't be shown, it says so and nothing may be sent: nobody would see what it cost. */
  async #isShown(turn: Turn, running: AbortController): Promise<boolean> {
    this.#turns = [...this.#turns, turn].slice(-turnsKept);
    this.#changed(turn);
    const { signal } = running;
    if ((await this.#dependencies.shown(turn.id, signal)) && !signal.aborted) return true;
    const nothing = { ...interrupted, cost: formatUsd(0n) };
    const retry: Fix = { kind: 'retry' };
    turn.result = signal.aborted
      ? { ...nothing, status: 'cancelled' }
      : {
          ...nothing,
          status: 'failed',
          failure: {
            message: 'The question was not sent: the chat view did not show it.',
            hint: 'Open the chat view, or reload the window if it stays empty, and ask again.',
            fixes: [{ label: this.#dependencies.fixLabel(retry), fix: retry }],
          },
        };
    if (this.#running === running) this.#running = null;
    this.#changed(turn);
    return false;
  }

  /**
   * Forgets what was asked before this user's content was erased; `wasErased` tells it for a record of this ledger.
   * Whether anything was forgotten.
   */
  async forgetErased(ledger: string, wasErased: (sequence: number) => Promise<boolean>): Promise<boolean> {
    for (const turn of this.#turns.toReversed()) {
      const record = turn.result?.record;
      if (record?.ledger !== ledger || !(await wasErased(record.sequence))) continue;
      this.#turns = this.#turns.slice(this.#turns.indexOf(turn) + 1);
      this.#dependencies.onDidChange();
      return true;
    }
    return false;
  }

  /** Asks a turn's question again; a turn without any answer makes room for the new one. */
  async askAgain(turn: Turn, change: Change = {}): Promise<void> {
    if (this.#running) return;
    if (turn.answer === '') this.#remove(turn);
    await this.ask(turn.question, turn.model, change);
  }

  /** Lets the model go on where an answer was cut off; one that never began is asked again with more room. */
  async goOn(turn: Turn, model: string): Promise<void> {
    if (turn.result?.shortfall?.goOn === 'continue') {
      await this.ask('Go on exactly where you stopped.', model);
      return;
    }
    const most = await this.#dependencies.use((core) =>
      Promise.resolve(core.catalogue.resolve(turn.model).maxOutputTokens),
    );
    const longer = 4 * requestDefaults.maxTokens;
    await this.askAgain(turn, { maxTokens: most === null ? longer : Math.min(longer, most) });
  }

  /** The most that asking this now may cost, in micro-USD. Throws `GatewayError` where it would be refused. */
  async worstCase(question: string, model: string): Promise<bigint> {
    if (isFlowCommand(question)) {
      return this.#dependencies.use(async ({ flow }) => {
        const { agreement, parameters } = await flow.parseCommand(question);
        return agreement ? flow.worstCase(agreement, parameters) : 0n;
      });
    }
    const request = await this.#request(question, model, undefined);
    return this.#dependencies.use(async (core) => {
      await core.catalogue.learn(model);
      return core.registry.calls().worstCase(request);
    });
  }

  async #request(question: string, modelId: string, maxTokens: number | undefined): Promise<LlmRequest> {
    const before = this.#turns
      // What a run found is for people; it goes to a model when they say so.
      .filter(({ answer, flow }) => answer.trim() !== '' && !flow)
      .flatMap((turn): ChatMessage[] => [
        { role: 'user', content: turn.question },
        { role: 'assistant', content: turn.answer },
      ]);
    return {
      messages: [...before, { role: 'user', content: question }],
      modelId,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      auditReason: this.reason,
      origin: await this.#dependencies.origin(),
    };
  }

  #changed(turn: Turn): void {
    if (!this.#turns.includes(turn)) return;
    this.#dependencies.post({ type: 'turn', turn });
    this.#dependencies.onDidChange();
  }

  #remove(turn: Turn): void {
    this.#turns = this.#turns.filter((other) => other !== turn);
    this.#dependencies.post({ type: 'turnRemoved', id: turn.id });
  }

  #refuseReason(turn: Turn, error: GatewayError): void {
    if (!this.#turns.includes(turn)) return;
    this.#remove(turn);
    const message = `${error.message} ${error.hint}`;
    this.#dependencies.post({ type: 'reasonRefused', message, question: turn.question });
    this.#dependencies.onDidChange();
  }

  #resultOf(response: LlmResponse): TurnResult {
    const { status, processingTimeMs, tokenUsage, cost, costEstimated, auditTrail, error } = response;
    const shortfall = error ? null : shortfallOf(response.stopReason, response.content);
    return {
      status,
      processingTimeMs,
      tokens: { input: contextTokens(tokenUsage), output: tokenUsage.output },
      cost: formatUsd(cost),
      costEstimated,
      estimatedBecause: response.costEstimatedBecause,
      ...(shortfall && { shortfall: shownShortfall(shortfall, response) }),
      record:
        response.gatewayTracked && auditTrail
          ? { ledger: auditTrail.ledger, callId: auditTrail.callId, sequence: auditTrail.sequence }
          : null,
      failure: error && error.code !== 'cancelled' ? this.#failureOf(error) : null,
    };
  }

  #resultOfRun(execution: FlowExecution): TurnResult {
    const { error, outcome, durationMs, cost, receipt } = execution;
    return {
      status: outcome === 'orphaned' ? 'failed' : outcome,
      processingTimeMs: durationMs,
      tokens: null,
      cost: formatUsd(cost),
      costEstimated: false,
      record: receipt && {
        ledger: receipt.ledgerId,
        callId: execution.runId,
        sequence: receipt.sequence,
      },
      failure: error && error.code !== 'cancelled' ? this.#failureOf(error) : null,
    };
  }

  #failureOf(error: unknown): Failure {
    this.#dependencies.onError(error);
    if (!GatewayError.is(error)) return { message: messageOf(error), hint: '', fixes: [] };
    return failureOf(error, this.#dependencies.fixLabel);
  }
}

/** Only an answer that was cut at its own limit can go on: a full context has no room for more. */
function shownShortfall(
  { message, hint }: Shortfall,
  { stopReason, content }: LlmResponse,
): TurnResult['shortfall'] {
  const cut = stopReason === 'max_tokens';
  return { message, hint, goOn: cut ? (content.trim() === '' ? 'longer' : 'continue') : null };
}

/** An error as the view shows it. */
export function failureOf(error: GatewayError, fixLabel: (fix: Fix) => string): Failure {
  const fixes = fixesFor(error).map((fix) => ({ label: fixLabel(fix), fix }));
  const { hint, detail } = error;
  return { message: briefMessage(error), hint, fixes, ...(detail !== null && { detail }) };
}

const interrupted: TurnResult = {
  status: 'interrupted',
  processingTimeMs: null,
  tokens: null,
  cost: null,
  costEstimated: false,
  record: null,
  failure: null,
};

/** Gathers the pieces of an answer, so that a fast model doesn't make a message of every word. */
class TextBuffer {
  readonly #send: (text: string) => void;
  #text = '';
  #timer: NodeJS.Timeout | null = null;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  add(piece: string): void {
    this.#text += piece;
    this.#timer ??= setTimeout(() => this.flush(), textDelayMs);
  }

  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#text !== '') this.#send(this.#text);
    this.#text = '';
  }
}
