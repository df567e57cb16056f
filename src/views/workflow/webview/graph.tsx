import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { GraphStep } from '../protocol.ts';
import { boxText, type BoxState, type BoxText } from './boxes.ts';
import {
  boxesOf,
  boxSize,
  drawingOf,
  neighbourOf,
  type Direction,
  type Drawing,
  type PlacedBox,
  type PlacedEdge,
  type PlacedFrame,
  type Way,
} from './layout.ts';

interface GraphProperties {
  steps: readonly GraphStep[];
  /** The open levels. */
  open: ReadonlySet<string>;
  selected: string | null;
  onSelect: (id: string) => void;
  onToggle: (level: string) => void;
  /** Opens or closes all levels; null without any. */
  onAll: ((open: boolean) => void) | null;
}

/** A view narrower than this, in pixels, is drawn from top to bottom. */
const narrow = 560;
const scales = { least: 0.05, most: 2, step: 1.25, readable: 0.7 } as const;

/** The graph, with its zoom. It is laid out again only when its boxes change, not with every state. */
export function GraphView({ steps, open, selected, onSelect, onToggle, onAll }: GraphProperties) {
  const canvas = useRef<HTMLDivElement>(null);
  const [direction, setDirection] = useState<Direction>('LR');
  const structure = JSON.stringify([steps.map(({ id, after }) => [id, after]), [...open], direction]);
  const drawing = useMemo(() => drawingOf(boxesOf(steps, open), direction), [structure]);
  const byId = useMemo(() => new Map(steps.map((step) => [step.id, step])), [steps]);
  const [scale, setScale] = useState<number | null>(null);
  const fitting = (): number => {
    const { clientWidth = 1, clientHeight = 1 } = canvas.current ?? {};
    return Math.min(1, clientWidth / drawing.width, clientHeight / drawing.height);
  };
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => setDirection(element.clientWidth < narrow ? 'TB' : 'LR'));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // At first as much as can be read.
  useLayoutEffect(() => setScale((before) => before ?? Math.max(scales.readable, fitting())), [structure]);
  const zoom = (factor: number): void =>
    setScale((before) => Math.min(scales.most, Math.max(scales.least, (before ?? 1) * factor)));
  return (
    <section class="graph" aria-label={t('Graph')}>
      <div class="toolbar">
        <ToolButton icon="zoom-in" label={t('Zoom In')} onClick={() => zoom(scales.step)} />
        <ToolButton icon="zoom-out" label={t('Zoom Out')} onClick={() => zoom(1 / scales.step)} />
        <ToolButton icon="screen-full" label={t('Fit')} onClick={() => setScale(fitting())} />
        {onAll && (
          <>
            <ToolButton icon="expand-all" label={t('Open All Levels')} onClick={() => onAll(true)} />
            <ToolButton icon="collapse-all" label={t('Close All Levels')} onClick={() => onAll(false)} />
          </>
        )}
      </div>
      <div
        class="canvas"
        ref={canvas}
        tabIndex={0}
        role="group"
        aria-label={t('Drawing of the steps')}
        onWheel={(event) => {
          if (!event.ctrlKey) return;
          event.preventDefault();
          zoom(event.deltaY < 0 ? scales.step : 1 / scales.step);
        }}
        onKeyDown={({ key }) => {
          if (key === '+') zoom(scales.step);
          if (key === '-') zoom(1 / scales.step);
          if (key === '0') setScale(fitting());
        }}
      >
        <Picture
          drawing={drawing}
          direction={direction}
          scale={scale ?? 1}
          byId={byId}
          selected={selected}
          onSelect={onSelect}
          onToggle={onToggle}
        />
      </div>
    </section>
  );
}

