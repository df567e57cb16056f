import { useState } from 'preact/hooks';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import { outcomes, type Filter, type Outcome } from '../protocol.ts';
import { outcomeIcon, outcomeName } from './outcomes.tsx';
import { everything, isEverything, type AuditState } from './state.ts';

interface FilterProperties {
  state: AuditState;
  onFilter: (filter: Filter) => void;
}

/** The filters of the calls. */
export function Filters({ state, onFilter }: FilterProperties) {
  const { filter, facets } = state;
  const set = (change: Partial<Filter>): void => onFilter({ ...filter, ...change });
  const [open, setOpen] = useState(false);
  const hidden = Object.values({ ...filter, text: null, outcomes: null }).filter(
    (value) => value !== null,
  ).length;
  return (
    <search class={open ? 'filters open' : 'filters'} aria-label={t('Filters')}>
      <div class="fields">
        <label class="text">
          <span>{t('Reason')}</span>
          <input
            type="search"
            value={filter.text}
            placeholder={t('Part of the reason')}
            onInput={(event) => set({ text: event.currentTarget.value })}
          />
        </label>
        <button type="button" class="more" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name="filter" /> {hidden > 0 ? t('Filters ({0})', hidden) : t('Filters')}
        </button>
        <Days filter={filter} set={set} />
        <Choice
          label={t('Model')}
          values={facets.models}
          value={filter.model}
          onChoose={(model) => set({ model })}
        />
        <Choice
          label={t('User')}
          values={facets.users}
          value={filter.userId}
          onChoose={(userId) => set({ userId })}
        />
        <Choice
          label={t('Workspace')}
          values={facets.workspaces}
          value={filter.workspace}
          onChoose={(workspace) => set({ workspace })}
        />
        <Choice
          label={t('Branch')}
          values={facets.branches}
          value={filter.branch}
          onChoose={(branch) => set({ branch })}
        />
      </div>
      <div class="chips" role="group" aria-label={t('Outcome')}>
        {outcomes.map((outcome) => (
          <Chip
            key={outcome}
            outcome={outcome}
            count={state.counts[outcome] ?? 0}
            chosen={filter.outcomes.includes(outcome)}
            onToggle={() => set({ outcomes: toggled(filter.outcomes, outcome) })}
          />
        ))}
        {!isEverything(filter) && (
          <button type="button" class="link" onClick={() => onFilter(everything)}>
            <Icon name="clear-all" /> {t('Clear Filters')}
          </button>
        )}
      </div>
    </search>
  );
}

function Days({ filter, set }: { filter: Filter; set: (change: Partial<Filter>) => void }) {
  return (
    <>
      <label>
        <span>{t('From')}</span>
        <input
          type="date"
          value={filter.fromDay ?? ''}
          max={filter.untilDay ?? undefined}
          onChange={(event) => set({ fromDay: event.currentTarget.value || null })}
        />
      </label>
      <label>
        <span>{t('Until')}</span>
        <input
          type="date"
          value={filter.untilDay ?? ''}
          min={filter.fromDay ?? undefined}
          onChange={(event) => set({ untilDay: event.currentTarget.value || null })}
        />
      </label>
    </>
  );
}

interface ChoiceProperties {
  label: string;
  values: readonly string[];
  value: string | null;
  onChoose: (value: string | null) => void;
}

function Choice({ label, values, value, onChoose }: ChoiceProperties) {
  const known = value === null || values.includes(value) ? values : [value, ...values];
  return (
    <label>
      <span>{label}</span>
      <select
        value={value ?? ''}
        title={value ?? undefined}
        onChange={(event) => onChoose(event.currentTarget.value || null)}
      >
        <option value="">{t('all')}</option>
        {known.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}

interface ChipProperties {
  outcome: Outcome;
  count: number;
  chosen: boolean;
  onToggle: () => void;
}

function Chip({ outcome, count, chosen, onToggle }: ChipProperties) {
  if (count === 0 && !chosen) return null;
  return (
    <button type="button" class="chip" aria-pressed={chosen} onClick={onToggle}>
      {outcomeIcon(outcome)} {outcomeName(outcome)} <span class="count">{count.toLocaleString()}</span>
    </button>
  );
}

function toggled(chosen: readonly Outcome[], outcome: Outcome): Outcome[] {
  return chosen.includes(outcome) ? chosen.filter((one) => one !== outcome) : [...chosen, outcome];
}
