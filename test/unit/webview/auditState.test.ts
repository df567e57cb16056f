import { describe, expect, it } from 'vitest';
import type { HostMessage, Row } from '../../../src/views/audit/protocol.ts';
import {
  everything,
  initialState,
  keptOf,
  missingPage,
  reduce,
  rowOf,
  type AuditState,
  type Edit,
} from '../../../src/views/audit/webview/state.ts';

function after(...messages: (HostMessage | Edit)[]): AuditState {
  return messages.reduce(reduce, initialState);
}

const ledger: HostMessage = { type: 'ledger', directory: '/l', simulated: true, hasOther: false };

function row(number: number): Row {
  return {
    ...{
      callId: `call-${number}`,
      sequence: number * 3,
      time: 0,
      outcome: 'success',
      reason: '',
      model: 'm',
    },
    ...{ user: 'u', tokens: 1, cost: '$0', costEstimated: false, ms: 1 },
  };
}

const counts = { success: 0, refused: 0, failed: 0, cancelled: 0, incomplete: 0, orphaned: 0, pending: 0 };
const matches = (query: number, total: number): HostMessage => ({ type: 'matches', query, total, counts });
/** As the extension sends them: the newest first. */
const rows = (query: number, first: number, count: number): HostMessage => ({
  type: 'rows',
  query,
  first,
  rows: Array.from({ length: count }, (_, index) => row(first + count - 1 - index)),
});

describe('the rows of the audit history', () => {
  it('are asked for page by page, those that are seen first', () => {
    const state = after(ledger, matches(1, 250));
    expect(missingPage(state, 190, 249)).toBe(1);
    const some = reduce(state, rows(1, 100, 100));
    expect(missingPage(some, 190, 249)).toBe(2);
    expect(missingPage(reduce(some, rows(1, 200, 50)), 190, 249)).toBeNull();
  });

  it('keep their numbers while new ones come, and are asked for again', () => {
    const state = after(ledger, matches(1, 150), rows(1, 100, 50), matches(1, 151));
    expect(rowOf(state, 149)?.sequence).toBe(447);
    expect(rowOf(state, 150)).toBeUndefined();
    expect(missingPage(state, 120, 150)).toBe(1);
  });

  it('of another filter are dropped, and those that are seen stay until the answer comes', () => {
    const state = after(ledger, matches(1, 50), rows(1, 0, 50), {
      type: 'filtered',
      filter: { ...everything, text: 'x' },
    });
    expect(rowOf(state, 10)).toBeDefined();
    expect(reduce(state, rows(1, 0, 50))).toBe(state);
    const answered = reduce(state, matches(2, 3));
    expect(rowOf(answered, 1)).toBeUndefined();
    expect(missingPage(answered, 0, 2)).toBe(0);
  });

  it('are few in memory, however far the reader scrolls', () => {
    let state = after(ledger, matches(1, 1_000_000));
    for (let page = 0; page < 200; page += 1) state = reduce(state, rows(1, page * 100, 100));
    expect(state.pages.size).toBeLessThan(30);
    expect(rowOf(state, 19_999)).toBeDefined();
    expect(rowOf(state, 0)).toBeUndefined();
  });
});

describe('a chosen call', () => {
  it('is known by its number until its row comes', () => {
    const state = after(ledger, matches(1, 50), { type: 'selected', number: 7 });
    expect(state.selected).toEqual({ number: 7, sequence: null });
    expect(reduce(state, rows(1, 0, 50)).selected).toEqual({ number: 7, sequence: 21 });
  });

  it('from elsewhere is looked for without filters', () => {
    const filtered: Edit = { type: 'filtered', filter: { ...everything, text: 'x' } };
    const state = after(ledger, filtered, { type: 'reveal', sequence: 21 });
    expect(state).toMatchObject({ filter: everything, query: 3, wanted: 21 });
    const found = reduce(state, { type: 'found', query: 3, sequence: 21, number: 7 });
    expect(found).toMatchObject({ wanted: null, selected: { number: 7, sequence: 21 } });
  });

  it('of one ledger is not that of another', () => {
    const state = after(ledger, matches(1, 50), rows(1, 0, 50), { type: 'selected', number: 7 });
    const other = reduce(state, { ...ledger, directory: '/other' });
    expect(other).toMatchObject({ selected: null, total: null, query: 2 });
    expect(other.pages.size).toBe(0);
  });
});

describe('what was chosen in the audit history', () => {
  const filter = { ...everything, text: 'login' };
  const chosen = after(ledger, { type: 'filtered', filter }, matches(2, 50), rows(2, 0, 50), {
    type: 'selected',
    number: 7,
  });

  it('stays when the gateway connects again', () => {
    expect(reduce(chosen, ledger)).toMatchObject({ filter, selected: { number: 7, sequence: 21 }, query: 2 });
  });

  it('comes back when the gateway does', () => {
    const failure = { message: 'unknown key', hint: '' };
    const failed = reduce(chosen, { type: 'starting', failure });
    expect(failed).toMatchObject({ ledger: null, failure });
    expect(reduce(failed, ledger)).toMatchObject({ filter, wanted: 21, query: 3 });
  });

  it('comes back with a view that was hidden, for its own ledger only', () => {
    const shown = { ...initialState, kept: keptOf(chosen) };
    expect(reduce(shown, ledger)).toMatchObject({ filter, wanted: 21 });
    expect(reduce(shown, { ...ledger, directory: '/other' })).toMatchObject({
      filter: everything,
      wanted: null,
    });
  });
});
