import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { ChartShape } from './chartShape.ts';
import { bandOf, labelsIn, pathOf, placeAt, stackedIn, type Area } from './chartLayout.ts';
import './chart.css';

const height = 220;
const top = 10;
const bottom = 26;
/** Width of a letter at the axis' font size, in pixels. */
const letterWidth = 6.6;
const widestColumn = 48;
/** Number of colours, patterns and marks that chart.css has rules for. */
const styles = 6;

/**
 * Columns, side by side or stacked, or lines, in the theme's colours. Series differ by pattern too. A tooltip names the
 * values at the mouse; a table has the same data for those who can't see the chart.
 */
export function Chart({ title, chart }: { title: string; chart: ChartShape }) {
  const container = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [pointed, setPointed] = useState<number | null>(null);
  const id = useId();
  useEffect(() => {
    const element = container.current;
    if (!element) return;
    const measure = new ResizeObserver(() => {
      // A hidden chart keeps its size.
      if (element.clientWidth > 0) setWidth(element.clientWidth);
    });
    measure.observe(element);
    return () => measure.disconnect();
  }, []);
  const axis = Math.max(...chart.ticks.map(({ text }) => text.length)) * letterWidth + 12;
  const area: Area = { left: axis, top, width: Math.max(0, width - axis - 6), height: height - top - bottom };
  return (
    <figure class="chart" ref={container}>
      {width > 0 && (
        <svg
          width={width}
          height={height}
          role="img"
          aria-label={spoken(title, chart)}
          onPointerMove={({ offsetX }) => setPointed(placeAt(offsetX, chart.labels.length, area))}
          onPointerLeave={() => setPointed(null)}
        >
          <Patterns id={id} />
          {pointed !== null && <Pointed place={pointed} chart={chart} area={area} />}
          <Axis chart={chart} area={area} />
          <Marks chart={chart} area={area} id={id} />
        </svg>
      )}
      {pointed !== null && <Tip place={pointed} chart={chart} area={area} width={width} />}
      {chart.series.length > 1 && <Legend chart={chart} id={id} />}
    </figure>
  );
}

/** Every stack that isn't empty, or the lowest and highest of each series. The table has the rest. */
function spoken(title: string, { series, labels, stacks }: ChartShape): string {
  if (stacks) {
    const used = stacks.filter((_, index) => series.some(({ points }) => points[index]?.value));
    return `${title}: ${used.map(({ name, text }) => `${name} ${text}`).join(', ')}`;
  }
  const parts = series.map(({ name, points }) => {
    const known = points.flatMap((point, index) =>
      point.value === null ? [] : [{ value: point.value, text: point.text, label: labels[index] ?? '' }],
    );
    const ends = known.toSorted((one, other) => one.value - other.value);
    const [low, high] = [ends[0], ends.at(-1)];
    return low && high ? `${name}: ${low.text} (${low.label}) – ${high.text} (${high.label})` : name;
  });
  return `${title}. ${parts.join('. ')}`;
}

function scaleOf({ ticks }: ChartShape, area: Area): (value: number) => number {
  const [low, high] = [ticks[0]?.value ?? 0, ticks.at(-1)?.value ?? 1];
  return (value) => area.top + area.height * (1 - (value - low) / (high - low));
}

function Axis({ chart, area }: { chart: ChartShape; area: Area }) {
  const y = scaleOf(chart, area);
  const band = bandOf(chart.labels.length, area);
  return (
    <g class="axis">
      {chart.ticks.map(({ value, text }) => (
        <g key={value}>
          <line
            class={value === 0 ? 'zero' : 'grid'}
            x1={area.left}
            x2={area.left + area.width}
            y1={Math.round(y(value)) + 0.5}
            y2={Math.round(y(value)) + 0.5}
          />
          <text x={area.left - 8} y={y(value) + 4} text-anchor="end">
            {text}
          </text>
        </g>
      ))}
      {labelsIn(chart.labels, band / letterWidth).map(({ index, text }) => (
        <text
          key={index}
          x={area.left + band * (index + 0.5)}
          y={area.top + area.height + 18}
          text-anchor="middle"
        >
          {text}
        </text>
      ))}
    </g>
  );
}

/** The label under the mouse. */
function Pointed({ place, chart, area }: { place: number; chart: ChartShape; area: Area }) {
  const band = bandOf(chart.labels.length, area);
  return <rect class="pointed" x={area.left + band * place} y={area.top} width={band} height={area.height} />;
}

/** The tooltip of a label: the value of each series, in stacking order. */
function Tip({ place, chart, area, width }: { place: number; chart: ChartShape; area: Area; width: number }) {
  const { series, stacks, labels } = chart;
  const lines = series.flatMap(({ name, points }) => {
    const point = points[place];
    return point && point.value !== null && !(stacks && point.value === 0)
      ? [{ name, text: point.text }]
      : [];
  });
  const whole = stacks?.[place] ?? {
    name: labels[place] ?? '',
    text: series.length === 1 ? lines[0]?.text : '',
  };
  const middle = area.left + bandOf(labels.length, area) * (place + 0.5);
  const side = middle > width / 2 ? { right: `${width - middle + 12}px` } : { left: `${middle + 12}px` };
  return (
    <div class="tip" style={side} aria-hidden="true">
      <div>
        {whole.name} {whole.text}
      </div>
      {series.length > 1 &&
        (stacks ? lines.toReversed() : lines).map(({ name, text }) => (
          <div key={name}>
            {name} {text}
          </div>
        ))}
    </div>
  );
}

