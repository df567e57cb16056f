import { afterEach, expect, it, vi } from 'vitest';
import { workspaceProgress } from '../../../src/cli/workspaceProgress.ts';

const isTerminal = process.stderr.isTTY;

afterEach(() => {
  vi.restoreAllMocks();
  process.stderr.isTTY = isTerminal;
});

function shownOn(terminal: boolean, quiet = false): string {
  process.stderr.isTTY = terminal;
  let written = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
  const progress = workspaceProgress({ quiet });
  for (let read = 0; read <= 400; read += 100) for (const part of [0, 1]) progress.show(read + part, 1_000);
  progress.end();
  return written;
}

it('shows how much of the workspace has been read in one line of a terminal, which goes away', () => {
  const line = '\r\u001B[K';
  const steps = [0, 10, 20, 30, 40].map((percent) => `${line}Reading the workspace: ${percent} %`);
  expect(shownOn(true)).toBe(steps.join('') + line);
});

it('shows nothing elsewhere, and nothing with --quiet', () => {
  expect(shownOn(false)).toBe('');
  expect(shownOn(true, true)).toBe('');
});
