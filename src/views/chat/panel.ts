import * as vscode from 'vscode';
import { ChatMemory } from '../../chat/chatMemory.ts';
import { comparedQuestion } from '../../chat/compareCommand.ts';
import type { AskResult, Change, Conversation, ConversationEvent } from '../../chat/conversation.ts';
import { readPrompts } from '../../chat/context/promptFiles.ts';
import { promptAsked } from '../../chat/context/promptText.ts';
import { readRules } from '../../chat/context/rulesFiles.ts';
import { previewText } from '../../chat/context/preview.ts';
import type { ConversationFiles } from '../../chat/conversationFiles.ts';
import { authorOf } from '../../chat/conversationLine.ts';
import type { Failure, Turn } from '../../chat/turn.ts';
import { GatewayError } from '../../errors.ts';
import type { AnswerCodeActions } from '../../host/answerCode/contribution.ts';
import type { ComparisonSeed } from '../../host/askComparison.ts';
import type { MakeAttachments } from '../../host/attach.ts';
import type { CommandId } from '../../host/commandIds.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { errorText } from '../../host/errorText.ts';
import { inBackground, showFailure } from '../../host/failures.ts';
import { applyRemedy, commandOf, remedyLabel } from '../../host/remedies.ts';
import type { FlowRuns } from '../../host/flowRuns.ts';
import type { GitContext } from '../../host/gitContext.ts';
import type { Histories } from '../../host/histories.ts';
import { openLines } from '../../host/openLines.ts';
import { pickModel } from '../../host/pickModel.ts';
import { problemLines } from '../../host/problems.ts';
import { pickPrompt } from '../../host/pickPrompt.ts';
import { pickReason } from '../../host/pickReason.ts';
import { searchedFolders } from '../../host/searchedFolders.ts';
import { shownFailure } from '../../host/shownFailure.ts';
import { openInMlflow } from '../../host/openInMlflow.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { Mend, Remedy } from '../../remedies.ts';
import { Repeated } from '../../repeated.ts';
import { workspaceKey } from '../../workspaceKey.ts';
import { SinglePanel } from '../singlePanel.ts';
import { fillPanel } from '../webviewPanel.ts';
import { ConversationActions } from './conversationActions.ts';
import { Erasures } from './erasures.ts';
import { NextQuestion, unlessRefused, type QueuedQuestion } from './nextQuestion.ts';
import { OpenConversation } from './openConversation.ts';
import { PreviewDocument } from './previewDocument.ts';
import { RepeatedQuestion, type AskedBefore } from './repeatedQuestion.ts';
import { ShownConversation, shownTurn } from './shownConversation.ts';
import { ShownRules, trustedFolders } from './shownRules.ts';
import { ShownTurns } from './shownTurns.ts';
import { readSurroundings } from './surroundings.ts';
import { viewMessageSchema, type HostMessage, type TurnMessage, type ViewMessage } from './protocol.ts';

const viewId = 'tidyllm.chat';
/** A new view loads within a second or two; a broken one never does. */
const shownWithinMs = 10_000;

/** Commands that open an input of the editor: the chat gets the focus back when it closes, however it closes. */
const asking: ReadonlySet<string> = new Set<CommandId>([
  'tidyllm.raiseCap',
  'tidyllm.setDailyLimit',
  'tidyllm.acknowledgeOverruns',
  'tidyllm.reopenLedger',
  'tidyllm.requestException',
]);

export interface ChatPanelDependencies {
  extensionUri: vscode.Uri;
  storage: vscode.Memento;
  conversations: ConversationFiles;
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
  answerCode: AnswerCodeActions;
  log: vscode.LogOutputChannel;
}

