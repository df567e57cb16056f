import { randomUUID } from 'node:crypto';
import type { ChatMessage } from '../content/messages.ts';
import { GatewayError } from '../errors.ts';
import type { FlowAgreement } from '../flow/agreement.ts';
import type { FlowAgreementManager, FlowExecution } from '../flow/flowAgreementManager.ts';
import { reportBrief } from '../flow/reportMarkdown.ts';
import type { CallOrigin } from '../gateways/callOrigin.ts';
import { requestDefaults, type LlmRequest } from '../gateways/modelCalls.ts';
import type { BackendInfo } from '../gateways/ports.ts';
import { readReason } from '../ledger/reason.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { Model, ModelCatalogue } from '../pricing/modelCatalogue.ts';
import type { SearchedFolder } from '../retrieval/workspaceFiles.ts';
import type { ChatCalls, ChatMode, ChatWorkspace } from './chatMode.ts';
import type { Approval } from './tools/chatTool.ts';
import type { Attachment } from './context/attachment.ts';
import {
  omitting,
  overflowOf,
  requireRoom,
  sentTurns,
  summaryQuestion,
  summaryTokens,
  windowUse,
  type WindowUse,
} from './context/contextWindow.ts';
import { rulesPrompt, type RulesFile } from './context/rulesFiles.ts';
import type { Preview } from './context/preview.ts';
import { sentQuestion } from './context/sentQuestion.ts';
import { citationFaults } from './citations.ts';
import { isFlowCommand } from './flowCommand.ts';
import { TextBuffer } from './textBuffer.ts';
import { TurnTree } from './turnTree.ts';
import type { Failure, Turn, TurnResult } from './turn.ts';
import { turnResultOf } from './turnResult.ts';
import type { UnifiedChatManager } from './unifiedChatManager.ts';

/** What a conversation begins with. */
export interface KeptConversation {
  /** In the order they were asked; all branches. */
  turns: readonly Turn[];
  /** The last turn of the shown branch; by default the last one that was asked. */
  leaf?: string | null;
  reason: string;
  mode: string;
  signature: string;
  useClass?: string;
}

/** What a conversation needs of the core. */
export interface ChatCore {
  readonly chat: UnifiedChatManager;
  readonly backend: Pick<BackendInfo, 'simulated'>;
  readonly catalogue: Pick<ModelCatalogue, 'available' | 'learn' | 'resolve'>;
  readonly flow: Pick<FlowAgreementManager, 'parseCommand' | 'worstCase'>;
}

/** Events of a conversation, for its view. */
export type ConversationEvent =
  /** A new turn, or the whole of a changed one. */
  | { type: 'turn'; turn: Turn }
  | { type: 'turnRemoved'; id: string }
  /** The next piece of a turn's answer. */
  | { type: 'text'; id: string; text: string }
  /** The next piece of what the model thought before it. */
  | { type: 'thinking'; id: string; text: string }
  /** The reason, the mode or the shown turns were replaced. */
  | { type: 'replaced' };

export interface ConversationDependencies {
  /** Of the conversation; joins its calls. */
  id: string;
  /** Runs work with the core. Throws `gateway_unavailable` without one. */
  use: <T>(work: (core: ChatCore) => Promise<T>) => Promise<T>;
  origin: () => Promise<CallOrigin>;
  /** The folders of the workspace, for modes that answer from them. */
  folders: () => readonly SearchedFolder[];
  /** The problems that the editor shows, a line for each. */
  problems: () => Promise<string>;
  /** The rules files of the workspace, if they may be followed. */
  rules: () => Promise<readonly RulesFile[]>;
  /** Runs the agreement that matches a command. Throws `flow_not_matched`. */
  runFlow: (command: string, options: FlowCommandOptions) => Promise<FlowExecution>;
  /** Resolves once the turn is visible, otherwise with why it can't be shown; then nothing is sent. */
  show: (turn: string, signal: AbortSignal) => Promise<Failure | null>;
  /** Logs an error and words it for the front door. */
  failureOf: (error: unknown) => Failure;
  onEvent: (event: ConversationEvent) => void;
  /** Called after every change to be kept: turns that began, ended or left, or another branch. */
  onDidChange: (changed: readonly Turn[], removed: readonly Turn[]) => void;
}

