import { requestIn, type ShownContent } from '../content/callContent.ts';
import { readableRequest, readableTurn } from '../content/readableContent.ts';
import { printLine } from './terminal.ts';

export function printContent(content: ShownContent): void {
  switch (content.state) {
    case 'none':
      printLine('This call’s prompt and answer were not stored.');
      return;
    case 'erased':
      printLine(`The stored content of this call was erased at ${content.erased}.`);
      return;
    case 'kept': {
      const compared = {
        true: 'as recorded',
        false: 'DOES NOT match its recorded hash',
        null: 'redacted',
      };
      printLine(`Content (${compared[`${content.matches_records}`]}):`);
      for (const { role, text } of readableRequest(requestIn(content))) printLine(`\n${role}:\n${text}`);
      const { answer } = content;
      printLine(answer === null ? '\nNo answer was stored.' : `\nanswer:\n${readableTurn(answer)}`);
    }
  }
}
