import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { ChartShape } from './chartShape.ts';
import { bandOf, labelsIn, pathOf, type Area } from './chartLayout.ts';
import './chart.css';

const height = 220;
const top = 10;
const bottom = 26;
/** Of a letter in the axis' size. */
const letterWidth = 6.6;
const widestColumn = 48;
/** Colours, patterns and marks: as many as there are rules in chart.css. */
const styles = 5;

/** Columns side by side, or lines, in the colours of the theme. Series differ by pattern too. A table says the same. */
export function Chart({ title, chart }: { title: string; chart: ChartShape }) {
  const container = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const id = useId();
  useEffect(() => {
    const element = container.current;
    if (!element) return;
    const measure = new ResizeObserver(() => setWidth(element.clientWidth));
    measure.observe(element);
    return () => measure.disconnect();
  }, []);
  const axis = Math.max(...chart.ticks.map(({ text }) => text.length)) * letterWidth + 12;
  const area: Area = { left: axis, top, width: Math.max(0, width - axis - 6), height: height - top - bottom };
  return (
    <figure class="chart" ref={container}>
      {width > 0 && (
        <svg width={width} height={height} role="img" aria-label={spoken(title, chart)}>
          <Patterns id={id} />
          <Axis chart={chart} area={area} />
          {chart.type === 'columns' ? (
            <Columns chart={chart} area={area} id={id} />
          ) : (
            <Lines chart={chart} area={area} />
          )}
        </svg>
      )}
      {chart.series.length > 1 && <Legend chart={chart} id={id} />}
    </figure>
  );
}

/** The lowest and highest of each series; the table has the rest. */
function spoken(title: string, { series, labels }: ChartShape): string {
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

function Columns({ chart, area, id }: { chart: ChartShape; area: Area; id: string }) {
  const y = scaleOf(chart, area);
  const band = bandOf(chart.labels.length, area);
  const count = chart.series.length;
  const column = Math.max(1, Math.min(widestColumn, (band * 0.72) / count));
  return (
    <>
      {chart.series.map(({ name, points }, series) =>
        points.map(({ value, text }, index) => {
          if (value === null || value === 0) return null;
          const middle = area.left + band * (index + 0.5);
          const [high, low] = [Math.min(y(value), y(0)), Math.max(y(value), y(0))];
          return (
            <rect
              key={index}
              class={`column series-${series % styles}`}
              fill={fillOf(series, id)}
              x={middle + column * (series - count / 2)}
              y={high}
              width={Math.max(1, column - (column > 6 ? 2 : 0))}
              height={Math.max(1, low - high)}
            >
              <title>{`${chart.labels[index] ?? ''}, ${name}: ${text}`}</title>
            </rect>
          );
        }),
      )}
    </>
  );
}

function Lines({ chart, area }: { chart: ChartShape; area: Area }) {
  const y = scaleOf(chart, area);
  const band = bandOf(chart.labels.length, area);
  const x = (index: number): number => area.left + band * (index + 0.5);
  // Marks that touch each other would hide the line.
  const marked = band >= 12;
  return (
    <>
      {chart.series.map(({ name, points }, series) => (
        <g key={name} class={`series-${series % styles}`}>
          <path
            class="line"
            d={pathOf(points.map(({ value }, index) => (value === null ? null : [x(index), y(value)])))}
          />
          {points.map(({ value, text }, index) =>
            value === null ? null : (
              <g key={index} class="point" transform={`translate(${x(index)} ${y(value)})`}>
                <circle class="target" r={Math.max(2, Math.min(10, band / 2))} />
                {marked && <Mark series={series} />}
                <title>{`${chart.labels[index] ?? ''}, ${name}: ${text}`}</title>
              </g>
            ),
          )}
        </g>
      ))}
    </>
  );
}

const marks = ['M-3.5-3.5h7v7h-7z', 'M0-4.5 4.5 3.5h-9z', 'M0-5 5 0 0 5-5 0z', 'M-4.5-3.5h9L0 4.5z'];

/** A disc, a square, two triangles and a diamond. */
function Mark({ series }: { series: number }) {
  const path = marks[(series % styles) - 1];
  return path === undefined ? <circle class="mark" r={3.5} /> : <path class="mark" d={path} />;
}

function Patterns({ id }: { id: string }) {
  return (
    <defs>
      <pattern
        id={`${id}-1`}
        class="series-1"
        width="6"
        height="6"
        patternUnits="userSpaceOnUse"
        patternTransform="rotate(45)"
      >
        <rect class="thin" width="6" height="6" />
        <rect class="full" width="3" height="6" />
      </pattern>
      <pattern id={`${id}-2`} class="series-2" width="6" height="6" patternUnits="userSpaceOnUse">
        <rect class="thin" width="6" height="6" />
        <circle class="full" cx="3" cy="3" r="1.8" />
      </pattern>
      <pattern id={`${id}-3`} class="series-3" width="6" height="6" patternUnits="userSpaceOnUse">
        <rect class="thin" width="6" height="6" />
        <rect class="full" width="6" height="3" />
      </pattern>
      <pattern id={`${id}-4`} class="series-4" width="6" height="6" patternUnits="userSpaceOnUse">
        <rect class="thin" width="6" height="6" />
        <rect class="full" width="3" height="6" />
      </pattern>
    </defs>
  );
}

/** The first is solid, which style sheets say. */
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
