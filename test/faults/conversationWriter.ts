/**
 * A process that adds turns to a conversation that others write too, each line torn with some chance if it is killed.
 * Prints `kept ID` once a turn is durable, and `missed ID` for one of its turns that it can't read any more.
 */
import { ConversationFiles } from '../../src/chat/conversationFiles.ts';
import type { Turn } from '../../src/chat/turn.ts';

const { STATE = '', ID = '', NAME = '', TURNS = '' } = process.env;
const files = new ConversationFiles(STATE);
const opened = await files.open(ID);
if (!opened) throw new Error('The conversation is missing.');
const { file } = opened;
const read = new Set(opened.turns.map(({ id }) => id));

for (let index = 0; index < Number(TURNS); index += 1) {
  const id = `${NAME}-${index}`;
  const turn: Turn = {
    ...{ id, parent: 'first', question: `question ${id}`, reason: 'JIRA-1 test', model: 'model' },
    ...{ simulated: true, answer: 'x'.repeat(20_000), result: null },
  };
  const others = await files.append(file, { user: NAME.slice(0, 3), policy: 'full', patterns: [] }, [turn]);
  if (!others || others.unreadable > 0) process.stdout.write(`missed ${id}\n`);
  for (const one of others?.turns ?? []) read.add(one.id);
  read.add(id);
  process.stdout.write(`kept ${id}\n`);
}
process.stdout.write(`read ${read.size}\n`);