function Marks({ chart, area, id }: { chart: ChartShape; area: Area; id: string }) {
  if (chart.type === 'lines') return <Lines chart={chart} area={area} />;
  return chart.stacks ? (
    <Stacks chart={chart} area={area} id={id} />
  ) : (
    <Columns chart={chart} area={area} id={id} />
  );
}

function Columns({ chart, area, id }: { chart: ChartShape; area: Area; id: string }) {
  const y = scaleOf(chart, area);
  const band = bandOf(chart.labels.length, area);
  const count = chart.series.length;
  const width = columnWidth(band / count);
  return (
    <>
      {chart.series.map(({ points }, series) =>
        points.map(({ value }, index) => {
          if (value === null || value === 0) return null;
          const x = area.left + band * (index + 0.5) + width * (series - count / 2);
          return <Column key={index} series={series} id={id} x={x} width={width} ends={[y(value), y(0)]} />;
        }),
      )}
    </>
  );
}

function Stacks({ chart, area, id }: { chart: ChartShape; area: Area; id: string }) {
  const y = scaleOf(chart, area);
  const band = bandOf(chart.labels.length, area);
  const width = columnWidth(band);
  return (
    <>
      {chart.labels.flatMap((_, index) =>
        stackedIn(chart.series.map(({ points }) => points[index]?.value ?? 0)).map(({ series, from, to }) => (
          <Column
            key={`${index} ${series}`}
            series={series}
            id={id}
            x={area.left + band * (index + 0.5) - width / 2}
            width={width}
            ends={[y(to), y(from)]}
          />
        )),
      )}
    </>
  );
}

function columnWidth(room: number): number {
  return Math.max(1, Math.min(widestColumn, room * 0.72));
}

function Column({
  series,
  id,
  x,
  width,
  ends,
}: {
  series: number;
  id: string;
  x: number;
  width: number;
  ends: readonly [number, number];
}) {
  const [high, low] = [Math.min(...ends), Math.max(...ends)];
  return (
    <rect
      class={`column series-${series % styles}`}
      fill={fillOf(series, id)}
      x={x}
      y={high}
      width={Math.max(1, width - (width > 6 ? 2 : 0))}
      height={Math.max(1, low - high)}
    />
  );
}

function Lines({ chart, area }: { chart: ChartShape; area: Area }) {
  const y = scaleOf(chart, area);
  const band = bandOf(chart.labels.length, area);
  const x = (index: number): number => area.left + band * (index + 0.5);
  // Marks that touch would hide the line.
  const marked = band >= 12;
  return (
    <>
      {chart.series.map(({ name, points }, series) => (
        <g key={name} class={`series-${series % styles}`}>
          <path
            class="line"
            d={pathOf(points.map(({ value }, index) => (value === null ? null : [x(index), y(value)])))}
          />
          {points.map(({ value }, index) =>
            value === null || !marked ? null : (
              <g key={index} transform={`translate(${x(index)} ${y(value)})`}>
                <Mark series={series} />
              </g>
            ),
          )}
        </g>
      ))}
    </>
  );
}

const marks = [
  'M-3.5-3.5h7v7h-7z',
  'M0-4.5 4.5 3.5h-9z',
  'M0-5 5 0 0 5-5 0z',
  'M-4.5-3.5h9L0 4.5z',
  'M-4.5 0-2-4h4L4.5 0 2 4h-4z',
];

/** A disc, a square, two triangles, a diamond and a hexagon. */
function Mark({ series }: { series: number }) {
  const path = marks[(series % styles) - 1];
  return path === undefined ? <circle class="mark" r={3.5} /> : <path class="mark" d={path} />;
}

/** Fillings of the series after the first: stripes, dots, and bars across, along and the other way. */
const fillings = [
  { turned: 45, shape: <rect class="full" width="3" height="6" /> },
  { turned: 0, shape: <circle class="full" cx="3" cy="3" r="1.8" /> },
  { turned: 0, shape: <rect class="full" width="6" height="3" /> },
  { turned: 0, shape: <rect class="full" width="3" height="6" /> },
  { turned: -45, shape: <rect class="full" width="3" height="6" /> },
];

function Patterns({ id }: { id: string }) {
  return (
    <defs>
      {fillings.map(({ turned, shape }, index) => (
        <pattern
          key={index}
          id={`${id}-${index + 1}`}
          class={`series-${index + 1}`}
          width="6"
          height="6"
          patternUnits="userSpaceOnUse"
          patternTransform={`rotate(${turned})`}
        >
          <rect class="thin" width="6" height="6" />
          {shape}
        </pattern>
      ))}
    </defs>
  );
}

/** The first style is solid, which the style sheet sets. */
function fillOf(series: number, id: string): string | undefined {
  const style = series % styles;
  return style === 0 ? undefined : `url(#${id}-${style})`;
}

function Legend({ chart, id }: { chart: ChartShape; id: string }) {
  return (
    <ul class="legend">
      {chart.series.map(({ name }, series) => (
        <li key={name}>
          <svg class={`series-${series % styles}`} width="22" height="12" aria-hidden="true">
            {chart.type === 'columns' ? (
              <rect
                class={`column series-${series % styles}`}
                fill={fillOf(series, id)}
                x="4"
                width="12"
                height="12"
              />
            ) : (
              <>
                <path class="line" d="M0 6H22" />
                <g transform="translate(11 6)">
                  <Mark series={series} />
                </g>
              </>
            )}
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}