export interface FlowCommandOptions {
  signal: AbortSignal;
  onStart: (agreement: FlowAgreement) => void;
  onProgress: (message: string) => void;
}

/** What differs from the conversation, or when an earlier question is asked again. */
export type Change = Partial<Pick<LlmRequest, 'modelId' | 'maxTokens' | 'cache' | 'redact' | 'useClass'>> & {
  mode?: string;
  signature?: string;
  reason?: string;
  attachments?: readonly Attachment[];
  omits?: string | undefined;
  /** How many of the oldest turns are left out. */
  leaveOut?: number | undefined;
  /** The same, and they are summarised first. */
  summarise?: number | undefined;
};

/** The place of a turn among those that were asked in its place. */
export interface Version {
  /** From 1. */
  number: number;
  of: number;
}

/** The outcome of asking. Only an `asked` question joins the conversation; others are returned to the caller. */
export type AskResult =
  /** The turn's `result` says how it ended, even if nothing could be sent. */
  | { outcome: 'asked'; turn: Turn }
  /** An answer is running. */
  | { outcome: 'busy' }
  | { outcome: 'reason_refused'; error: GatewayError };

/**
 * A conversation with a model: its turns, and the reason and the mode of its questions. The turns are a tree, of which
 * one branch is shown.
 */
export class Conversation {
  readonly #dependencies: ConversationDependencies;
  #tree: TurnTree;
  /** The shown branch. */
  #turns: readonly Turn[];
  #running: AbortController | null = null;
  /** The pieces of the running answer, and of its reasoning, that were not told yet. */
  #pieces: readonly TextBuffer[] = [];
  /** Whether a person allowed all tools of this conversation, in this window. */
  #toolsAllowed = false;
  #decide: ((approval: Approval | null) => void) | null = null;
  /** Why the next question is asked, as it was written. */
  reason: string;
  /** How the next question is answered: the name of a mode, and a signature in one line for the mode `structured`. */
  mode: string;
  signature: string;
  /** What the next question is for, of the use classes that policy names; empty if that isn't stated. */
  useClass: string;
  /** Whether the rules files of the workspace are followed. */
  followsRules = true;

  constructor(
    dependencies: ConversationDependencies,
    { turns, leaf, reason, mode, signature, useClass = '' }: KeptConversation,
  ) {
    this.#dependencies = dependencies;
    this.#tree = new TurnTree(turns.map(ended));
    this.#turns = this.#tree.pathTo(this.#tree.find(leaf ?? '') ?? this.#tree.all.at(-1));
    this.reason = reason;
    this.mode = mode;
    this.signature = signature;
    this.useClass = useClass;
  }

