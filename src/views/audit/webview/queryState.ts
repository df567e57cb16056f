import type { Failure } from '../../webviewKit/protocol.ts';
import type { HostMessage, Kept, QuerySchema, SavedQuery, ShownResult } from '../protocol.ts';

export type AuditTab = NonNullable<Kept['tab']>;

/** What the query tab shows, and which tab is shown. */
export interface QueryState {
  tab: AuditTab;
  /** The ledger that results are about. */
  directory: string | null;
  sql: string;
  /** Policy days, inclusive; null does not restrict. */
  since: string | null;
  until: string | null;
  /** Null until they arrive. */
  schema: QuerySchema | null;
  saved: readonly SavedQuery[];
  /** The saved query that was chosen last. */
  chosen: string | null;
  /** Number of the last run; answers to another are dropped. */
  run: number;
  running: { step: 'starting' | 'indexing' | 'copying' | 'running'; share: number | null } | null;
  result: ShownResult | null;
  failure: Failure | null;
}

export type QueryEdit =
  | { type: 'tab'; tab: QueryState['tab'] }
  | { type: 'sql'; sql: string }
  | { type: 'days'; since: string | null; until: string | null }
  | { type: 'choose'; name: string }
  | { type: 'started' };

export const initialQuery: QueryState = {
  tab: 'calls',
  directory: null,
  sql: '',
  since: null,
  until: null,
  schema: null,
  saved: [],
  chosen: null,
  run: 0,
  running: null,
  result: null,
  failure: null,
};

/** As it was when the view was hidden. */
export function keptQuery(kept: Kept | null): QueryState {
  return { ...initialQuery, tab: kept?.tab ?? 'calls', sql: kept?.sql ?? '' };
}

/** The state after a message of the extension or an action of the user. */
export function reduceQuery(state: QueryState, message: HostMessage | QueryEdit): QueryState {
  switch (message.type) {
    case 'ledger':
      if (message.directory === state.directory) return state;
      return { ...state, directory: message.directory, running: null, result: null, failure: null };
    case 'reveal':
      return { ...state, tab: 'calls' };
    case 'tab':
      return { ...state, tab: message.tab };
    case 'sql':
      return { ...state, sql: message.sql };
    case 'days':
      return { ...state, since: message.since, until: message.until };
    case 'choose': {
      const found = state.saved.find(({ name }) => name === message.name);
      return { ...state, chosen: found?.name ?? null, sql: found?.sql ?? state.sql };
    }
    case 'started':
      return { ...state, run: state.run + 1, running: { step: 'starting', share: null }, failure: null };
    case 'queries': {
      const { schema, saved } = message;
      const isThere = saved.some(({ name }) => name === state.chosen);
      return { ...state, schema, saved, chosen: isThere ? state.chosen : null };
    }
    case 'saved':
      return { ...state, chosen: message.name };
    case 'queryProgress': {
      const { run, step, share } = message;
      return run === state.run && state.running ? { ...state, running: { step, share } } : state;
    }
    case 'queryResult':
      return message.run === state.run ? { ...state, running: null, result: message.result } : state;
    case 'queryFailed':
      return message.run === state.run ? { ...state, running: null, failure: message.failure } : state;
    default:
      return state;
  }
}
