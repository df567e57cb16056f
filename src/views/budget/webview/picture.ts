import { t } from '../../webviewKit/l10n.ts';
import type { Budget } from '../protocol.ts';

const width = 960;
const margin = 32;

/** The meter and both charts as a PNG in the theme's colours, base64. */
export function drawPicture(budget: Budget): string {
  const charts = [...document.querySelectorAll('section')].flatMap((section) => {
    const svg = section.querySelector<SVGSVGElement>('.chart > svg');
    return svg
      ? [{ title: section.ariaLabel ?? '', svg, series: [...section.querySelectorAll('.chart .legend li')] }]
      : [];
  });
  const chartHeight = 260;
  const height = 170 + charts.length * (chartHeight + 90);
  const canvas = document.createElement('canvas');
  const scale = Math.max(2, window.devicePixelRatio);
  canvas.width = width * scale;
  canvas.height = height * scale;
  const context = canvas.getContext('2d');
  if (!context) return '';
  context.scale(scale, scale);
  const style = getComputedStyle(document.body);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const family = color('--vscode-font-family') || 'sans-serif';
  const write = (text: string, x: number, y: number, size: number, name = '--vscode-foreground'): number => {
    context.font = `${size}px ${family}`;
    context.fillStyle = color(name);
    context.fillText(text, x, y);
    return x + context.measureText(text).width;
  };
  context.fillStyle = color('--vscode-editor-background');
  context.fillRect(0, 0, width, height);

  const simulated = budget.simulated ? ` · ${t('SIMULATED')}` : '';
  write(`${t('Budget')} · ${budget.day}${simulated}`, margin, 44, 18);
  write(
    t(
      '{0} of {1} spent, {2} reserved, {3} left',
      budget.spent.text,
      budget.limit.text,
      budget.reserved.text,
      budget.left.text,
    ),
    margin,
    72,
    14,
    '--vscode-descriptionForeground',
  );
  drawMeter(context, budget, color);
  if (budget.forecast)
    write(
      `${t('Forecast for today')} ${budget.forecast.amount.text}`,
      margin,
      134,
      13,
      '--vscode-descriptionForeground',
    );

  let y = 180;
  for (const { title, svg, series } of charts) {
    write(title, margin, y, 15);
    drawChart(context, svg, y + 12, chartHeight);
    let x = margin;
    for (const item of series) {
      context.fillStyle = strokeOf(item.querySelector('.column'));
      context.fillRect(x, y + chartHeight + 24, 10, 10);
      x = write(item.textContent, x + 16, y + chartHeight + 34, 12) + 20;
    }
    y += chartHeight + 90;
  }
  return canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
}

/** Columns and axis of a chart, scaled to the space; patterns become plain colours. */
function drawChart(context: CanvasRenderingContext2D, svg: SVGSVGElement, top: number, height: number): void {
  const [wide, high] = [svg.width.baseVal.value, svg.height.baseVal.value];
  const ratio = Math.min((width - 2 * margin) / wide, height / high);
  context.save();
  context.translate(margin, top);
  context.scale(ratio, ratio);
  for (const line of svg.querySelectorAll('line')) {
    const [x1, y1, x2, y2] = [line.x1, line.y1, line.x2, line.y2].map(({ baseVal }) => baseVal.value);
    context.strokeStyle = strokeOf(line);
    context.stroke(new Path2D(`M${x1} ${y1}L${x2} ${y2}`));
  }
  for (const column of svg.querySelectorAll<SVGRectElement>('.column')) {
    const { x, y, width, height } = column;
    context.fillStyle = strokeOf(column);
    context.fillRect(x.baseVal.value, y.baseVal.value, width.baseVal.value, height.baseVal.value);
  }
  for (const text of svg.querySelectorAll('text')) {
    const { fill, fontSize, fontFamily, textAnchor } = getComputedStyle(text);
    context.font = `${fontSize} ${fontFamily}`;
    context.fillStyle = fill;
    context.textAlign = textAnchor === 'middle' ? 'center' : 'right';
    context.fillText(text.textContent, Number(text.getAttribute('x')), Number(text.getAttribute('y')));
  }
  context.restore();
}

function drawMeter(context: CanvasRenderingContext2D, budget: Budget, color: (name: string) => string): void {
  const { spent, reserved, limit, forecast } = budget;
  const whole = Math.max(limit.usd, spent.usd + reserved.usd, Number.EPSILON);
  const long = (usd: number): number => ((width - 2 * margin) * Math.min(usd, whole)) / whole;
  const [top, thick] = [90, 20];
  context.fillStyle = `color-mix(in srgb, ${color('--vscode-foreground')} 15%, transparent)`;
  context.fillRect(margin, top, width - 2 * margin, thick);
  context.fillStyle = color('--vscode-charts-blue');
  context.fillRect(margin, top, long(spent.usd), thick);
  context.fillStyle = `color-mix(in srgb, ${color('--vscode-charts-blue')} 50%, transparent)`;
  context.fillRect(margin + long(spent.usd), top, long(reserved.usd), thick);
  if (!forecast) return;
  context.fillStyle = color('--vscode-foreground');
  context.fillRect(margin + long(forecast.amount.usd) - 1, top - 4, 2, thick + 8);
}

function strokeOf(element: Element | null): string {
  return element ? getComputedStyle(element).stroke : '';
}
