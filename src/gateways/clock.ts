/** AWS refuses signatures that are five minutes off; below that the SDK corrects for the clock. */
export const refusedFromMs = 240_000;
/** Smaller offsets are harmless, and within the measuring error. */
const toldFromMs = 60_000;

/** The fault of this computer's clock, `offsetMs` milliseconds behind a server's; null if there is none. */
export function clockFault(offsetMs: number | null | undefined): string | null {
  if (offsetMs === null || offsetMs === undefined || Math.abs(offsetMs) < toldFromMs) return null;
  const way = offsetMs > 0 ? 'slow' : 'fast';
  return `this computer's clock is ${durationText(Math.abs(offsetMs))} ${way}`;
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
