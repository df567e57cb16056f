import { describe, expect, it } from 'vitest';
import type { Turn } from '../../../src/chat/turn.ts';
import type { HostMessage } from '../../../src/views/chat/protocol.ts';
import { initialState, isAnswering, reduce, type ChatState } from '../../../src/views/chat/webview/state.ts';

const turn: Turn = {
  id: '1',
  question: 'Why?',
  reason: 'JIRA-1',
  model: 'claude-sonnet',
  simulated: true,
  answer: '',
  result: null,
};

function after(...messages: Parameters<typeof reduce>[1][]): ChatState {
  return messages.reduce(reduce, initialState);
}

describe('the state of the chat view', () => {
  it('grows an answer', () => {
    const state = after(
      { type: 'turn', turn },
      { type: 'text', id: '1', text: 'Be' },
      { type: 'text', id: '1', text: 'cause' },
    );
    expect(state.turns).toEqual([{ ...turn, answer: 'Because' }]);
    expect(isAnswering(state)).toBe(true);
  });

  it('ignores text for a turn that it does not show', () => {
    expect(after({ type: 'text', id: 'gone', text: 'x' }).turns).toEqual([]);
  });

  it('replaces a turn that changed and removes one', () => {
    const changed = { ...turn, answer: 'Because' };
    expect(after({ type: 'turn', turn }, { type: 'turn', turn: changed }).turns).toEqual([changed]);
    expect(after({ type: 'turn', turn }, { type: 'turnRemoved', id: '1' }).turns).toEqual([]);
  });

  it('puts earlier turns before those that it has', () => {
    const earlier = { ...turn, id: '0' };
    expect(after({ type: 'turn', turn }, { type: 'earlierTurns', turns: [earlier] }).turns).toEqual([
      earlier,
      turn,
    ]);
  });

  it('offers what was asked before until the question is empty or another conversation is shown', () => {
    const question: Parameters<typeof reduce>[1] = { type: 'questionWritten', question: 'Why?' };
    const offered: HostMessage = { type: 'askedBefore', question: 'But why?' };
    const conversation: HostMessage = {
      ...{ type: 'conversation', id: 'one', turns: [], reason: '', mode: 'direct', signature: '', draft: '' },
    };
    expect(after(question, offered).askedBefore).toBe('But why?');
    expect(after(question, offered, { type: 'questionWritten', question: ' ' }).askedBefore).toBeNull();
    expect(after(question, offered, conversation).askedBefore).toBeNull();
  });

  it('shows the questions that wait', () => {
    const around = { ...initialState.around, queued: [{ id: 'q', question: 'next' }] };
    expect(after({ type: 'around', around }).around).toEqual(around);
  });

  it('keeps what was written before the conversation came, and a new conversation begins without', () => {
    const empty: HostMessage = {
      type: 'conversation',
      id: 'one',
      turns: [],
      reason: '',
      mode: 'direct',
      signature: '',
      draft: '',
    };
    const written = { type: 'reasonWritten', reason: 'JIRA-1' } as const;
    expect(after(written, empty).reason).toBe('JIRA-1');
    expect(after(written, empty, empty).reason).toBe('');
    expect(after({ ...empty, reason: 'JIRA-2' }).reason).toBe('JIRA-2');
  });

  it('has the mode that was selected until another conversation comes', () => {
    const other: HostMessage = {
      type: 'conversation',
      id: 'one',
      turns: [],
      reason: '',
      mode: 'direct',
      signature: '',
      draft: '',
    };
    const selected = { type: 'modeSelected', mode: 'rag' } as const;
    expect(after(other, selected).mode).toBe('rag');
    expect(after(selected, other).mode).toBe('direct');
    expect(after({ ...other, mode: 'rag' }).mode).toBe('rag');
  });

  it('forgets the problem of the reason once another one is written', () => {
    const problem = { type: 'reasonProblem', problem: 'Say why.' } as const;
    expect(after(problem).reasonProblem).toBe('Say why.');
    expect(after(problem, { type: 'reasonWritten', reason: 'J' }).reasonProblem).toBeNull();
  });

  it('gives a question back that was not asked, with what was written meanwhile', () => {
    const refused = { type: 'reasonRefused', message: 'Too short.' } as const;
    const returned = { type: 'questionReturned', question: 'Why?' } as const;
    expect(after(refused, returned)).toMatchObject({ question: 'Why?', reasonProblem: 'Too short.' });
    expect(after({ type: 'questionWritten', question: 'New' }, returned).question).toBe('Why?\n\nNew');
  });
});
