import type { Failure } from '../../webviewKit/protocol.ts';
import type { HostMessage, ShownCompliance } from '../protocol.ts';

/** What the compliance tab shows. */
export interface ComplianceState {
  /** The ledger that the report is about. */
  directory: string | null;
  /** Null until they arrive. */
  levels: readonly string[] | null;
  inForce: readonly string[];
  level: string;
  /** Policy days, inclusive. */
  since: string;
  until: string;
  /** Number of the last report that was asked for; answers to another are dropped. */
  run: number;
  running: boolean;
  report: ShownCompliance | null;
  failure: Failure | null;
}

export type ComplianceEdit = { type: 'asked'; level: string; since: string; until: string };

export const initialCompliance: ComplianceState = {
  directory: null,
  levels: null,
  inForce: [],
  level: '',
  since: '',
  until: '',
  run: 0,
  running: false,
  report: null,
  failure: null,
};

/** The state after a message of the extension or an action of the user. */
export function reduceCompliance(
  state: ComplianceState,
  message: HostMessage | ComplianceEdit,
): ComplianceState {
  switch (message.type) {
    case 'ledger':
      if (message.directory === state.directory) return state;
      return { ...initialCompliance, run: state.run, directory: message.directory };
    case 'complianceLevels': {
      const { levels, inForce, since, until } = message;
      const level = state.level || (inForce[0] ?? '');
      return { ...state, levels, inForce, level, since: state.since || since, until: state.until || until };
    }
    case 'asked': {
      const { level, since, until } = message;
      return { ...state, level, since, until, run: state.run + 1, running: true, failure: null };
    }
    case 'complianceReport':
      return message.run === state.run ? { ...state, running: false, report: message.report } : state;
    case 'complianceFailed':
      return message.run === state.run ? { ...state, running: false, failure: message.failure } : state;
    default:
      return state;
  }
}
