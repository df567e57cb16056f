import { t } from '../../webviewKit/l10n.ts';
import type { GraphStep } from '../protocol.ts';
import type { ShownBox } from './layout.ts';

/** The states of a box, of which the first that a level's steps have is the level's. */
const urgent = ['failed', 'running', 'cancelled', 'waiting', 'success'] as const;
export type BoxState = (typeof urgent)[number] | 'none';

/** How a box looks and what a screen reader says of it. */
export interface BoxText {
  state: BoxState;
  name: string;
  facts: string;
  spoken: string;
  critical: boolean;
}

/** More characters don't fit beside the state. */
const mostCharacters = 22;

/** The texts of a box: of its step, or of all the steps of a closed level. */
export function boxText(
  { id, steps: inside, isLevel, after }: ShownBox,
  byId: ReadonlyMap<string, GraphStep>,
): BoxText {
  const steps = inside.flatMap((one) => byId.get(one) ?? []);
  const name = shortened(id.slice(id.lastIndexOf('.') + 1));
  const state = urgent.find((one) => steps.some(({ status }) => status === one)) ?? 'none';
  const critical = steps.some((one) => one.critical);
  const around = id.includes('.') ? [t('in {0}', id.slice(0, id.lastIndexOf('.')))] : [];
  const path = critical ? [t('on the critical path')] : [];
  const waits = after.length > 0 ? t('after {0}', after.join(', ')) : t('waits for no step');
  const [only] = steps;
  if (isLevel || !only) {
    const done = steps.filter(({ status }) => status === 'success').length;
    const facts = state === 'none' ? t('{0} steps', steps.length) : t('{0} of {1} done', done, steps.length);
    const spoken = [`${name} ${facts}`, t('level'), ...around, ...path, waits].join(', ');
    return { state, name, facts, critical, spoken };
  }
  const { type, statusText, duration, cost, attempts, cached } = only;
  const tries = attempts > 1 ? t('{0} attempts', attempts) : '';
  const all = [duration, cached ? t('cached') : cost, tries].filter(Boolean).join(' · ') || type;
  const facts = shortened(all);
  const rest = facts === all ? [] : [all];
  // It begins with what is seen, so that what a person says of a box is understood.
  const spoken = [`${name} ${facts}`, ...rest, ...around, type, statusText, ...path, waits];
  return { state, name, facts, critical, spoken: spoken.filter(Boolean).join(', ') };
}

function shortened(text: string): string {
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters - 1)}…` : text;
}
