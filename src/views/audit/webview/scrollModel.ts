export const rowHeight = 24;
/** Browsers draw no element of more than about 33 million pixels; zoom makes it less. */
const tallest = 10_000_000;

/** Rows in a table and the pixels it has for them. */
export interface Extent {
  total: number;
  height: number;
}

/** Height of what is scrolled, in pixels: that of all rows, or less where it would be too much for a browser. */
export function scrollHeight({ total, height }: Extent): number {
  return Math.max(Math.min(total * rowHeight, tallest), Math.min(height, total * rowHeight));
}

/** The row at the top, with its fraction, when the table is scrolled by so many pixels. */
export function rowAt(scrollTop: number, extent: Extent): number {
  const [scrolled, rows] = ranges(extent);
  return scrolled <= 0 ? 0 : (Math.min(1, Math.max(0, scrollTop / scrolled)) * rows) / rowHeight;
}

/** Pixels to scroll by so that a row stands at the top. */
export function scrollTopOf(row: number, extent: Extent): number {
  const [scrolled, rows] = ranges(extent);
  return rows <= 0 ? 0 : Math.min(1, Math.max(0, (row * rowHeight) / rows)) * scrolled;
}

/** The last row that can stand at the top. */
export function lastTop(extent: Extent): number {
  return Math.max(0, ranges(extent)[1] / rowHeight);
}

/** Whether a pixel of scrolling is more than a pixel of rows. */
export function isScaled(extent: Extent): boolean {
  return extent.total * rowHeight > tallest;
}

function ranges(extent: Extent): [scrolled: number, rows: number] {
  return [scrollHeight(extent) - extent.height, extent.total * rowHeight - extent.height];
}
