/** Length of a chunk in characters; a longer line is a chunk by itself. */
const chunkCharacters = 750;
/** The rest of a longer line can't be found: such lines are data, not text that people wrote. */
const lineCharacters = 2_000;

/** A part of a file: whole lines, numbered from 1. */
export interface Chunk {
  firstLine: number;
  lastLine: number;
  text: string;
}

/** A text in chunks that end at line ends. Chunks of white space are left out. */
export function chunksOf(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  let lines: string[] = [];
  let length = 0;
  let firstLine = 1;
  const close = (): void => {
    const chunk = { firstLine, lastLine: firstLine + lines.length - 1, text: lines.join('\n') };
    if (chunk.text.trim() !== '') chunks.push(chunk);
    firstLine += lines.length;
    lines = [];
    length = 0;
  };
  for (const whole of text.split(/\r\n|\r|\n/)) {
    const line = whole.slice(0, lineCharacters);
    if (lines.length > 0 && length + line.length > chunkCharacters) close();
    lines.push(line);
    length += line.length + 1;
  }
  close();
  return chunks;
}
