import { render } from 'preact';
import { connect, keep, kept } from '../../webviewKit/editorHost.ts';
import { hostMessageSchema, keptSchema, type HostMessage, type ViewMessage } from '../protocol.ts';
import { Audit } from './audit.tsx';
import '../../webviewKit/base.css';
import './audit.css';
import './tabs.css';
import './compliance.css';
import './query.css';
import { initialCompliance, reduceCompliance, type ComplianceEdit } from './complianceState.ts';
import { keptQuery, reduceQuery, type QueryEdit } from './queryState.ts';
import { initialState, keptOf, missingPage, pageRows, reduce, type AuditState, type Edit } from './state.ts';

const root = document.getElementById('root') ?? document.body;
let state: AuditState = { ...initialState, kept: kept(keptSchema) };
let query = keptQuery(state.kept);
let compliance = initialCompliance;
/** Numbers of the oldest and the newest visible row. */
let seen: [first: number, last: number] = [0, -1];
/** The page that was requested and has not arrived; one at a time, so that fast scrolling wastes no requests. */
let asked: { query: number; page: number } | null = null;
let shownDetail: number | null = null;

const post = connect<ViewMessage, typeof hostMessageSchema>(hostMessageSchema, (message) => {
  // A failed request gets no response.
  if (message.type === 'rows' || message.type === 'matches') asked = null;
  query = reduceQuery(query, message);
  compliance = reduceCompliance(compliance, message);
  change(message);
  // The first report needs no button.
  if (message.type === 'complianceLevels' && compliance.report === null)
    changeCompliance({ ...compliance, type: 'asked' });
});

draw();
post({ type: 'ready' });

function change(message: HostMessage | Edit): void {
  const before = state;
  state = reduce(state, message);
  if (state.query !== before.query) asked = null;
  if (state.ledger && (state.query !== before.query || message.type === 'ledger'))
    post({ type: 'filter', query: state.query, filter: state.filter });
  if (message.type === 'matches' && state.wanted !== null)
    post({ type: 'find', query: state.query, sequence: state.wanted });
  if (message.type === 'reveal' && state.query === before.query && state.total !== null)
    post({ type: 'find', query: state.query, sequence: message.sequence });
  remember();
  draw();
  askForRows();
  askForDetail(message.type === 'matches');
}

function changeQuery(edit: QueryEdit): void {
  query = reduceQuery(query, edit);
  if (edit.type === 'started') {
    const { run, sql, since, until } = query;
    post({ type: 'runQuery', run, sql, since, until });
  }
  remember();
  draw();
}

function changeCompliance(edit: ComplianceEdit): void {
  compliance = reduceCompliance(compliance, edit);
  const { run, level, since, until } = compliance;
  post({ type: 'complianceReport', run, level, since, until });
  draw();
}

function remember(): void {
  const { tab, sql } = query;
  const kept = keptOf(state);
  keep(kept && { ...kept, tab, sql });
}

function draw(): void {
  render(
    <Audit
      state={state}
      query={query}
      compliance={compliance}
      post={post}
      edit={change}
      editQuery={changeQuery}
      editCompliance={changeCompliance}
      onSeen={onSeen}
    />,
    root,
  );
}

/** Called with the visible rows. */
function onSeen(first: number, last: number): void {
  seen = [first, last];
  askForRows();
}

function askForRows(): void {
  if (state.answered !== state.query || asked?.query === state.query) return;
  const page = missingPage(state, ...seen);
  if (page === null) return;
  asked = { query: state.query, page };
  post({ type: 'rows', query: state.query, first: page * pageRows, limit: pageRows });
}

/**
 * A running call changes, and kept content can be erased: at first its key is gone, later a record says so. All else
 * is immutable.
 */
function askForDetail(changed: boolean): void {
  const sequence = state.selected?.sequence ?? null;
  const { detail } = state;
  const again = changed && (detail?.row.outcome === 'pending' || detail?.content.state !== 'erased');
  if (sequence === shownDetail && !again) return;
  shownDetail = sequence;
  if (sequence !== null) post({ type: 'detail', sequence });
}
