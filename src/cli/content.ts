import { requestIn, type ShownContent } from '../content/callContent.ts';
import { readableRequest, readableTurn } from '../content/readableContent.ts';
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
      for (const { role, text } of readableRequest(requestIn(content))) printLine(`\n${role}:\n${text}`);
      const { answer } = content;
      printLine(answer === null ? '\nNo answer was kept.' : `\nanswer:\n${readableTurn(answer)}`);
    }
  }
}