  /** The turns of the shown branch with their answers so far; later text comes as events. */
  get turns(): readonly Turn[] {
    for (const pieces of this.#pieces) pieces.flush();
    return this.#turns;
  }

  /** The turns of all branches, in the order they were asked. */
  get allTurns(): readonly Turn[] {
    return this.#tree.all;
  }

  /** Whether more turns follow the last shown one. */
  get hasLater(): boolean {
    const last = this.#turns.at(-1);
    return last !== undefined && this.#tree.hasFollowers(last);
  }

  versionOf(turn: Turn): Version {
    const versions = this.#tree.versionsOf(turn);
    return { number: versions.indexOf(turn) + 1, of: versions.length };
  }

  get answering(): boolean {
    return this.#running !== null;
  }

  turn(id: string): Turn | undefined {
    return this.#turns.find((turn) => turn.id === id);
  }

  /** Stops the answer and forgets everything, the reason and the mode too. */
  clear(): void {
    this.stop();
    this.#running = null;
    this.reason = '';
    this.mode = 'direct';
    this.signature = '';
    this.useClass = '';
    this.#toolsAllowed = false;
    this.followsRules = true;
    this.#tree = new TurnTree();
    this.#show([]);
  }

  /** Forgets every turn but one that is being answered. */
  forgetEnded(): void {
    const left = this.#turns.filter(({ result }) => result === null);
    if (left.length === this.#turns.length) return;
    this.#tree = new TurnTree(left);
    this.#show(left);
  }

  stop(): void {
    this.#running?.abort();
  }

  /** Asks, and streams the answer into a new turn. */
  ask(question: string, model: string, change: Change = {}): Promise<AskResult> {
    return this.#ask(question, model, change, this.#turns);
  }

  /** Asks a turn's question again: in the place of one without an answer, or with a cached one, otherwise at the end. */
  async askAgain(turn: Turn, { leaveOut = 0, summarise = 0, ...given }: Change = {}): Promise<AskResult> {
    const change = { ...asBefore(turn), ...given };
    const replaces = (turn.answer === '' || change.cache === false) && turn === this.#turns.at(-1);
    const before = replaces ? this.#before(turn) : this.#turns;
    const oldest = sentTurns(before).slice(0, leaveOut + summarise);
    if (summarise === 0) {
      const omits = omitting(oldest) ?? turn.omits;
      return this.#ask(turn.question, turn.model, { ...change, omits }, before);
    }
    const { modelId: model = turn.model } = change;
    const result = await this.#summarise(oldest, model, before);
    if (result.outcome !== 'asked' || result.turn.result?.status !== 'success') return result;
    return this.#ask(turn.question, turn.model, { ...change, omits: undefined }, this.#turns);
  }

  /** Asks for a summary of the oldest turns, which stands for them from now on. */
  #summarise(oldest: readonly Turn[], model: string, before: readonly Turn[]): Promise<AskResult> {
    const change: Change = { mode: 'direct', maxTokens: summaryTokens, omits: omitting(oldest) };
    return this.#ask(summaryQuestion, model, change, before, oldest);
  }

  /** Asks a turn's question again for another answer; the old one stays, with what followed it, as a version. */
  regenerate(turn: Turn, model: string): Promise<AskResult> {
    const change = { ...asBefore(turn), cache: false };
    return this.#ask(turn.question, model, change, this.#before(turn));
  }

  /** Asks another question, with the same attachments, in the place of a turn, which stays as a version. */
  edit(turn: Turn, question: string, model: string): Promise<AskResult> {
    const { attachments = [], omits } = turn;
    return this.#ask(question, model, { attachments, omits }, this.#before(turn));
  }

  /** Goes on from a turn; what followed it stays. Not while an answer is running. */
  branchFrom(turn: Turn): void {
    if (!this.#running) this.#show(this.#tree.pathTo(turn));
  }

  /** Shows the version before (-1) or after (1) a turn, with what followed it. Not while an answer is running. */
  showVersion(turn: Turn, step: -1 | 1): void {
    const versions = this.#tree.versionsOf(turn);
    const version = versions[versions.indexOf(turn) + step];
    if (version && !this.#running) this.#show(this.#tree.pathTo(this.#tree.endFrom(version)));
  }

  /** Shows the branch of a turn of this conversation, unless it is shown. Not while an answer is running. */
  showTurn(turn: Turn): void {
    const isHidden = this.#tree.find(turn.id) === turn && !this.#turns.includes(turn);
    if (isHidden && !this.#running) this.#show(this.#tree.pathTo(this.#tree.endFrom(turn)));
  }

  /** Shows the turns that follow the last shown one. Not while an answer is running. */
  showLater(): void {
    const last = this.#turns.at(-1);
    if (last && !this.#running) this.#show(this.#tree.pathTo(this.#tree.endFrom(last)));
  }

  /** Takes in turns that another window asked. Those that follow the last shown one are shown. */
  takeIn(turns: readonly Turn[], removed: readonly string[] = []): void {
    let isSame = true;
    for (const turn of turns.map(ended)) {
      const known = this.#tree.find(turn.id);
      if (known && known.result?.status !== 'interrupted') continue;
      isSame = false;
      if (known) Object.assign(known, turn);
      else this.#tree.add(turn);
      if (!known && !this.#running && turn.parent === this.#turns.at(-1)?.id)
        this.#turns = [...this.#turns, turn];
    }
    for (const turn of removed.flatMap((id) => this.#tree.find(id) ?? [])) {
      isSame = false;
      this.#tree.remove(turn);
      this.#turns = this.#turns.filter((one) => one !== turn);
    }
    if (!isSame) this.#dependencies.onEvent({ type: 'replaced' });
  }

  /** Continues an answer that was cut off; one that never started is asked again with a higher limit. */
  async goOn(turn: Turn, model: string): Promise<AskResult> {
    if (turn.result?.shortfall?.goOn === 'continue')
      return this.ask('Go on exactly where you stopped.', model);
    const most = await this.#dependencies.use((core) =>
      Promise.resolve(core.catalogue.resolve(turn.model).maxOutputTokens),
    );
    const longer = 4 * requestDefaults.maxTokens;
    return this.askAgain(turn, { maxTokens: most === null ? longer : Math.min(longer, most) });
  }

  /** The most that this question can cost now, in micro-USD. Throws `GatewayError` if it would be refused. */
  async worstCase(question: string, model: string, attachments: readonly Attachment[] = []): Promise<bigint> {
    if (isFlowCommand(question)) {
      return this.#dependencies.use(async ({ flow }) => {
        const { agreement, parameters } = await flow.parseCommand(question);
        return agreement ? flow.worstCase(agreement, parameters) : 0n;
      });
    }
    return this.#looked(question, model, attachments, (core, mode, sent) => this.#priced(core, mode, sent));
  }

  /** The same of another answer to a turn, or of another question in its place. */
  worstCaseInPlace(turn: Turn, question: string | null, model: string): Promise<bigint> {
    const way = question === null ? asBefore(turn) : wayOf(this);
    const place = { way, before: sentTurns(this.#before(turn)) };
    const attachments = turn.attachments ?? [];
    const price = (core: ChatCore, mode: ChatMode, sent: LlmRequest): bigint =>
      this.#priced(core, mode, sent);
    return this.#looked(question ?? turn.question, model, attachments, price, place);
  }

  /** What the next question would send, without sending it. Throws `GatewayError` if it would be refused. */
  preview(question: string, model: string, attachments: readonly Attachment[]): Promise<Preview> {
    return this.#looked(question, model, attachments, async (core, mode, sent) => {
      const worstCase = this.#priced(core, mode, sent);
      const first = await core.chat.preview(mode, this.#workspace, sent);
      const use = windowUse(first.sent ?? sent, core.catalogue.resolve(sent.modelId ?? model));
      return { ...first, use, worstCase };
    });
  }

  /** How much of the model's context the next question takes, as it would be asked now. Throws `GatewayError`. */
  windowUse(question: string, model: string, attachments: readonly Attachment[]): Promise<WindowUse> {
    return this.#looked(question, model, attachments, ({ catalogue }, _mode, sent) =>
      windowUse(sent, catalogue.resolve(sent.modelId ?? model)),
    );
  }

  /** Looks at the next question as it would be asked now, on the model that it would be asked. */
  async #looked<T>(
    question: string,
    model: string,
    attachments: readonly Attachment[],
    look: (core: ChatCore, mode: ChatMode, sent: LlmRequest) => T | Promise<T>,
    { way, before }: { way: Pick<Change, 'mode' | 'signature'>; before: readonly Turn[] } = {
      way: wayOf(this),
      before: sentTurns(this.#turns),
    },
  ): Promise<T> {
    const { reason, useClass } = this;
    const asked = { question, model, reason, useClass, attachments: [...attachments] };
    const request = await this.#request(asked, {}, before);
    return this.#dependencies.use(async (core) => {
      const { mode, sent } = await inMode(core.chat, wayOf(way), request);
      await core.catalogue.learn(sent.modelId ?? model);
      return look(core, mode, sent);
    });
  }

  #priced(core: ChatCore, mode: ChatMode, sent: LlmRequest): bigint {
    requireRoom(sent, core.catalogue.resolve(sent.modelId ?? requestDefaults.modelId));
    return core.chat.calls(mode, this.#workspace).worstCase(sent);
  }

  /**
   * Deletes questions asked before this user's content was erased; `wasErased` decides for a record of this ledger.
   * Returns whether anything was deleted.
   */
  async forgetErased(ledger: string, wasErased: (sequence: number) => Promise<boolean>): Promise<boolean> {
    for (const turn of this.#turns.toReversed()) {
      const record = turn.result?.record;
      if (record?.ledger !== ledger || !(await wasErased(record.sequence))) continue;
      const left = this.#turns.slice(this.#turns.indexOf(turn) + 1);
      this.#tree = new TurnTree(left);
      this.#show(left);
      return true;
    }
    return false;
  }

  /** `before` holds the turns that stay; those of a summary are sent in place of all. */
  async #ask(
    question: string,
    model: string,
    change: Change,
    before: readonly Turn[],
    summarised?: readonly Turn[],
  ): Promise<AskResult> {
    if (this.#running) return { outcome: 'busy' };
    const running = new AbortController();
    this.#running = running;
    const turn = this.#newTurn(question, model, change, before.at(-1)?.id);
    if (summarised) turn.isSummary = true;
    const { flow } = turn;
    const all = this.#turns;
    for (const { id } of all.filter((one) => !before.includes(one)))
      this.#dependencies.onEvent({ type: 'turnRemoved', id });
    this.#tree.add(turn);
    this.#turns = [...before, turn];
    this.#changed(turn);
    this.#dependencies.onDidChange([turn], []);
    let refused: GatewayError | null = null;
    try {
      if (await this.#isShown(turn, running.signal)) {
        if (flow) await this.#runFlow(turn, flow, running.signal);
        else refused = await this.#call(turn, change, summarised ?? sentBefore(turn, before), running.signal);
      }
    } catch (error) {
      turn.result = { ...interrupted, status: 'failed', failure: this.#dependencies.failureOf(error) };
    }
    if (this.#running === running) this.#running = null;
    const isKnown = this.#tree.find(turn.id) !== undefined;
    if (!refused) {
      this.#changed(turn);
      if (isKnown) this.#dependencies.onDidChange([turn], []);
      return { outcome: 'asked', turn };
    }
    this.#tree.remove(turn);
    if (isKnown) this.#dependencies.onDidChange([], [turn]);
    if (this.#turns.includes(turn)) this.#show(this.#asBefore(all, before));
    return { outcome: 'reason_refused', error: refused };
  }

  #newTurn(question: string, model: string, change: Change, parent: string | undefined): Turn {
    const flow = isFlowCommand(question) ? newFlow(question) : undefined;
    const useClass = change.useClass ?? this.useClass;
    return {
      id: randomUUID(),
      ...(parent !== undefined && { parent }),
      question,
      ...(!this.followsRules && { followsRules: false }),
      ...(change.redact && { redact: true }),
      ...(change.omits !== undefined && { omits: change.omits }),
      ...(change.attachments?.length && !flow && { attachments: [...change.attachments] }),
      reason: flow ? '' : (change.reason ?? this.reason),
      ...(useClass !== '' && !flow && { useClass }),
      model: flow?.trigger ?? change.modelId ?? model,
      ...wayOf({ mode: change.mode ?? this.mode, signature: change.signature ?? this.signature }),
      simulated: false,
      answer: '',
      result: null,
      ...(flow && { flow }),
    };
  }

  /** The shown turns before this one. */
  #before(turn: Turn): readonly Turn[] {
    return this.#turns.slice(0, this.#turns.indexOf(turn));
  }

  /** Asks the model. Resolves with the refusal if the reason was refused. */
  async #call(
    turn: Turn,
    change: Change,
    before: readonly Turn[],
    signal: AbortSignal,
  ): Promise<GatewayError | null> {
    const request = await this.#request(turn, change, before);
    const { mode, sent } = await this.#dependencies.use(({ chat }) =>
      inMode(chat, wayOf(turn), request, change.modelId),
    );
    turn.model = sent.modelId ?? turn.model;
    const overflow = await this.#overflow(mode, sent, turn, before);
    if (overflow) {
      turn.result = { ...uncharged, status: 'refused', failure: this.#failureOf(overflow) };
      return null;
    }
    const bufferOf = (type: 'text' | 'thinking'): TextBuffer =>
      new TextBuffer((piece) => this.#dependencies.onEvent({ type, id: turn.id, text: piece }));
    const [text, thinking] = [bufferOf('text'), bufferOf('thinking')];
    this.#pieces = [thinking, text];
    try {
      const response = await this.#dependencies.use(async (core) => {
        turn.simulated = core.backend.simulated;
        this.#changed(turn);
        return this.#callsFor(turn, mode, core).execute(sent, {
          signal,
          onEvent: (event) => {
            if (event.type === 'thinking') {
              turn.thinking = (turn.thinking ?? '') + event.text;
              thinking.add(event.text);
            }
            if (event.type !== 'text') return;
            turn.answer += event.text;
            text.add(event.text);
          },
        });
      });
      if (response.error && isOfReason(response.error, turn.reason)) return response.error;
      const { citations, success } = response;
      if (citations && success)
        turn.citations = {
          valid: [...citations.valid],
          faults: citationFaults(response.content, citations),
        };
      if (response.structured?.output)
        Object.assign(turn, {
          answer: response.content,
          structured: { repairs: response.structured.repairs },
        });
      turn.result = turnResultOf(response, this.#failureOf(response.error));
      return null;
    } finally {
      for (const pieces of this.#pieces) pieces.flush();
    }
  }

  /** Why the request doesn't fit into the model's context; null if it does, or is refused for its reason or model. */
  async #overflow(
    mode: ChatMode,
    request: LlmRequest,
    turn: Turn,
    before: readonly Turn[],
  ): Promise<GatewayError | null> {
    if (readReason(turn.reason, { minReasonLength: 0 }).fault !== null) return null;
    const asked = (question: Pick<Turn, 'question' | 'attachments'>, turns: readonly Turn[]): LlmRequest => ({
      ...request,
      messages: messagesOf(question, turns),
    });
    return this.#dependencies.use(async ({ catalogue, chat }) => {
      await catalogue.learn(turn.model);
      const model = resolved(catalogue, turn.model);
      if (!model) return null;
      const summaries = chat.calls(await chat.mode('direct'), { folders: [] });
      const answers = chat.calls(mode, this.#workspace);
      return overflowOf(model, {
        turns: turn.isSummary ? 0 : before.length,
        requestWithout: (turns) => asked(turn, before.slice(turns)),
        summaryOf: (turns) => ({
          ...asked({ question: summaryQuestion }, before.slice(0, turns)),
          maxTokens: summaryTokens,
        }),
        models: catalogue.available(),
        worstCase: (one) => answers.worstCase(one),
        summaryWorstCase: (one) => summaries.worstCase(one),
      });
    });
  }

  /** The calls of the turn's mode, which show in the turn how much of the workspace has been read. */
  #callsFor(turn: Turn, mode: ChatMode, core: ChatCore): ChatCalls {
    return core.chat.calls(mode, {
      folders: this.#dependencies.folders(),
      onProgress: (read, all) => {
        const progress = `Reading the workspace: ${Math.floor((100 * read) / all)} %`;
        if (turn.progress === progress) return;
        turn.progress = progress;
        this.#dependencies.onEvent({ type: 'turn', turn });
      },
      tools: {
        problems: this.#dependencies.problems,
        approve: (_use, signal) => this.#approval(signal),
        onUse: (use) => {
          const others = use.state === 'asked' ? turn.tools : turn.tools?.slice(0, -1);
          turn.tools = [...(others ?? []), { ...use }];
          this.#changed(turn);
        },
      },
    });
  }

  /** The workspace for what is only looked at: nobody is asked about tools. */
  get #workspace(): ChatWorkspace {
    return { folders: this.#dependencies.folders(), tools: { approve: () => Promise.resolve(null) } };
  }

  /** Waits for a person, unless all uses are allowed in this conversation. */
  async #approval(signal: AbortSignal): Promise<Approval | null> {
    if (this.#toolsAllowed) return 'conversation';
    const { promise, resolve } = Promise.withResolvers<Approval | null>();
    const onAbort = (): void => resolve(null);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#decide = resolve;
    const approval = signal.aborted ? null : await promise;
    signal.removeEventListener('abort', onAbort);
    this.#decide = null;
    this.#toolsAllowed ||= approval === 'conversation';
    return approval;
  }

  /** Decides about the use of a tool that waits for it, if one does; null refuses. */
  decideTool(approval: Approval | null): void {
    this.#decide?.(approval);
  }

  /** Runs an agreement, and shows its report as the answer. */
  async #runFlow(turn: Turn, flow: NonNullable<Turn['flow']>, signal: AbortSignal): Promise<void> {
    const execution = await this.#dependencies.runFlow(turn.question, {
      signal,
      onStart: ({ trigger }) => {
        flow.trigger = turn.model = trigger;
        this.#changed(turn);
      },
      onProgress: (message) => {
        flow.progress = message;
        this.#changed(turn);
      },
    });
    turn.simulated = execution.simulated;
    if (execution.storedReport) turn.answer = reportBrief(execution.storedReport);
    flow.reportOf = execution.storedReport && execution.runId;
    turn.result = this.#resultOfRun(execution);
  }

  /** Nobody would see the cost of a turn that isn't visible: it gets an error, and nothing is sent. */
  async #isShown(turn: Turn, signal: AbortSignal): Promise<boolean> {
    const failure = await this.#dependencies.show(turn.id, signal);
    if (failure === null && !signal.aborted) return true;
    turn.result = signal.aborted
      ? { ...uncharged, status: 'cancelled' }
      : { ...uncharged, status: 'failed', failure };
    return false;
  }

  async #request(
    {
      question,
      attachments,
      model,
      reason,
      useClass,
      redact,
    }: Pick<Turn, 'question' | 'attachments' | 'model' | 'reason' | 'useClass' | 'redact'>,
    { maxTokens, cache }: Change,
    before: readonly Turn[],
  ): Promise<LlmRequest> {
    const rules = this.followsRules ? await this.#dependencies.rules() : [];
    const system = rulesPrompt(rules);
    return {
      ...(system !== undefined && { system }),
      instructions: rules.map(({ path, sha256 }) => ({ path, sha256 })),
      messages: messagesOf({ question, attachments }, before),
      modelId: model,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(cache === undefined ? {} : { cache }),
      auditReason: reason,
      ...(useClass && { useClass }),
      origin: await this.#dependencies.origin(),
      conversation: this.#dependencies.id,
      // An earlier question goes with this one, and was redacted before.
      ...((redact || before.some((turn) => turn.redact)) && { redact: true }),
    };
  }

  #changed(turn: Turn): void {
    if (this.#turns.includes(turn)) this.#dependencies.onEvent({ type: 'turn', turn });
  }

  /** The turns as they were before one was asked, without those that were forgotten meanwhile. */
  #asBefore(all: readonly Turn[], before: readonly Turn[]): readonly Turn[] {
    const isForgotten = (one: Turn): boolean => before.includes(one) && !this.#turns.includes(one);
    return all.slice(all.findLastIndex(isForgotten) + 1);
  }

  /** Shows other turns. */
  #show(turns: readonly Turn[]): void {
    this.#turns = turns;
    this.#dependencies.onEvent({ type: 'replaced' });
    this.#dependencies.onDidChange([], []);
  }

  #resultOfRun(execution: FlowExecution): TurnResult {
    const { error, outcome, durationMs, cost, receipt, runId } = execution;
    return {
      status: outcome === 'orphaned' ? 'failed' : outcome,
      processingTimeMs: durationMs,
      tokens: null,
      cost: formatUsd(cost),
      costMicro: cost.toString(),
      costEstimated: false,
      record: receipt && { ledger: receipt.ledgerId, callId: runId, sequence: receipt.sequence },
      failure: this.#failureOf(error),
    };
  }

  /** Whoever stopped an answer needs no message. */
  #failureOf(error: GatewayError | null): Failure | null {
    return error && error.code !== 'cancelled' ? this.#dependencies.failureOf(error) : null;
  }
}

