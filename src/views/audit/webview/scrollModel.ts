export const rowHeight = 24;
/** Browsers draw no element taller than about 33 million pixels, and less when zoomed. */
const tallest = 10_000_000;

/** The rows of a table and its height, in pixels. */
export interface Extent {
  total: number;
  height: number;
}

/** Height of the scrolled content, in pixels: that of all rows, capped at what a browser can draw. */
export function scrollHeight({ total, height }: Extent): number {
  return Math.max(Math.min(total * rowHeight, tallest), Math.min(height, total * rowHeight));
}

/** The row at the top, as a fraction, for a scroll position in pixels. */
export function rowAt(scrollTop: number, extent: Extent): number {
  const [scrolled, rows] = ranges(extent);
  return scrolled <= 0 ? 0 : (Math.min(1, Math.max(0, scrollTop / scrolled)) * rows) / rowHeight;
}

/** The scroll position, in pixels, that puts a row at the top. */
export function scrollTopOf(row: number, extent: Extent): number {
  const [scrolled, rows] = ranges(extent);
  return rows <= 0 ? 0 : Math.min(1, Math.max(0, (row * rowHeight) / rows)) * scrolled;
}

/** The last row that can be at the top. */
export function lastTop(extent: Extent): number {
  return Math.max(0, ranges(extent)[1] / rowHeight);
}

/** Whether one pixel of scrolling moves the rows by more than one pixel. */
export function isScaled(extent: Extent): boolean {
  return extent.total * rowHeight > tallest;
}

function ranges(extent: Extent): [scrolled: number, rows: number] {
  return [scrollHeight(extent) - extent.height, extent.total * rowHeight - extent.height];
}
