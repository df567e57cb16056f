import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Chart } from '../protocol.ts';

const height = 200;
const colors = [
  '--vscode-charts-blue',
  '--vscode-charts-purple',
  '--vscode-charts-green',
  '--vscode-charts-yellow',
  '--vscode-charts-red',
  '--vscode-descriptionForeground',
] as const;

/** The theme's colour variable of a series; orange is nearly transparent in some themes. */
export function seriesColor(index: number): string {
  return colors[index % colors.length] ?? colors[0];
}

/** Columns in the colours of the theme, the amounts of one under the mouse. A table says the same to those who can't see it. */
export function ColumnChart({ title, chart }: { title: string; chart: Chart }) {
  const container = useRef<HTMLDivElement>(null);
  const latest = useRef(chart);
  latest.current = chart;
  const plot = useRef<uPlot | null>(null);
  const shape = chart.series.join('\n');
  useEffect(() => {
    const element = container.current;
    if (!element) return;
    const make = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsFor(element, latest), stacked(latest.current), element);
    };
    make();
    const resized = new ResizeObserver(() => {
      if (element.clientWidth > 0) plot.current?.setSize({ width: element.clientWidth, height });
    });
    resized.observe(element);
    // Another theme has other colours, which a canvas doesn't follow by itself.
    const themed = new MutationObserver(make);
    themed.observe(document.body, { attributes: true, attributeFilter: ['class'] });
    return () => {
      resized.disconnect();
      themed.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, chart.columns.length]);
  useEffect(() => plot.current?.setData(stacked(chart)), [chart]);
  const total = chart.columns.filter(({ total: { usd } }) => usd !== 0);
  const said = `${title}: ${total.map(({ name, total: { text } }) => `${name} ${text}`).join(', ')}`;
  return <div ref={container} class="chart" role="img" aria-label={said} data-title={title} />;
}

/** Each series on top of those before it, the highest first, so that the lower ones are drawn over it. */
function stacked({ series, columns }: Chart): uPlot.AlignedData {
  const sums = columns.map(({ amounts }) => {
    let sum = 0;
    return amounts.map(({ usd }) => (sum += usd));
  });
  // Nothing of a series is no column: the outline of one would lie on the axis.
  const layers = series.map((_, index) =>
    sums.map((column, place) => (columns[place]?.amounts[index]?.usd ? (column[index] ?? null) : null)),
  );
  return [columns.map((_, index) => index), ...layers.toReversed()];
}

function optionsFor(element: HTMLElement, latest: { current: Chart }): uPlot.Options {
  const style = getComputedStyle(document.body);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const text = color('--vscode-descriptionForeground') || color('--vscode-foreground');
  const border = color('--vscode-contrastBorder') || color('--vscode-editor-background');
  const lines = `color-mix(in srgb, ${text} 25%, transparent)`;
  const font = `${style.getPropertyValue('--vscode-font-size').trim()} ${style.getPropertyValue('--vscode-font-family').trim()}`;
  const { series, columns } = latest.current;
  const bars = uPlot.paths.bars?.({ size: [0.72, 48] });
  return {
    width: element.clientWidth || 600,
    height,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
    scales: {
      x: { time: false, range: () => [-0.6, latest.current.columns.length - 0.4] },
      y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] },
    },
    axes: [
      {
        stroke: text,
        font,
        grid: { show: false },
        ticks: { show: false },
        size: 24,
        gap: 4,
        splits: () => columns.map((_, index) => index),
        values: (plot, places) => {
          // As many labels as have room, always the first.
          const step = Math.max(1, Math.ceil((32 * columns.length) / (plot.width - 60)));
          return places.map((place) => (place % step === 0 ? (columns[place]?.label ?? '') : ''));
        },
      },
      {
        stroke: text,
        font,
        grid: { stroke: lines, width: 1 },
        ticks: { show: false },
        size: (_plot, values) => axisSize(values),
        values: (_plot, amounts) => amounts.map(axisAmount),
      },
    ],
    series: [
      {},
      ...series
        .map((_, index) => ({
          fill: color(seriesColor(index)),
          stroke: border,
          width: 1,
          points: { show: false },
          ...(bars && { paths: bars }),
        }))
        .toReversed(),
    ],
    hooks: { init: [addTip], setCursor: [(plot) => showTip(plot, latest.current)] },
  };
}

/** Room for the longest label; there is none yet when it is first asked for. */
function axisSize(values: readonly string[] | null): number {
  return 14 + 7 * Math.max(0, ...(values ?? []).map((value) => value.length));
}

function axisAmount(usd: number): string {
  return `$${usd.toLocaleString('en-US', { maximumSignificantDigits: 3 })}`;
}

function addTip(plot: uPlot): void {
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  tip.setAttribute('aria-hidden', 'true');
  plot.over.append(tip);
}

/** What a column comes to, beside the mouse. */
function showTip(plot: uPlot, { columns, series }: Chart): void {
  const tip = plot.over.querySelector<HTMLElement>('.tip');
  if (!tip) return;
  const { left = -1, idx } = plot.cursor;
  const column = typeof idx === 'number' && left >= 0 ? columns[idx] : undefined;
  tip.hidden = column === undefined;
  if (!column) return;
  const lines = series.flatMap((name, index) => {
    const amount = column.amounts[index];
    return amount && amount.usd !== 0 && series.length > 1 ? [`${name} ${amount.text}`] : [];
  });
  tip.replaceChildren(
    ...[`${column.name}  ${column.total.text}`, ...lines.toReversed()].map((line) => {
      const row = document.createElement('div');
      row.textContent = line;
      return row;
    }),
  );
  const onTheRight = left > plot.over.clientWidth / 2;
  tip.style.left = onTheRight ? 'auto' : `${left + 12}px`;
  tip.style.right = onTheRight ? `${plot.over.clientWidth - left + 12}px` : 'auto';
}
