import * as vscode from 'vscode';
import { ChatMemory } from '../../chat/chatMemory.ts';
import { comparedQuestion } from '../../chat/compareCommand.ts';
import { Conversation, type AskResult, type Change } from '../../chat/conversation.ts';
import { reasonFromBranch } from '../../chat/reasons.ts';
import type { Failure } from '../../chat/turn.ts';
import { GatewayError } from '../../errors.ts';
import type { Core } from '../../core/core.ts';
import type { ComparisonSeed } from '../../host/askComparison.ts';
import type { CommandId } from '../../host/commandIds.ts';
import { localFolders } from '../../host/configuration.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { errorText } from '../../host/errorText.ts';
import { inBackground, showFailure } from '../../host/failures.ts';
import { applyRemedy, commandOf, remedyLabel } from '../../host/remedies.ts';
import type { FlowRuns } from '../../host/flowRuns.ts';
import type { GitContext } from '../../host/gitContext.ts';
import type { Histories } from '../../host/histories.ts';
import { erasedAfter, tombstonesRead } from '../../history/erasures.ts';
import { subjectHash } from '../../content/contentKeys.ts';
import { insertAtCursor } from '../../host/insertAtCursor.ts';
import { openLines } from '../../host/openLines.ts';
import { pickModel } from '../../host/pickModel.ts';
import { pickReason } from '../../host/pickReason.ts';
import { shownFailure } from '../../host/shownFailure.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { Mend, Remedy } from '../../remedies.ts';
import { Repeated } from '../../repeated.ts';
import { formatLeft } from '../moneyText.ts';
import { webviewPage, webviewRoot } from '../webviewPage.ts';
import { ShownTurns } from './shownTurns.ts';
import { viewMessageSchema, type HostMessage, type Surroundings, type ViewMessage } from './protocol.ts';

const viewId = 'tidyllm.chat';
/** Milliseconds without typing before a question is priced. */
const draftDelayMs = 150;
/** A new view loads within a second or two; a broken one never does. */
const shownWithinMs = 10_000;

/** Commands that open an input of the editor: the chat gets the focus back when it closes, however it closes. */
const asking: ReadonlySet<string> = new Set<CommandId>([
  'tidyllm.raiseCap',
  'tidyllm.setDailyLimit',
  'tidyllm.acknowledgeOverruns',
  'tidyllm.reopenLedger',
]);

export interface ChatPanelDependencies {
  extensionUri: vscode.Uri;
  storage: vscode.Memento;
  holder: CoreHolder;
  git: GitContext;
  runs: FlowRuns;
  histories: Histories;
  /** Shows the report of a FLOW run. */
  showReport: (runId: string) => Promise<void>;
  /** Compares models, and resolves with whether that was started. */
  compare: (seed: ComparisonSeed) => Promise<boolean>;
  /** Shows a call's audit record. */
  showCall: (ledgerId: string, call: { sequence: number }) => Promise<void>;
  log: vscode.LogOutputChannel;
}

/** The extension side of the chat view: it holds the conversation and tells the view what to show. */
export class ChatPanel implements vscode.Disposable {
  readonly #dependencies: ChatPanelDependencies;
  readonly #memory: ChatMemory;
  readonly #conversation: Conversation;
  readonly #subscriptions: vscode.Disposable;
  #view: vscode.WebviewView | null = null;
  readonly #shownTurns = new ShownTurns();
  readonly #surroundings = new Repeated(() => this.#showSurroundings());
  readonly #erasures = new Repeated(() => this.#forgetErased());
  #draft: string;
  #draftTimer: NodeJS.Timeout | undefined;
  #focusWhenReady = false;

