/** AWS refuses signatures that are five minutes off; before that a clock is set right for them, as the SDK does. */
export const refusedFromMs = 240_000;
/** Less than this is no matter, and within what a check can measure. */
const toldFromMs = 60_000;

/** What is wrong with this computer's clock, `offsetMs` milliseconds behind a server's; null where nothing is. */
export function clockFault(offsetMs: number | null | undefined): string | null {
  if (offsetMs === null || offsetMs === undefined || Math.abs(offsetMs) < toldFromMs) return null;
  const way = offsetMs > 0 ? 'slow' : 'fast';
  return `the clock of this computer is ${durationText(Math.abs(offsetMs))} ${way}`;
}

function durationText(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  const [count, unit] =
    minutes < 120
      ? [minutes, 'minute']
      : minutes < 48 * 60
        ? [Math.round(minutes / 60), 'hour']
        : [Math.round(minutes / 1440), 'day'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