function ToolButton({ icon, label, onClick }: { icon: string; label: string; onClick: () => void }) {
  return (
    <button type="button" class="icon-button" title={label} aria-label={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

interface PictureProperties extends Pick<GraphProperties, 'selected' | 'onSelect' | 'onToggle'> {
  drawing: Drawing;
  direction: Direction;
  scale: number;
  byId: ReadonlyMap<string, GraphStep>;
}

/** One box is in the order of the tab key; the arrow keys lead to the others. */
function Picture({ drawing, direction, scale, byId, selected, onSelect, onToggle }: PictureProperties) {
  const { width, height, boxes, frames, edges } = drawing;
  const elements = useRef(new Map<string, SVGGElement>());
  const [current, setCurrent] = useState<string | null>(null);
  const texts = new Map(boxes.map((box) => [box.id, boxText(box, byId)]));
  const inOrder = boxes.some(({ id }) => id === current) ? current : (boxes[0]?.id ?? null);
  const isCritical = ({ from, to }: PlacedEdge): boolean =>
    (texts.get(from)?.critical ?? false) && (texts.get(to)?.critical ?? false);
  const activate = ({ id, isLevel }: PlacedBox): void => {
    setCurrent(id);
    if (isLevel) onToggle(id);
    else onSelect(id);
  };
  const onKey = (event: KeyboardEvent, box: PlacedBox): void => {
    if (event.key === 'Enter' || event.key === ' ') activate(box);
    else {
      const next = targetOf(event.key, box.id, drawing, direction);
      if (next === undefined) return;
      if (next !== null) elements.current.get(next)?.focus();
    }
    event.preventDefault();
  };
  return (
    <svg
      role="group"
      aria-label={t('Steps, and what each waits for. The arrow keys follow the edges.')}
      width={width * scale}
      height={height * scale}
      viewBox={`0 0 ${width} ${height}`}
    >
      {frames.map((frame) => (
        <Frame key={frame.id} frame={frame} onClose={() => onToggle(frame.id)} />
      ))}
      <Edges edges={edges} isCritical={isCritical} />
      {boxes.map((box) => (
        <Box
          key={box.id}
          box={box}
          text={texts.get(box.id) ?? boxText(box, byId)}
          isSelected={box.id === selected}
          tabIndex={box.id === inOrder ? 0 : -1}
          take={(element) => {
            if (element) elements.current.set(box.id, element);
            else elements.current.delete(box.id);
          }}
          onFocus={() => setCurrent(box.id)}
          onActivate={() => activate(box)}
          onKey={(event) => onKey(event, box)}
        />
      ))}
    </svg>
  );
}

interface EdgesProperties {
  edges: readonly PlacedEdge[];
  isCritical: (edge: PlacedEdge) => boolean;
}

/** What waits for what, as arrows. */
function Edges({ edges, isCritical }: EdgesProperties) {
  return (
    <>
      <defs>
        {['plain', 'critical'].map((kind) => (
          <marker
            key={kind}
            id={`arrow-${kind}`}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="8"
            markerHeight="8"
            markerUnits="userSpaceOnUse"
            orient="auto"
          >
            <path class={`arrow ${kind}`} d="M0 0.5 L8 4 L0 7.5 Z" />
          </marker>
        ))}
      </defs>
      {edges.map((edge) => {
        const kind = isCritical(edge) ? 'critical' : 'plain';
        return (
          <path
            key={`${edge.from} ${edge.to}`}
            class={`edge ${kind}`}
            d={curveThrough(edge.points)}
            marker-end={`url(#arrow-${kind})`}
          />
        );
      })}
    </>
  );
}

/** Where a key leads from a box: null for nowhere, undefined for another key. */
function targetOf(
  key: string,
  from: string,
  drawing: Drawing,
  direction: Direction,
): string | null | undefined {
  const { boxes } = drawing;
  if (key === 'Home') return boxes[0]?.id ?? null;
  if (key === 'End') return boxes.at(-1)?.id ?? null;
  const ways: Readonly<Record<string, Way | undefined>> =
    direction === 'LR'
      ? { ArrowRight: 'forward', ArrowLeft: 'back', ArrowDown: 'next', ArrowUp: 'previous' }
      : { ArrowDown: 'forward', ArrowUp: 'back', ArrowRight: 'next', ArrowLeft: 'previous' };
  const way = ways[key];
  return way && neighbourOf(drawing, from, way, direction);
}

interface BoxProperties {
  box: PlacedBox;
  text: BoxText;
  isSelected: boolean;
  tabIndex: number;
  take: (element: SVGGElement | null) => void;
  onFocus: () => void;
  onActivate: () => void;
  onKey: (event: KeyboardEvent) => void;
}

function Box({ box, text, isSelected, tabIndex, take, onFocus, onActivate, onKey }: BoxProperties) {
  const { isLevel, x, y } = box;
  const { state, name, facts, spoken, critical } = text;
  const { width, height } = boxSize;
  const classes = [
    'box',
    `is-${state}`,
    critical && 'critical',
    isSelected && 'is-selected',
    isLevel && 'level',
  ];
  return (
    <g
      ref={take}
      class={classes.filter(Boolean).join(' ')}
      transform={`translate(${x - width / 2} ${y - height / 2})`}
      role="button"
      tabIndex={tabIndex}
      aria-label={spoken}
      {...(isLevel && { 'aria-expanded': false })}
      onFocus={onFocus}
      onClick={onActivate}
      onKeyDown={onKey}
    >
      {isLevel && <rect class="behind" x="4" y="4" width={width} height={height} rx="5" />}
      <rect class="face" width={width} height={height} rx="5" />
      <path class="glyph" transform="translate(10 9)" d={glyphs[state]} />
      <text class="name" x="32" y="21">
        {name}
      </text>{' '}
      <text class="quiet-text" x="32" y="39">
        {facts}
      </text>
    </g>
  );
}

/** In a square of 14: a check, a cross, a play sign, a slash, a circle. */
const glyphs: Record<BoxState, string> = {
  success: 'M2 7.5 L5.5 11 L12 3.5',
  failed: 'M3 3 L11 11 M11 3 L3 11',
  running: 'M4 2.5 L11.5 7 L4 11.5 Z',
  cancelled: 'M7 1.5 A5.5 5.5 0 1 1 6.99 1.5 M3.2 10.8 L10.8 3.2',
  waiting: 'M7 1.5 A5.5 5.5 0 1 1 6.99 1.5',
  none: 'M7 4.5 A2.5 2.5 0 1 1 6.99 4.5',
};

/** An open level; its name closes it. */
function Frame({ frame: { id, x, y, width, height }, onClose }: { frame: PlacedFrame; onClose: () => void }) {
  return (
    <g class="frame" transform={`translate(${x - width / 2} ${y - height / 2})`}>
      <rect class="edge-of-level" width={width} height={height} rx="7" />
      <g
        class="frame-name"
        role="button"
        tabIndex={0}
        aria-expanded
        aria-label={t('Level {0}', id)}
        onClick={onClose}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' && event.key !== ' ') return;
          event.preventDefault();
          onClose();
        }}
      >
        <rect
          class="name-face"
          x="6"
          y="-9"
          width={Math.min(width - 12, 24 + 7 * id.length)}
          height="18"
          rx="3"
        />
        <text x="12" y="4">
          − {id}
        </text>
      </g>
    </g>
  );
}

/** A curve through the middles of the lines between points, with the points as its handles. */
function curveThrough(points: PlacedEdge['points']): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (!first || !last) return '';
  const middle = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1] ?? last;
    const end = index === rest.length - 2 ? last : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    return `Q${point.x} ${point.y} ${end.x} ${end.y}`;
  });
  return `M${first.x} ${first.y} ${middle.length > 0 ? middle.join(' ') : `L${last.x} ${last.y}`}`;
}
