import { controlScreen, writeErrors } from './output.ts';
import type { Terminal } from './terminal.ts';

/** How much of the workspace has been read, in a line of stderr that goes away. */
export interface WorkspaceProgress {
  show: (read: number, all: number) => void;
  /** Clears the line. */
  end: () => void;
}

/** Shown where a person sees it: on a terminal, without `--quiet`. */
export function workspaceProgress({ quiet }: Pick<Terminal, 'quiet'>): WorkspaceProgress {
  let shown = '';
  const write = (text: string): void => {
    if (quiet || !process.stderr.isTTY || text === shown) return;
    controlScreen('stderr', 'clearLine');
    writeErrors(text);
    shown = text;
  };
  return {
    show: (read, all) => write(`Reading the workspace: ${Math.floor((100 * read) / all)} %`),
    end: () => write(''),
  };
}
