import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { TargetedKeyboardEvent, TargetedWheelEvent } from 'preact';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { Row } from '../protocol.ts';
import { outcomeIcon, outcomeName } from './outcomes.tsx';
import {
  isScaled,
  lastTop,
  rowAt,
  rowHeight,
  scrollHeight,
  scrollTopOf,
  type Extent,
} from './scrollModel.ts';
import { rowOf, type AuditState } from './state.ts';

const headHeight = 26;

interface TableProperties {
  state: AuditState;
  onSelect: (number: number) => void;
  /** Called with the numbers of the oldest and the newest visible row. */
  onSeen: (first: number, last: number) => void;
}

/** The calls, newest first. Only visible rows are in the page, however many calls there are. */
export function CallTable({ state, onSelect, onSeen }: TableProperties) {
  const { grid, top, height, extent, added, scrollTo, onScroll, onWheel } = useScrolledRows(state);
  const { total } = extent;
  const selectedRow = state.selected ? total - 1 - state.selected.number : null;
  // A row that was selected, by keyboard or from elsewhere, scrolls into view.
  useLayoutEffect(() => {
    if (selectedRow === null || height === 0) return;
    const visible = Math.floor(height / rowHeight);
    if (selectedRow < top) scrollTo(selectedRow);
    else if (selectedRow >= Math.floor(top + visible)) scrollTo(selectedRow - visible + 1);
  }, [state.selected?.number, height > 0]);

  const first = Math.min(Math.floor(top), Math.max(0, total - 1));
  const count = Math.min(Math.ceil(height / rowHeight) + 1, total - first);
  useLayoutEffect(() => {
    if (count > 0) onSeen(total - first - count, total - 1 - first);
  }, [first, count, total, state.answered]);

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>): void => {
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const row = targetRow(event.key, selectedRow, first, page, total);
    if (row === null) return;
    event.preventDefault();
    onSelect(total - 1 - row);
  };
  const rows = Array.from({ length: Math.max(0, count) }, (_, index) => first + index);
  const active = selectedRow !== null && rows.includes(selectedRow) ? `row-${selectedRow}` : undefined;
  return (
    <div class="table">
      <div
        ref={grid}
        class="grid"
        role="grid"
        tabIndex={0}
        aria-label={t('Calls')}
        aria-rowcount={total + 1}
        aria-colcount={columns.length}
        aria-activedescendant={active}
        onScroll={onScroll}
        onWheel={onWheel}
        onKeyDown={onKeyDown}
      >
        <Head />
        <div class="all-rows" role="rowgroup" style={{ height: `${scrollHeight(extent)}px` }}>
          <div
            class="window"
            role="presentation"
            style={{ height: `${Math.min(height, total * rowHeight)}px` }}
          >
            {rows.map((row, slot) => (
              <CallRow
                key={slot}
                row={row}
                call={rowOf(state, total - 1 - row)}
                selected={row === selectedRow}
                offset={(row - top) * rowHeight}
                onSelect={() => onSelect(total - 1 - row)}
              />
            ))}
          </div>
        </div>
      </div>
      {added > 0 && (
        <button type="button" class="added" onClick={() => scrollTo(0)}>
          <Icon name="arrow-up" /> {t('{0} new', added.toLocaleString())}
        </button>
      )}
    </div>
  );
}

