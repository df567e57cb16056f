import type { Turn } from '../../../src/chat/turn.ts';

/** An answer of about this many characters with everything that answers have. */
export function longAnswer(characters: number): string {
  let answer = '';
  for (let part = 1; answer.length < characters; part++)
    answer += [
      `## Part ${part}`,
      `The **login** test waits for a \`fetch\` that [nobody](https://example.com) answers, in part ${part}.`,
      `- the session store\n- the *clock*\n- the network`,
      `\`\`\`typescript\n${`export const retries${part} = (attempt: number) => Math.min(2 ** attempt, 60);\n`.repeat(12)}\`\`\``,
      '| call | seconds |\n|---|---|\n| first | 1.2 |\n| second | 3.4 |',
      '',
    ].join('\n\n');
  return answer;
}

const result: Turn['result'] = {
  ...{ status: 'success', processingTimeMs: 1200, tokens: { input: 10, output: 20 }, cost: '$0.0061' },
  ...{ costEstimated: false, record: { ledger: 'ledger', callId: 'call', sequence: 7 }, failure: null },
};

/** A turn of a conversation that the test makes up. */
export function turnOf(id: string, given: Partial<Turn>): Turn {
  const asked = { id, question: `Question ${id}`, reason: 'JIRA-123 hold', model: 'claude-sonnet' };
  return { ...asked, simulated: false, answer: '', result, ...given };
}