/** How a turn was asked, for asking it again. */
function asBefore({ attachments = [], omits, redact = false, useClass, ...turn }: Turn): Change {
  return { ...wayOf(turn), attachments, omits, redact, ...(useClass !== undefined && { useClass }) };
}

/** A reason that is too long is an invalid request to other callers; here it goes back like every faulty one. */
function isOfReason({ code }: GatewayError, reason: string): boolean {
  return code === 'audit_reason_missing' || readReason(reason, { minReasonLength: 0 }).fault !== null;
}

/** The turns that are sent before a new one. */
function sentBefore(turn: Turn, before: readonly Turn[]): readonly Turn[] {
  return sentTurns([...before, turn]).filter((one) => one !== turn);
}

/** A question after earlier turns with their answers. */
function messagesOf(
  { question, attachments }: Pick<Turn, 'question' | 'attachments'>,
  before: readonly Turn[],
): ChatMessage[] {
  const said = before
    // Reports are for people; a model gets one only if they send it.
    .filter(({ answer, flow }) => answer.trim() !== '' && !flow)
    .flatMap((turn): ChatMessage[] => [
      { role: 'user', content: sentQuestion(turn.question, turn.attachments) },
      { role: 'assistant', content: turn.answer },
    ]);
  return [...said, { role: 'user', content: sentQuestion(question, attachments) }];
}

