import type { HostMessage, ShownComparison } from '../protocol.ts';

/** The state of the view: what the extension sent, and what ended last. */
export interface ComparisonState {
  comparison: ShownComparison;
  /** The model whose call ended last, for screen readers; null before that. */
  endedLast: string | null;
}

/** The state after a message; null before the first one. */
export function reduce(state: ComparisonState | null, message: HostMessage): ComparisonState | null {
  if (message.type === 'comparison')
    return { comparison: message.comparison, endedLast: state?.endedLast ?? null };
  if (!state) return null;
  const { comparison } = state;
  const columns = comparison.columns.map((column, index) => {
    if (index !== message.column) return column;
    return message.type === 'text'
      ? { ...column, answer: column.answer + message.text }
      : { ...column, result: message.result };
  });
  if (message.type === 'text') return { ...state, comparison: { ...comparison, columns } };
  const endedLast = columns[message.column]?.model ?? null;
  return { comparison: { ...comparison, columns, cost: message.cost }, endedLast };
}
