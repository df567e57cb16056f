import { formatUsd, microToUsd, usdToMicro } from '../pricing/cost.ts';
import type { Cell, Unit } from './report.ts';

/** A cell formatted for display. 100 % is 100; bytes use powers of 1,000. */
export function cellText(cell: Cell, unit: Unit): string {
  if (cell === null) return '–';
  const number = numberOf(cell, unit);
  if (number === null) return String(cell);
  switch (unit) {
    case 'usd':
      return formatUsd(microOf(String(cell)) ?? 0n);
    case 'ms':
      return `${numberText(number)} ms`;
    case 'percent':
      return `${numberText(number)}%`;
    case 'per_second':
      return `${numberText(number)}/s`;
    case 'bytes':
      return bytesText(number);
    case 'count':
    case 'text':
      return numberText(number);
  }
}

/** The number in a cell, for drawing and comparing; null if it is text or empty. */
export function numberOf(cell: Cell, unit: Unit): number | null {
  if (unit === 'text') return null;
  if (typeof cell === 'number') return cell;
  if (unit !== 'usd' || cell === null) return null;
  const micro = microOf(cell);
  return micro === null ? null : Number(micro) / 1e6;
}

/** The difference of two cells of the same unit; null if it has no meaning. */
export function differenceOf(before: Cell, after: Cell, unit: Unit): Cell {
  if (unit === 'usd') {
    const [from, to] = [before, after].map((cell) => (cell === null ? null : microOf(String(cell))));
    return typeof from === 'bigint' && typeof to === 'bigint' ? microToUsd(to - from) : null;
  }
  const [from, to] = [numberOf(before, unit), numberOf(after, unit)];
  return from === null || to === null ? null : Number((to - from).toPrecision(12));
}

/** A duration in its shortest form. */
export function durationText(milliseconds: number): string {
  if (milliseconds < 10_000) return cellText(Math.round(milliseconds), 'ms');
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Micro-USD of a decimal string; null for anything else. */
function microOf(usd: string): bigint | null {
  const match = /^(-?)(\d{1,15}(?:\.\d{1,12})?)$/.exec(usd);
  if (!match) return null;
  const micro = usdToMicro(match[2] ?? '');
  return match[1] === '-' ? -micro : micro;
}

/** A number with its significant decimals. */
function numberText(number: number): string {
  const magnitude = Math.abs(number);
  const digits =
    magnitude > 0 && magnitude < 0.1
      ? { maximumSignificantDigits: 2 }
      : { maximumFractionDigits: magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : 2 };
  return number.toLocaleString('en-US', digits);
}

function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${numberText(bytes / 1000 ** power)} ${units[power]}`;
}
