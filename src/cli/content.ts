import type { ShownContent } from '../content/callContent.ts';
import { printLine } from './terminal.ts';

export function printContent(content: ShownContent): void {
  switch (content.state) {
    case 'none':
      printLine('Nothing was kept of this call’s prompt and answer.');
      return;
    case 'erased':
      printLine(`What was kept of this call was erased at ${content.erased}.`);
      return;
    case 'kept': {
      const compared = {
        true: 'as recorded',
        false: 'NOT what the records have the hashes of',
        null: 'redacted',
      };
      printLine(`Content (${compared[`${content.matches_records}`]}):`);
      if (content.system !== null) printLine(`\nsystem:\n${content.system}`);
      for (const message of content.messages) printLine(`\n${message.role}:\n${message.content}`);
      printLine(content.answer === null ? '\nNo answer was kept.' : `\nanswer:\n${content.answer}`);
    }
  }
}
