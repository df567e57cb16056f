import type { Failure } from '../../webviewKit/protocol.ts';
import type { Chain, Detail, Filter, HostMessage, Kept, Outcome, Row } from '../protocol.ts';

/** Rows that are asked for at once. */
export const pageRows = 100;
/** Pages that are kept; the farthest from what is seen go first. */
const pagesKept = 24;

/** Calls number `page × 100` and on, counted from the oldest match. */
export interface Page {
  rows: Row[];
  /** Shown until newer rows arrive. */
  stale: boolean;
}

/** What the view shows. Rows are numbered from the oldest match, so that new ones don't move them. */
export interface AuditState {
  ledger: { directory: string; simulated: boolean; hasOther: boolean } | null;
  /** Why there is no ledger yet. */
  failure: Failure | null;
  /** What was chosen when a ledger was last seen. */
  kept: Kept | null;
  filter: Filter;
  /** Number of the filter; answers to another are dropped. */
  query: number;
  /** The filter that `total` and `pages` are of. */
  answered: number;
  /** Null until the first answer. */
  total: number | null;
  counts: Partial<Record<Outcome, number>>;
  facets: { users: string[]; models: string[]; workspaces: string[]; branches: string[] };
  pages: ReadonlyMap<number, Page>;
  /** The chosen row. */
  selected: { number: number; sequence: number | null } | null;
  detail: Detail | null;
  chain: Chain;
  anchors: string[];
  /** Share of the journal that is in the index, while it is read. */
  indexing: number | null;
  /** A call to show once its row is known. */
  wanted: number | null;
}

export type Edit =
  { type: 'filtered'; filter: Filter } | { type: 'selected'; number: number } | { type: 'closed' };

export const everything: Filter = {
  fromDay: null,
  untilDay: null,
  outcomes: [],
  userId: null,
  model: null,
  workspace: null,
  branch: null,
  text: '',
};

export const initialState: AuditState = {
  ledger: null,
  failure: null,
  kept: null,
  filter: everything,
  query: 0,
  answered: 0,
  total: null,
  counts: {},
  facets: { users: [], models: [], workspaces: [], branches: [] },
  pages: new Map(),
  selected: null,
  detail: null,
  chain: { state: 'unverified' },
  anchors: [],
  indexing: null,
  wanted: null,
};

/** The state after a message of the extension or something the person did. */
export function reduce(state: AuditState, message: HostMessage | Edit): AuditState {
  switch (message.type) {
    case 'starting':
      return {
        ...initialState,
        query: state.query,
        failure: message.failure,
        kept: keptOf(state),
        wanted: state.wanted,
      };
    case 'ledger': {
      const { directory, simulated, hasOther } = message;
      const ledger = { directory, simulated, hasOther };
      if (state.ledger?.directory === directory) return { ...state, ledger };
      const before = keptOf(state);
      const kept = before?.directory === directory ? before : null;
      const chosen = { filter: kept?.filter ?? everything, wanted: state.wanted ?? kept?.sequence ?? null };
      return requery({ ...initialState, ...chosen, ledger, query: state.query });
    }
    case 'indexing':
      return { ...state, indexing: message.share };
    case 'matches':
      return message.query === state.query ? withMatches(state, message) : state;
    case 'rows':
      return message.query === state.query ? withRows(state, message) : state;
    case 'facets': {
      const { users, models, workspaces, branches } = message;
      return { ...state, facets: { users, models, workspaces, branches } };
    }
    case 'detail':
      return message.sequence === state.selected?.sequence ? { ...state, detail: message.detail } : state;
    case 'chain':
      return { ...state, chain: message.chain, anchors: message.anchors };
    case 'reveal': {
      const wanted = { ...state, wanted: message.sequence };
      return isEverything(state.filter) ? wanted : requery({ ...wanted, filter: everything });
    }
    case 'found':
      return message.query === state.query && message.sequence === state.wanted
        ? {
            ...state,
            wanted: null,
            selected: { number: message.number, sequence: message.sequence },
            detail: state.detail?.row.sequence === message.sequence ? state.detail : null,
          }
        : state;
    case 'filtered':
      return requery({ ...state, filter: message.filter });
    case 'selected':
      return withSelection(state, message.number);
    case 'closed':
      return { ...state, selected: null, detail: null };
  }
}

/** What is to be remembered of a state. */
export function keptOf({ ledger, filter, selected, detail, kept }: AuditState): Kept | null {
  if (!ledger) return kept;
  // A call that has ended is found by its last record.
  const sequence = selected && (detail?.row.sequence ?? selected.sequence);
  return { directory: ledger.directory, filter, sequence };
}

/** The call with a number, as far as it is known. */
export function rowOf({ pages }: AuditState, number: number): Row | undefined {
  return pages.get(Math.floor(number / pageRows))?.rows[number % pageRows];
}

/** The next page to ask for, so that the numbers from `first` to `last` are there and new; null when they are. */
export function missingPage({ pages, total }: AuditState, first: number, last: number): number | null {
  const end = Math.min(last, (total ?? 0) - 1);
  const wanted: number[] = [];
  for (let page = Math.floor(Math.max(first, 0) / pageRows); page * pageRows <= end; page += 1)
    wanted.push(page);
  const known = (page: number): Page | undefined => pages.get(page);
  return wanted.find((page) => !known(page)) ?? wanted.find((page) => known(page)?.stale) ?? null;
}

export function isEverything(filter: Filter): boolean {
  return JSON.stringify(filter) === JSON.stringify(everything);
}

/** Begins again with another filter or ledger; what is seen goes when the answer comes. */
function requery(state: AuditState): AuditState {
  return { ...state, query: state.query + 1, selected: null, detail: null };
}

function withMatches(
  state: AuditState,
  { query, total, counts }: Extract<HostMessage, { type: 'matches' }>,
): AuditState {
  // A call that ended has moved, and its row is another: all are asked for again as they are seen.
  const known = state.answered === query ? [...state.pages] : [];
  const pages = new Map(known.map(([page, { rows }]) => [page, { rows, stale: true }]));
  return { ...state, answered: query, total, counts, pages };
}

function withRows(state: AuditState, { first, rows }: Extract<HostMessage, { type: 'rows' }>): AuditState {
  const asked = Math.floor(first / pageRows);
  const oldestFirst = rows.toReversed();
  const kept = [...state.pages]
    .filter(([page]) => page !== asked)
    .sort(([a], [b]) => Math.abs(a - asked) - Math.abs(b - asked))
    .slice(0, pagesKept - 1);
  const pages = new Map<number, Page>([...kept, [asked, { rows: oldestFirst, stale: false }]]);
  const { selected } = state;
  if (!selected || Math.floor(selected.number / pageRows) !== asked) return { ...state, pages };
  const sequence = oldestFirst[selected.number % pageRows]?.sequence ?? null;
  // The chosen call may have moved; its detail stays.
  return selected.sequence === null
    ? { ...state, pages, selected: { ...selected, sequence } }
    : { ...state, pages };
}

function withSelection(state: AuditState, number: number): AuditState {
  const sequence = rowOf(state, number)?.sequence ?? null;
  const { detail } = state;
  return {
    ...state,
    selected: { number, sequence },
    // The old one stays until the new one comes, so that nothing flickers.
    detail,
  };
}
