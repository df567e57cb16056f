import { t } from '../../webviewKit/l10n.ts';
import { runs } from './runs.ts';

const width = 72;
const height = 18;
/** The width is for at least this many checks, so that the line doesn't jump while there are few. */
const fewest = 16;

/** Latencies over time, newest at the right; a failed check is a mark at the bottom. */
export function Sparkline({ history }: { history: readonly (number | null)[] }) {
  const measured = history.filter((latency) => latency !== null);
  const most = Math.max(...measured, 1);
  const columns = Math.max(history.length, fewest);
  const x = (index: number): number =>
    Math.round(10 * ((width - 2) * (1 - (history.length - 1 - index) / (columns - 1)) + 1)) / 10;
  const y = (latency: number): number => Math.round(10 * (height - 3 - (latency / most) * (height - 6))) / 10;
  return (
    <svg class="sparkline" width={width} height={height} role="img" aria-label={description(measured)}>
      {runs(history).map(({ first, latencies }) => (
        <polyline
          key={first}
          class="line"
          points={latencies.map((latency, index) => `${x(first + index)},${y(latency)}`).join(' ')}
        />
      ))}
      {history.map(
        (latency, index) =>
          latency === null && (
            <line key={index} class="gap" x1={x(index)} x2={x(index)} y1={height - 6} y2={height - 1} />
          ),
      )}
    </svg>
  );
}

function description(measured: readonly number[]): string {
  if (measured.length === 0) return t('No check has succeeded since the dashboard opened');
  const [least, most] = [Math.min(...measured), Math.max(...measured)].map(Math.round);
  return t('Latency since the dashboard opened: {0} to {1} ms', least ?? 0, most ?? 0);
}
