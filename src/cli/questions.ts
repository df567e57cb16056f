import { createInterface } from 'node:readline/promises';
import { visibleLine } from '../visibleText.ts';

/** Asks the person at the terminal, on standard error. */
export async function ask(question: string): Promise<string> {
  const questions = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await questions.question(visibleLine(question))).trim();
  } finally {
    questions.close();
  }
}

/** Anything but "y" or "yes" counts as no. */
export async function askYesOrNo(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await ask(`${question} [y/N] `));
}
