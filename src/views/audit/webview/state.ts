import type { Failure } from '../../webviewKit/protocol.ts';
import type { Chain, Detail, Filter, HostMessage, Kept, Outcome, Row } from '../protocol.ts';

/** Rows per request. */
export const pageRows = 100;
/** Pages kept; those farthest from the visible rows are dropped first. */
const pagesKept = 24;

/** Calls from number `page × 100`, counted from the oldest match. */
export interface Page {
  rows: Row[];
  /** Outdated, shown until newer rows arrive. */
  stale: boolean;
}

/** What the view shows. Rows are numbered from the oldest match, so that new ones don't move them. */
export interface AuditState {
  ledger: { directory: string; simulated: boolean; hasOther: boolean } | null;
  /** Why no ledger can be shown yet. */
  failure: Failure | null;
  /** The selection when a ledger was last shown. */
  kept: Kept | null;
  filter: Filter;
  /** Number of the filter; responses to another are dropped. */
  query: number;
  /** The filter that `total` and `pages` belong to. */
  answered: number;
  /** Null until the first response. */
  total: number | null;
  counts: Partial<Record<Outcome, number>>;
  facets: { users: string[]; models: string[]; workspaces: string[]; branches: string[] };
  pages: ReadonlyMap<number, Page>;
  /** The selected row. */
  selected: { number: number; sequence: number | null } | null;
  detail: Detail | null;
  chain: Chain;
  anchors: string[];
  /** Share of the journal that is indexed, while it is read. */
  indexing: number | null;
  /** The call to show once its row is known. */
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

/** The state after a message of the extension or an action of the user. */
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
    case 'complianceLevels':
    case 'complianceReport':
    case 'complianceFailed':
    case 'queries':
    case 'saved':
    case 'queryProgress':
    case 'queryResult':
    case 'queryFailed':
      // Of the other tabs.
      return state;
  }
}

/** The part of a state that is remembered. */
export function keptOf({ ledger, filter, selected, detail, kept }: AuditState): Kept | null {
  if (!ledger) return kept;
  // A call that has ended is identified by its last record.
  const sequence = selected && (detail?.row.sequence ?? selected.sequence);
  return { directory: ledger.directory, filter, sequence };
}

/** The call with a number, if it is loaded. */
export function rowOf({ pages }: AuditState, number: number): Row | undefined {
  return pages.get(Math.floor(number / pageRows))?.rows[number % pageRows];
}

/** The next page to request so that the rows from `first` to `last` are loaded and current; null when they are. */
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

/** Starts over with another filter or ledger; the visible rows stay until the response arrives. */
function requery(state: AuditState): AuditState {
  return { ...state, query: state.query + 1, selected: null, detail: null };
}

function withMatches(
  state: AuditState,
  { query, total, counts }: Extract<HostMessage, { type: 'matches' }>,
): AuditState {
  // A call that ended moves to another row: every page is requested again when it becomes visible.
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
  // The selected call may have moved; its detail stays.
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
    // The old detail stays until the new one arrives, so that nothing flickers.
    detail,
  };
}