/** The scroll position, in rows from the newest, and how many rows arrived above since it was at the top. */
function useScrolledRows(state: AuditState) {
  const grid = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(0);
  const [top, setTop] = useState(0);
  /** The last value of `scrollTop`, and the exact row it means. */
  const placed = useRef({ scrollTop: 0, row: 0 });
  const [added, setAdded] = useState(0);
  const before = useRef({ query: state.answered, total: state.total ?? 0 });
  const total = state.total ?? 0;
  const extent: Extent = { total, height };

  const scrollTo = (row: number): void => {
    const element = grid.current;
    if (!element) return;
    const within = Math.max(0, Math.min(row, lastTop(extent)));
    element.scrollTop = scrollTopOf(within, extent);
    placed.current = { scrollTop: element.scrollTop, row: within };
    setTop(within);
    if (within === 0) setAdded(0);
  };

  useLayoutEffect(() => {
    const element = grid.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(Math.max(0, element.clientHeight - headHeight)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // Visible rows keep their place when new ones arrive above them.
  useLayoutEffect(() => {
    const { query, total: known } = before.current;
    before.current = { query: state.answered, total };
    if (query !== state.answered) {
      setAdded(0);
      scrollTo(0);
      return;
    }
    const more = total - known;
    if (more === 0 || known === 0) return;
    if (top < 0.5) scrollTo(0);
    else {
      scrollTo(top + more);
      setAdded(Math.max(0, added + more));
    }
  }, [state.answered, total]);

  const onScroll = (): void => {
    const scrollTop = grid.current?.scrollTop ?? 0;
    const row = scrollTop === placed.current.scrollTop ? placed.current.row : rowAt(scrollTop, extent);
    placed.current = { scrollTop, row };
    setTop(row);
    if (row === 0) setAdded(0);
  };
  const onWheel = (event: TargetedWheelEvent<HTMLDivElement>): void => {
    if (!isScaled(extent) || event.ctrlKey) return;
    event.preventDefault();
    scrollTo(top + event.deltaY / rowHeight);
  };
  return { grid, top, height, extent, added, scrollTo, onScroll, onWheel };
}

function Head() {
  return (
    <div class="row head" role="row" aria-rowindex={1}>
      {columns.map(({ name, title }) => (
        <span key={name} class={`cell ${name}`} role="columnheader">
          {title()}
        </span>
      ))}
    </div>
  );
}

/** The row that a key moves to; null for other keys. */
export function targetRow(
  key: string,
  selected: number | null,
  first: number,
  page: number,
  total: number,
): number | null {
  if (total === 0) return null;
  const from = selected ?? first - 1;
  const target = {
    ArrowDown: from + 1,
    ArrowUp: selected === null ? first : from - 1,
    PageDown: Math.max(from, 0) + page,
    PageUp: from - page,
    Home: 0,
    End: total - 1,
  }[key];
  return target === undefined ? null : Math.max(0, Math.min(target, total - 1));
}

interface CallRowProperties {
  row: number;
  call: Row | undefined;
  selected: boolean;
  offset: number;
  onSelect: () => void;
}

function CallRow({ row, call, selected, offset, onSelect }: CallRowProperties) {
  return (
    <div
      id={`row-${row}`}
      class={selected ? 'row selected' : 'row'}
      role="row"
      aria-rowindex={row + 2}
      aria-selected={selected}
      style={{ transform: `translateY(${offset}px)` }}
      onClick={onSelect}
    >
      {columns.map(({ name, cell }) => (
        <span key={name} class={`cell ${name}`} role="gridcell">
          {call ? cell(call) : name === 'reason' ? '…' : ''}
        </span>
      ))}
    </div>
  );
}

/** Sweden writes times as ISO 8601 does; they are those of the zone in the heading. */
const time = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' });

const columns = [
  {
    name: 'time',
    title: () => t('Time ({0})', time.resolvedOptions().timeZone),
    cell: (call: Row) => time.format(call.time),
  },
  {
    name: 'outcome',
    title: () => t('Outcome'),
    cell: (call: Row) => (
      <>
        {outcomeIcon(call.outcome)} <span class="outcome-name">{outcomeName(call.outcome)}</span>
      </>
    ),
  },
  { name: 'reason', title: () => t('Reason'), cell: (call: Row) => call.reason || t('(no reason)') },
  { name: 'model', title: () => t('Model'), cell: (call: Row) => call.model },
  { name: 'user', title: () => t('User'), cell: (call: Row) => call.user },
  { name: 'tokens', title: () => t('Tokens'), cell: (call: Row) => call.tokens?.toLocaleString() ?? '' },
  {
    name: 'cost',
    title: () => t('Cost'),
    cell: (call: Row) => (call.costEstimated ? `≈ ${call.cost}` : call.cost),
  },
  { name: 'ms', title: () => t('Took (ms)'), cell: (call: Row) => call.ms?.toLocaleString() ?? '' },
  { name: 'sequence', title: () => t('Record'), cell: (call: Row) => String(call.sequence) },
] as const;