/** The extension side of the chat view: it holds the conversation and tells the view what to show. */
export class ChatPanel implements vscode.Disposable {
  readonly #dependencies: ChatPanelDependencies;
  readonly #memory: ChatMemory;
  /** What people do with the kept conversations. */
  readonly conversations: ConversationActions;
  readonly #open: OpenConversation;
  /** Resolves once the conversation is open that was open before. */
  readonly #restored: Promise<void>;
  readonly #subscriptions: vscode.Disposable;
  #view: vscode.WebviewView | null = null;
  /** While it exists, it shows the conversation, and the view says so. */
  readonly #editor: SinglePanel<typeof viewMessageSchema, HostMessage>;
  readonly #shownTurns = new ShownTurns();
  readonly #surroundings = new Repeated(() => this.#showSurroundings());
  readonly #erasures: Erasures;
  readonly #shown: ShownConversation;
  readonly #rules: ShownRules;
  readonly #next: NextQuestion;
  #focusWhenReady = false;
  readonly #preview = new PreviewDocument();
  readonly #repeated: RepeatedQuestion;
  /** Where the written question was asked before. */
  #askedBefore: AskedBefore | null = null;

  constructor(dependencies: ChatPanelDependencies) {
    const { storage, holder, git, conversations, log } = dependencies;
    this.#dependencies = dependencies;
    this.#memory = new ChatMemory(storage);
    this.#next = new NextQuestion({
      holder,
      log,
      memory: this.#memory,
      conversation: () => this.#conversation,
      kept: () => this.#open.draft,
      keep: (text) => this.#open.keepDraft(text),
      onDidChangeMode: () => this.#showConversation(),
      lookAt: (text) => this.#lookAt(text),
      post: (message) => this.#post(message),
    });
    const ofView = { post: (message: HostMessage) => this.#post(message), open: () => this.#open };
    this.#shown = new ShownConversation({
      ...ofView,
      next: this.#next,
      entitle: (title) => {
        this.#editor.entitle(title || vscode.l10n.t('Chat'));
        if (this.#view) this.#view.description = title;
      },
    });
    this.#rules = new ShownRules({ ...ofView, holder, follows: () => this.#conversation.followsRules });
    this.#erasures = new Erasures({
      ...dependencies,
      open: () => this.#open,
      forgetUnsent: () => this.#forgetUnsent(),
    });
    this.#repeated = new RepeatedQuestion(conversations, workspacesOfWindow);
    this.#editor = new SinglePanel(dependencies, {
      viewType: 'tidyllm.chatEditor',
      title: () => vscode.l10n.t('Chat'),
      page: 'chat',
      schema: viewMessageSchema,
      handle: (message) => this.#handle(message),
      onDidChange: () => this.#move(),
    });
    this.#open = this.#opened();
    this.conversations = new ConversationActions({
      files: conversations,
      holder,
      open: this.#open,
      workspaces: workspacesOfWindow,
      mayLeave: () =>
        this.#mayLeave(
          vscode.l10n.t('Stop the answer and leave the conversation?'),
          vscode.l10n.t('Stop the Answer'),
        ),
      show: async () => {
        this.#showConversation();
        await this.open();
      },
    });
    this.#restored = this.#open.restore();
    this.#subscriptions = vscode.Disposable.from(
      this.#preview,
      this.#repeated,
      this.#editor,
      holder.onDidChange(() => this.#follow()),
      holder.onDidChangeLedger(() => {
        this.#refresh();
        this.#erasures.search();
      }),
      git.onDidChange(() => this.#refresh()),
    );
    this.#follow();
  }

  /** The conversation of this window, with what it needs. */
  #opened(): OpenConversation {
    const { holder, git, conversations, runs, log } = this.#dependencies;
    return new OpenConversation({
      files: conversations,
      memory: this.#memory,
      workspaces: workspacesOfWindow,
      conversation: {
        use: (work) => holder.use(work),
        origin: () => git.callOrigin('chat'),
        folders: searchedFolders,
        problems: async () => problemLines(await this.#denied()),
        rules: async () => (await readRules(trustedFolders(), await this.#denied())).followed,
        runFlow: (text, options) => runs.executeCommand(text, { ...options, command: 'chat' }),
        show: (turn, signal) => this.#showTurn(turn, signal),
        failureOf: (error) => this.#failureOf(error),
      },
      onEvent: (event) => this.#tell(event),
      draft: () => this.#next.draft,
      onReplaced: (from, to) => this.#next.move(from, to),
      onError: (error) => void showFailure(log, error),
    });
  }

  get #conversation(): Conversation {
    return this.#open.conversation;
  }

  /** Fills the view whenever the editor creates it. */
  show(view: vscode.WebviewView): void {
    this.#view = view;
    view.onDidDispose(() => {
      if (this.#view === view) this.#view = null;
    });
    const page = { webview: view.webview, title: vscode.l10n.t('Chat') };
    fillPanel(page, this.#dependencies, 'chat', viewMessageSchema, (message) => this.#handle(message));
  }

  /** Shows the view with the cursor in the question field. */
  async open(): Promise<void> {
    if (this.#editor.exists) this.#editor.open();
    else {
      this.#focusWhenReady = !this.#view?.visible;
      await vscode.commands.executeCommand(`${viewId}.focus`);
    }
    this.#post({ type: 'focus' });
  }

  /** Shows the conversation in an editor, which takes it from the view. */
  openInEditor(): void {
    this.#focusWhenReady = !this.#editor.exists;
    this.#editor.open();
    this.#post({ type: 'focus' });
  }

  /** Fills a panel that the editor restored. */
  restoreEditor(panel: vscode.WebviewPanel): void {
    this.#editor.show(panel);
  }

  async newConversation(): Promise<void> {
    const stop = vscode.l10n.t('Stop the Answer');
    const asked = vscode.l10n.t('Stop the answer and start a new conversation?');
    if (!(await this.#mayLeave(asked, stop))) return;
    this.#open.startNew();
    this.#showConversation();
    await this.open();
  }

  /** Whether another conversation may be opened: an answer that is running is stopped only by who says so. */
  async #mayLeave(asked: string, stop: string): Promise<boolean> {
    await this.#restored;
    if (!this.#conversation.answering) return true;
    const detail = vscode.l10n.t('The part that has arrived is charged, and its record stays.');
    return (await vscode.window.showWarningMessage(asked, { modal: true, detail }, stop)) === stop;
  }

  /** Shows what the question in the field would send. */
  async previewQuestion(): Promise<void> {
    const { text, context } = this.#next;
    const preview = await this.#conversation.preview(text, await this.#next.model(), context.attachments);
    await this.#preview.show(previewText(preview));
  }

  /** Adds to the next question what a command makes, and shows it. */
  async addContext(make: MakeAttachments): Promise<void> {
    await this.#next.context.add([make]);
    await this.open();
  }

  /** From the Command Palette: asks for the missing inputs, then shows the answer in the view. */
  async askFromPalette(): Promise<void> {
    await this.#restored;
    if (this.#conversation.answering) return this.open();
    const reason = this.#conversation.reason || (await this.#pickReason());
    if (!reason) return;
    const question = await vscode.window.showInputBox({
      title: vscode.l10n.t('Ask {0}', await this.#next.model()),
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
    await this.#forgetUnsent();
    this.#open.startAnew();
    this.#conversation.clear();
  }

  /** Forgets what was written and not asked, in every conversation. */
  async #forgetUnsent(): Promise<void> {
    this.#next.clear();
    this.#showConversation();
    await this.#memory.forgetDrafts();
  }

  async chooseModel(): Promise<void> {
    const chosen = await pickModel(await this.#dependencies.holder.whenReady(), await this.#next.model());
    if (chosen !== undefined) {
      await this.#next.chooseModel(chosen);
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
    this.#open.dispose();
    this.#next.dispose();
    this.#subscriptions.dispose();
  }

  async #handle(message: ViewMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.#tellView();
        await this.#restored;
        this.#showConversation();
        await this.#surroundings.request();
        if (this.#focusWhenReady) this.#post({ type: 'focus' });
        this.#focusWhenReady = false;
        return;
      case 'bringBack':
        this.#editor.dispose();
        return this.open();
      case 'shown':
        this.#shownTurns.shown(message.turn);
        return;
      case 'focused':
        await setContext('tidyllm.chatFocused', message.focused);
        return;
      case 'attachText':
      case 'attachFiles':
      case 'attachUris':
      case 'removeAttachment':
      case 'addContext':
        return this.#next.context.handle(message);
      case 'ask':
        // The field is empty now, and says so later.
        this.#next.empty();
        return this.#ask(message.question);
      case 'showAskedBefore':
        return this.#showAskedBefore();
      case 'unqueue':
        this.#next.takeBack(message.id);
        this.#shown.showAround();
        return;
      case 'choosePrompt':
        return this.#choosePrompt();
      case 'openRules':
        return this.#rules.openFile(message.path);
      case 'followRules':
      case 'mode':
      case 'signature':
      case 'reason':
      case 'useClass':
        return this.#setWay(message);
      case 'draft':
        this.#next.write(message.question);
        return;
      case 'decideTool':
        this.#conversation.decideTool(message.approval);
        return;
      case 'run':
        return this.#runCommand(message.command);
      case 'fix':
        return this.#applyFix(message.turn, message.index);
      case 'showEarlier':
        this.#shown.showEarlier();
        return;
      case 'showLater':
        this.#conversation.showLater();
        return;
      case 'copy':
        return vscode.env.clipboard.writeText(message.text);
      default: {
        const turn = this.#conversation.turn(message.turn);
        if (turn) await this.#handleTurn(message, turn);
      }
    }
  }

  /** How the next question is asked. */
  async #setWay(
    message: Extract<ViewMessage, { type: 'followRules' | 'mode' | 'reason' | 'signature' | 'useClass' }>,
  ): Promise<void> {
    if (message.type === 'mode') this.#next.chooseMode(message.mode);
    else if (message.type === 'signature') this.#conversation.signature = message.signature;
    else if (message.type === 'reason') this.#conversation.reason = message.reason;
    else if (message.type === 'useClass') this.#conversation.useClass = message.useClass;
    else this.#conversation.followsRules = message.follow;
    // The price depends on neither reason nor use class.
    if (message.type !== 'reason' && message.type !== 'useClass') this.#next.priceSoon();
    await this.#open.remember();
  }

  async #handleTurn(message: TurnMessage, turn: Turn): Promise<void> {
    switch (message.type) {
      case 'askModel':
        await this.#asked(() => this.#conversation.askAgain(turn, { cache: false }));
        return;
      case 'goOn':
        await this.#asked(async () => this.#conversation.goOn(turn, await this.#next.model()));
        return;
      case 'regenerate':
        await this.#asked(async () => this.#conversation.regenerate(turn, await this.#next.model()));
        return;
      case 'edit': {
        const { question } = message;
        if (await this.#isForOthers(question)) return;
        const edit = async () => this.#conversation.edit(turn, question, await this.#next.model());
        if ((await this.#asked(edit)).outcome !== 'asked') this.#next.giveBack(question);
        return;
      }
      case 'priceTurn': {
        const model = await this.#next.model();
        const cost = await unlessRefused(() =>
          this.#conversation.worstCaseInPlace(turn, message.question, model),
        );
        this.#post({ type: 'turnPriced', turn: turn.id, cost: cost === null ? null : formatUsd(cost) });
        return;
      }
      case 'branchFrom':
        this.#conversation.branchFrom(turn);
        return;
      case 'showVersion':
        this.#conversation.showVersion(turn, message.step);
        return;
      case 'showRecord': {
        const record = turn.result?.record;
        const { sequence = record?.sequence } = message;
        if (record && sequence !== undefined) await this.#dependencies.showCall(record.ledger, { sequence });
        return;
      }
      case 'openInMlflow': {
        const { record, firstCallId } = turn.result ?? {};
        if (!record) return;
        const page = turn.flow ? { run: record.callId } : { call: firstCallId ?? record.callId };
        return this.#dependencies.holder.use((core) => openInMlflow(core, page));
      }
      case 'insert':
        return this.#dependencies.answerCode.insert(codeOf(turn, message.text));
      case 'apply':
        if (await this.#dependencies.answerCode.apply(codeOf(turn, message.text))) await this.open();
        return;
      case 'showReport': {
        const runId = turn.flow?.reportOf;
        if (runId) await this.#dependencies.showReport(runId);
        return;
      }
      case 'openCitation': {
        const citation = turn.citations?.valid.find(({ n }) => n === message.n);
        if (citation) await openLines(citation);
        return;
      }
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

  /** A question that was not asked goes back to the question field. */
  async #ask(text: string): Promise<void> {
    if (await this.#isForOthers(text)) return;
    const question = await this.#next.take(text);
    if (this.#conversation.answering) {
      this.#next.wait(question);
      this.#shown.showAround();
    } else await this.#askNow(question);
  }

  /** Takes a message that is no question of this conversation: a comparison, or a prompt, which becomes one. */
  async #isForOthers(message: string): Promise<boolean> {
    const compared = comparedQuestion(message);
    if (compared !== null) {
      await this.#compare(message, compared);
      return true;
    }
    const asked = promptAsked(message);
    if (asked?.name === 'flow') {
      await vscode.commands.executeCommand('tidyllm.runFlow' satisfies CommandId);
      return true;
    }
    const prompts = asked ? await readPrompts(trustedFolders(), await this.#denied()) : [];
    const prompt = prompts.find(({ name }) => name === asked?.name);
    if (!asked || !prompt) return false;
    await this.#next.usePrompt(prompt, asked.argument);
    await this.#surroundings.request();
    return true;
  }

  async #choosePrompt(): Promise<void> {
    const { prompt, name, argument } = await pickPrompt(trustedFolders(), await this.#denied());
    if (prompt) await this.#next.usePrompt(prompt, argument);
    else if (name === 'flow') await vscode.commands.executeCommand('tidyllm.runFlow' satisfies CommandId);
    // What was typed isn't lost: a command goes on in the field.
    else if (name !== '') this.#next.giveBack(`/${name} ${argument}`);
    else if (argument !== '') this.#next.giveBack(`/${argument}`);
    await this.#surroundings.request();
    this.#post({ type: 'focus' });
  }

  async #askNow({ question, model, ...asked }: QueuedQuestion): Promise<void> {
    const { attachments, reason, mode, signature, useClass } = asked;
    const change = { attachments, reason, mode, signature, useClass };
    const result = await this.#asked(() => this.#conversation.ask(question, model, change));
    if (result.outcome !== 'asked') this.#next.giveBack(question, attachments);
    else if (!result.turn.flow && reason.trim() !== '') await this.#memory.addReason(reason.trim());
  }

  async #askQueued(succeeded: boolean): Promise<void> {
    const next = this.#next.afterAnswer(succeeded);
    this.#shown.showAround();
    if (next) await this.#askNow(next);
  }

  async #compare(message: string, question: string): Promise<void> {
    let started = false;
    try {
      const { length } = this.#next.context.attachments;
      if (length > 0) throw comparedAlone(length);
      const { reason, useClass } = this.#conversation;
      started = await this.#dependencies.compare({ question, reason, useClass: useClass || undefined });
    } catch (error) {
      // What refuses it is shown; the question stays.
      void showFailure(this.#dependencies.log, error);
    }
    if (!started) this.#next.giveBack(message);
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
    await this.#apply(remedy, async (change) => {
      const result = await this.#asked(() => this.#conversation.askAgain(turn, change));
      const endedAtSummary = result.outcome === 'asked' && result.turn.isSummary;
      if (endedAtSummary) this.#next.giveBack(turn.question, turn.attachments);
    });
  }

  async #apply(remedy: Remedy, askAgain: (change: Change) => Promise<unknown>): Promise<void> {
    if (remedy.kind !== 'retry') await this.#runCommand(commandOf(remedy), remedy);
    else
      await askAgain({
        // Another model may have been selected since.
        modelId: remedy.model ?? (await this.#next.model()),
        ...(remedy.redact && { redact: true }),
        ...(remedy.maxTokens && { maxTokens: remedy.maxTokens }),
        ...(remedy.leaveOut && { leaveOut: remedy.leaveOut }),
        ...(remedy.summarise && { summarise: remedy.summarise }),
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
      const succeeded = result.outcome === 'asked' && result.turn.result?.status === 'success';
      if (result.outcome !== 'busy')
        inBackground(this.#dependencies.log, this.#askQueued(succeeded && this.#isShown(result.turn)));
      return result;
    } finally {
      void setContext('tidyllm.answering', this.#conversation.answering);
    }
  }

  /** Whether a turn is of the conversation that is open now. */
  #isShown({ id }: Turn): boolean {
    return this.#conversation.turn(id) !== undefined;
  }

  #failureOf(error: unknown): Failure {
    this.#dependencies.log.error(errorText(error));
    return shownFailure(error);
  }

  /** Shows what else there is to know before the question is asked. */
  async #lookAt(text: string): Promise<void> {
    await this.#rules.show();
    // What is attached makes another question of it.
    const isNew = text.trim() === '' || this.#next.context.attachments.length > 0;
    const conversation = this.#conversation;
    const asked = isNew ? null : await this.#repeated.find(text, conversation, this.#open.log.id);
    if (text !== this.#next.text || conversation !== this.#conversation) return;
    this.#askedBefore = asked;
    const question = asked && ('turn' in asked ? asked.turn.question : asked.conversation.title);
    this.#post({ type: 'askedBefore', question });
  }

  /** The draft stays: it can still be asked. */
  async #showAskedBefore(): Promise<void> {
    const asked = this.#askedBefore;
    if (!asked) return;
    if ('conversation' in asked) return this.conversations.openOne(asked.conversation);
    this.#shown.reveal(asked.turn);
  }

  /** Files that policy keeps out of requests. Throws `gateway_unavailable` while policy isn't known. */
  async #denied(): Promise<Parameters<MakeAttachments>[0]> {
    return (await this.#dependencies.holder.whenReady()).chat.deniedPaths;
  }

  #showConversation(): void {
    // It may have been a turn of another conversation.
    this.#askedBefore = null;
    this.#shown.show();
  }

  #tell(event: ConversationEvent): void {
    if (event.type === 'replaced') this.#showConversation();
    else if (event.type === 'turn') this.#post({ ...event, turn: shownTurn(event.turn) });
    else this.#post(event);
    if (event.type === 'turn' || event.type === 'turnRemoved') this.#shown.showAround();
  }

  #refresh(): void {
    inBackground(this.#dependencies.log, this.#surroundings.request());
  }

  async #showSurroundings(): Promise<void> {
    if (!this.#view && !this.#editor.exists) return;
    const surroundings = await readSurroundings(this.#dependencies, () => this.#next.model());
    this.#post({ type: 'surroundings', surroundings });
    // The cost depends on the model and on the length of the conversation.
    this.#next.priceSoon();
  }

  #follow(): void {
    const { log, holder } = this.#dependencies;
    if (holder.state.kind === 'ready') {
      const { user, loaded } = holder.state.core;
      const author = authorOf(user, loaded.settings);
      inBackground(
        log,
        this.#restored.then(() => this.#open.keepAs(author)).then(() => this.#shown.showAround()),
      );
    }
    this.#erasures.search();
    this.#refresh();
  }

  #pickReason(): Promise<string | undefined> {
    return pickReason(this.#dependencies.git, this.#memory.reasons, this.#conversation.reason);
  }

  #setReason(reason: string): void {
    this.#conversation.reason = reason;
    this.#post({ type: 'reason', reason });
    inBackground(this.#dependencies.log, this.#open.remember());
  }

  #tellView(): void {
    void this.#view?.webview.postMessage({ type: 'elsewhere', elsewhere: this.#editor.exists });
  }

  /** The conversation moves to the editor, or back to the view. */
  #move(): void {
    this.#tellView();
    this.#showConversation();
    this.#refresh();
  }

  #post(message: HostMessage): void {
    if (this.#editor.exists) this.#editor.post(message);
    else void this.#view?.webview.postMessage(message);
  }
}

function comparedAlone(attachments: number): GatewayError {
  const message = vscode.l10n.t(
    'A comparison sends the question alone, without its {0} attachments.',
    attachments,
  );
  return new GatewayError('invalid_request', message, {
    hint: vscode.l10n.t('Nothing was sent. Remove them, or ask the models one after the other.'),
  });
}

/** A block of code of an answer. */
function codeOf({ answer, result }: Turn, code: string) {
  return { code, answer, record: result?.record ?? null };
}

/** The keys of this window's workspaces; a folder elsewhere is known by its address. */
function workspacesOfWindow(): string[] {
  const folders = vscode.workspace.workspaceFolders ?? [];
  return [
    ...new Set(folders.map(({ uri }) => (uri.scheme === 'file' ? workspaceKey(uri.fsPath) : uri.toString()))),
  ];
}

function setContext(name: string, value: boolean): Thenable<unknown> {
  return vscode.commands.executeCommand('setContext', name, value);
}
