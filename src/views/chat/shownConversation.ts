import { withoutContent } from '../../chat/context/attachment.ts';
import { statisticsOf } from '../../chat/statistics.ts';
import type { Turn } from '../../chat/turn.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { NextQuestion } from './nextQuestion.ts';
import type { OpenConversation } from './openConversation.ts';
import type { Around, HostMessage } from './protocol.ts';
import { firstOfPart } from './shownPart.ts';

export interface ShownConversationDependencies {
  open: () => OpenConversation;
  next: NextQuestion;
  /** Puts the conversation's title where the view is. */
  entitle: (title: string) => void;
  post: (message: HostMessage) => void;
}

/** The part of the open conversation that the view has. */
export class ShownConversation {
  readonly #dependencies: ShownConversationDependencies;
  /** Index of the first shown turn that the view has. */
  #first = 0;

  constructor(dependencies: ShownConversationDependencies) {
    this.#dependencies = dependencies;
  }

  get #open(): OpenConversation {
    return this.#dependencies.open();
  }

  /** Shows the last turns; earlier ones when they are asked for. */
  show(): void {
    const { next } = this.#dependencies;
    const { turns, reason, mode, signature, useClass } = this.#open.conversation;
    this.#first = firstOfPart(turns, turns.length);
    this.#dependencies.post({
      type: 'conversation',
      id: this.#open.log.id,
      turns: turns.slice(this.#first).map(shownTurn),
      reason,
      mode,
      signature,
      useClass,
      draft: next.text,
    });
    this.showAround();
    this.#dependencies.post({ type: 'attachments', attachments: next.context.chips });
    next.priceSoon();
  }

  /** Shows the turns before the first that the view has. */
  showEarlier(): void {
    const { turns } = this.#open.conversation;
    const end = this.#first;
    this.#first = firstOfPart(turns, end);
    this.#dependencies.post({ type: 'earlierTurns', turns: turns.slice(this.#first, end).map(shownTurn) });
    this.showAround();
  }

  /** Shows what is around the turns: how many there are, which versions, what waits, and what they cost. */
  showAround(): void {
    const { turns, hasLater } = this.#open.conversation;
    const versions = turns.slice(this.#first).flatMap((turn) => {
      const { number, of } = this.#open.conversation.versionOf(turn);
      return of > 1 ? [{ turn: turn.id, number, of }] : [];
    });
    const queued = this.#dependencies.next.queued.map(({ id, question }) => ({ id, question }));
    const { isKept, log } = this.#open;
    const { unreadable, title } = log;
    this.#dependencies.entitle(title);
    this.#dependencies.post({
      type: 'around',
      around: {
        earlier: this.#first,
        hasLater,
        versions,
        queued,
        unreadable,
        isKept,
        statistics: this.#statistics(),
      },
    });
  }

  #statistics(): Around['statistics'] {
    const { questions, inputTokens, outputTokens, cost, estimated, unknown } = statisticsOf(
      this.#open.conversation.allTurns,
    );
    if (questions < 2) return null;
    const tokens = { input: inputTokens, output: outputTokens };
    return { questions, tokens, cost: formatUsd(cost), estimated, unknown };
  }

  /** Brings a turn of the conversation into the view. */
  reveal(turn: Turn): void {
    this.#open.conversation.showTurn(turn);
    const place = this.#open.conversation.turns.indexOf(turn);
    while (place >= 0 && place < this.#first) this.showEarlier();
    this.#dependencies.post({ type: 'reveal', turn: turn.id });
  }
}

/** The view shows what went with a question, not what was in it. */
export function shownTurn(turn: Turn): Turn {
  return turn.attachments ? { ...turn, attachments: turn.attachments.map(withoutContent) } : turn;
}