/** Null for a model that can't be called, which its call says. */
function resolved(catalogue: ChatCore['catalogue'], name: string): Model | null {
  try {
    return catalogue.resolve(name);
  } catch (error) {
    if (GatewayError.is(error)) return null;
    throw error;
  }
}

/** A turn that ran when its window closed, or runs in another one, has no result here; the ledger has it. */
function ended(turn: Turn): Turn {
  return turn.result ? turn : { ...turn, result: interrupted };
}

function newFlow(question: string): NonNullable<Turn['flow']> {
  return { trigger: question.trim(), progress: '', reportOf: null };
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

/** Of a question of which nothing was sent. */
const uncharged: TurnResult = { ...interrupted, cost: formatUsd(0n), costMicro: '0' };

/** How a question is answered; a signature goes with the mode `structured` alone. */
function wayOf({
  mode = 'direct',
  signature,
}: {
  mode?: string | undefined;
  signature?: string | undefined;
}): {
  mode: string;
  signature?: string;
} {
  return mode === 'structured' ? { mode, signature: signature ?? '' } : { mode };
}

/** The mode of a question, and its request with what the mode says of it; a model that was chosen for it comes first. */
async function inMode(
  chat: UnifiedChatManager,
  { mode: name, signature }: { mode: string; signature?: string },
  request: LlmRequest,
  chosen?: string,
): Promise<{ mode: ChatMode; sent: LlmRequest }> {
  const mode = await chat.mode(name, signature);
  const { modelId } = mode.defaults ?? {};
  const model = chosen === undefined && modelId !== undefined ? { modelId } : {};
  return { mode, sent: { ...mode.defaults, ...request, ...model } };
}