  constructor(dependencies: ChatPanelDependencies) {
    const { storage, holder, git } = dependencies;
    this.#dependencies = dependencies;
    this.#memory = new ChatMemory(storage);
    this.#draft = this.#memory.draft;
    this.#conversation = new Conversation(
      {
        use: (work) => holder.use(work),
        origin: () => git.callOrigin('chat'),
        folders: () => localFolders().map(({ uri }) => uri.fsPath),
        runFlow: (text, options) => dependencies.runs.executeCommand(text, { ...options, command: 'chat' }),
        show: (turn, signal) => this.#showTurn(turn, signal),
        failureOf: (error) => this.#failureOf(error),
        onEvent: (event) => (event.type === 'replaced' ? this.#showConversation() : this.#post(event)),
        onDidChange: () => this.#keep(),
      },
      this.#memory.conversation,
    );
    this.#subscriptions = vscode.Disposable.from(
      holder.onDidChange(() => this.#follow()),
      holder.onDidChangeLedger(() => {
        this.#refresh();
        this.#searchErasures();
      }),
      git.onDidChange(() => this.#refresh()),
    );
    this.#follow();
  }

  /** Fills the view whenever the editor creates it. */
  show(view: vscode.WebviewView): void {
    const { extensionUri } = this.#dependencies;
    this.#view = view;
    view.webview.options = { enableScripts: true, localResourceRoots: [webviewRoot(extensionUri)] };
    view.webview.onDidReceiveMessage((message) =>
      inBackground(this.#dependencies.log, this.#receive(message)),
    );
    view.onDidDispose(() => (this.#view = null));
    view.webview.html = webviewPage(view.webview, extensionUri, 'chat', vscode.l10n.t('Chat'));
  }

  /** Shows the view with the cursor in the question field. */
  async open(): Promise<void> {
    this.#focusWhenReady = !this.#view?.visible;
    await vscode.commands.executeCommand(`${viewId}.focus`);
    this.#post({ type: 'focus' });
  }

  async newConversation(): Promise<void> {
    if (this.#conversation.answering && !(await confirmsStop())) return;
    this.#conversation.clear();
    await this.open();
  }

  /** From the Command Palette: asks for the missing inputs, then shows the answer in the view. */
  async askFromPalette(): Promise<void> {
    if (this.#conversation.answering) return this.open();
    const reason = this.#conversation.reason || (await this.#pickReason());
    if (!reason) return;
    const question = await vscode.window.showInputBox({
      title: vscode.l10n.t('Ask {0}', await this.#model()),
      prompt: vscode.l10n.t('Reason: {0}', reason),
      placeHolder: vscode.l10n.t('What should the model answer?'),
      ignoreFocusOut: true,
    });
    if (!question?.trim()) return;
    this.#setReason(reason);
    await this.open();
    await this.#ask(question);
  }

  /** Clears the conversation of a user whose content was erased in this window. */
  async forget(user: string): Promise<void> {
    if ((await this.#dependencies.holder.whenReady()).user !== user) return;
    this.#draft = '';
    this.#conversation.clear();
    await this.#memory.keepDraft('');
  }

  async chooseModel(): Promise<void> {
    const chosen = await pickModel(await this.#dependencies.holder.whenReady(), await this.#model());
    if (chosen !== undefined) {
      await this.#memory.chooseModel(chosen);
      await this.#surroundings.request();
    }
    await this.open();
  }

  async chooseReason(): Promise<void> {
    const chosen = await this.#pickReason();
    if (chosen) this.#setReason(chosen);
    await this.open();
  }

  stop(): void {
    this.#conversation.stop();
  }

  dispose(): void {
    this.#conversation.stop();
    clearTimeout(this.#draftTimer);
    this.#subscriptions.dispose();
  }

  async #receive(raw: unknown): Promise<void> {
    await this.#handle(viewMessageSchema.parse(raw));
  }

  async #handle(message: ViewMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.#showConversation();
        await this.#surroundings.request();
        if (this.#focusWhenReady) this.#post({ type: 'focus' });
        this.#focusWhenReady = false;
        return;
      case 'shown':
        this.#shownTurns.shown(message.turn);
        return;
      case 'focused':
        await setContext('tidyllm.chatFocused', message.focused);
        return;
      case 'ask':
        return this.#ask(message.question);
      case 'draft':
        this.#draft = message.question;
        this.#priceDraftSoon();
        return;
      case 'reason':
        this.#conversation.reason = message.reason;
        return;
      case 'mode':
        this.#conversation.mode = message.mode;
        this.#priceDraftSoon();
        return;
      case 'run':
        return this.#runCommand(message.command);
      case 'fix':
        return this.#applyFix(message.turn, message.index);
      case 'askModel': {
        const turn = this.#conversation.turn(message.turn);
        if (turn) await this.#asked(() => this.#conversation.askAgain(turn, { cache: false }));
        return;
      }
      case 'goOn': {
        const turn = this.#conversation.turn(message.turn);
        if (turn) await this.#asked(async () => this.#conversation.goOn(turn, await this.#model()));
        return;
      }
      case 'showRecord': {
        const record = this.#conversation.turn(message.turn)?.result?.record;
        if (record) await this.#dependencies.showCall(record.ledger, record);
        return;
      }
      case 'showReport': {
        const runId = this.#conversation.turn(message.turn)?.flow?.reportOf;
        if (runId) await this.#dependencies.showReport(runId);
        return;
      }
      case 'openCitation': {
        const cited = this.#conversation.turn(message.turn)?.citations?.valid;
        const citation = cited?.find(({ n }) => n === message.n);
        if (citation) await openLines(citation);
        return;
      }
      case 'copy':
        return vscode.env.clipboard.writeText(message.text);
      case 'insert':
        return insertAtCursor(message.text);
    }
  }

  async #showTurn(turn: string, signal: AbortSignal): Promise<Failure | null> {
    if (await this.#shownTurns.wait(turn, shownWithinMs, signal)) return null;
    const retry: Remedy = { kind: 'retry' };
    return {
      message: vscode.l10n.t('The question was not sent because the chat view did not show it.'),
      hint: vscode.l10n.t('Open the chat view and ask again. If the view stays empty, reload the window.'),
      fixes: [{ label: remedyLabel(retry), remedy: retry }],
    };
  }

  #searchErasures(): void {
    inBackground(this.#dependencies.log, this.#erasures.request());
  }

  /** Clears what the terminal or another window erased: its tombstone is in the ledger. */
  async #forgetErased(): Promise<void> {
    const { state } = this.#dependencies.holder;
    if (state.kind !== 'ready' || this.#conversation.turns.length === 0) return;
    const { user, ledger, journal } = state.core;
    const { directory } = journal;
    const ledgerId = await ledger.identity();
    if (ledgerId === null) return;
    const tombstones = await this.#dependencies.histories
      .of(directory)
      .ask('events', ['tombstone', tombstonesRead], { onFailure: () => undefined });
    await this.#conversation.forgetErased(
      ledgerId,
      async (after) => (await erasedAfter(directory, tombstones, subjectHash(user), after)) !== null,
    );
  }

  /** A question that was not asked goes back to the question field. */
  async #ask(question: string): Promise<void> {
    const { reason } = this.#conversation;
    const compared = comparedQuestion(question);
    if (compared !== null) return this.#compare(question, compared, reason);
    const result = await this.#asked(async () => this.#conversation.ask(question, await this.#model()));
    if (result.outcome !== 'asked') this.#giveBack(question);
    else if (!result.turn.flow && reason.trim() !== '') await this.#memory.addReason(reason.trim());
  }

  async #compare(message: string, question: string, reason: string): Promise<void> {
    let started = false;
    try {
      started = await this.#dependencies.compare({ question, reason });
    } catch (error) {
      // What refuses it is shown; the question stays.
      void showFailure(this.#dependencies.log, error);
    }
    if (!started) this.#giveBack(message);
  }

  /** The draft keeps it too: the view forgets what it shows when it is hidden. */
  #giveBack(question: string): void {
    this.#draft = [question, this.#draft].filter(Boolean).join('\n\n');
    this.#post({ type: 'questionReturned', question });
    this.#priceDraftSoon();
  }

  async #applyFix(turnId: string | null, index: number): Promise<void> {
    const { state } = this.#dependencies.holder;
    if (turnId === null) {
      const remedy = state.kind === 'failed' ? state.error.remedy[index] : undefined;
      if (remedy) await this.#apply(remedy, () => this.#dependencies.holder.reconnect());
      return;
    }
    const turn = this.#conversation.turn(turnId);
    const remedy = turn?.result?.failure?.fixes[index]?.remedy;
    if (!turn || !remedy) return;
    await this.#apply(remedy, (change) => this.#asked(() => this.#conversation.askAgain(turn, change)));
  }

  async #apply(remedy: Remedy, askAgain: (change: Change) => Promise<unknown>): Promise<void> {
    if (remedy.kind !== 'retry') await this.#runCommand(commandOf(remedy), remedy);
    else
      await askAgain({
        // Another model may have been selected since.
        modelId: remedy.model ?? (await this.#model()),
        ...(remedy.maxTokens && { maxTokens: remedy.maxTokens }),
      });
  }

  async #runCommand(command: CommandId, remedy?: Mend): Promise<void> {
    await (remedy ? applyRemedy(remedy) : vscode.commands.executeCommand(command));
    if (asking.has(command)) await this.open();
  }

  /** Enables the stop command while an answer runs, and shows why a reason was refused. */
  async #asked(ask: () => Promise<AskResult>): Promise<AskResult> {
    void setContext('tidyllm.answering', true);
    try {
      const result = await ask();
      if (result.outcome === 'reason_refused') {
        const { message, hint } = result.error;
        this.#post({ type: 'reasonRefused', message: `${message} ${hint}` });
      }
      return result;
    } finally {
      void setContext('tidyllm.answering', this.#conversation.answering);
    }
  }

  #failureOf(error: unknown): Failure {
    this.#dependencies.log.error(errorText(error));
    return shownFailure(error);
  }

  #priceDraftSoon(): void {
    clearTimeout(this.#draftTimer);
    this.#draftTimer = setTimeout(
      () => inBackground(this.#dependencies.log, this.#priceDraft()),
      draftDelayMs,
    );
  }

  /** Keeps the question draft and shows the most that it can cost. */
  async #priceDraft(): Promise<void> {
    const draft = this.#draft;
    await this.#memory.keepDraft(draft);
    // A comparison is priced once its models are known.
    const unpriced = draft.trim() === '' || comparedQuestion(draft) !== null;
    const cost = unpriced ? null : await this.#worstCase(draft);
    if (draft === this.#draft) this.#post({ type: 'worstCase', cost });
  }

  /** Null where the question would be refused; sending it shows why. */
  async #worstCase(question: string): Promise<string | null> {
    try {
      return formatUsd(await this.#conversation.worstCase(question, await this.#model()));
    } catch (error) {
      if (GatewayError.is(error)) return null;
      throw error;
    }
  }

  #showConversation(): void {
    const { turns, reason, mode } = this.#conversation;
    this.#post({ type: 'conversation', turns: [...turns], reason, mode, draft: this.#draft });
  }

  #refresh(): void {
    inBackground(this.#dependencies.log, this.#surroundings.request());
  }

  async #showSurroundings(): Promise<void> {
    if (!this.#view) return;
    this.#post({ type: 'surroundings', surroundings: await this.#readSurroundings() });
    // The cost depends on the model and on the length of the conversation.
    this.#priceDraftSoon();
  }

  async #readSurroundings(): Promise<Surroundings> {
    const { holder, git } = this.#dependencies;
    const branch = await git.branch();
    const suggestedReason = branch === null ? null : reasonFromBranch(branch);
    const { state } = holder;
    if (state.kind === 'starting')
      return { gateway: { state: 'starting' }, model: '', budget: null, suggestedReason };
    if (state.kind === 'failed') {
      const gateway = { state: 'failed' as const, failure: shownFailure(state.error) };
      return { gateway, model: '', budget: null, suggestedReason };
    }
    const gateway = { state: 'ready' as const, simulatedBecause: state.core.simulatedBecause };
    return { gateway, model: await this.#model(), budget: await this.#budget(state.core), suggestedReason };
  }

  /** Null while the ledger refuses calls; sending a question shows why. */
  async #budget(core: Core): Promise<Surroundings['budget']> {
    try {
      const { remaining, limit, level } = await core.budget();
      const shareLeft = limit === 0n ? 0 : Number((remaining * 1000n) / limit) / 1000;
      return { left: formatLeft(remaining), shareLeft, level };
    } catch (error) {
      if (GatewayError.is(error)) return null;
      throw error;
    }
  }

  /** The selected model, otherwise that of the settings; empty without a core. */
  async #model(): Promise<string> {
    if (this.#memory.model !== undefined) return this.#memory.model;
    try {
      return (await this.#dependencies.holder.whenReady()).loaded.settings.aws.bedrock.default_model;
    } catch {
      return '';
    }
  }

  #follow(): void {
    const { log, holder } = this.#dependencies;
    if (holder.state.kind === 'ready') {
      const { content } = holder.state.core.loaded.settings.audit;
      inBackground(log, this.#memory.setPolicy(content !== 'none'));
      this.#keep();
    }
    this.#searchErasures();
    this.#refresh();
  }

  #pickReason(): Promise<string | undefined> {
    return pickReason(this.#dependencies.git, this.#memory.reasons, this.#conversation.reason);
  }

  #setReason(reason: string): void {
    this.#conversation.reason = reason;
    this.#post({ type: 'reason', reason });
  }

  #keep(): void {
    inBackground(this.#dependencies.log, this.#memory.keepConversation(this.#conversation));
  }

  #post(message: HostMessage): void {
    void this.#view?.webview.postMessage(message);
  }
}

function setContext(name: string, value: boolean): Thenable<unknown> {
  return vscode.commands.executeCommand('setContext', name, value);
}

/** Asks whether to stop the running answer, which is charged anyway. */
async function confirmsStop(): Promise<boolean> {
  const stop = vscode.l10n.t('Stop and Clear');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('Stop the answer and start a new conversation?'),
    { modal: true, detail: vscode.l10n.t('The part that has arrived is charged, and its record stays.') },
    stop,
  );
  return chosen === stop;
}
