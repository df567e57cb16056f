import { createHash } from 'node:crypto';
import {
  blocksOf,
  type ChatMessage,
  type ContentBlock,
  type ToolResultBlock,
} from '../../content/messages.ts';
import type { FamilyRules } from './families.ts';
import { refused } from './refused.ts';

/** A turn in which roles alternate. */
export interface Turn {
  role: 'user' | 'assistant';
  content: ContentBlock[];
}

/** What one request's turns are brought into form by. */
export interface TurnRules {
  family: FamilyRules;
  /** Whether the model goes on from a turn of its own. */
  prefill: boolean;
  adjust: (sentence: string) => void;
}

/** What stands in the place of nothing, which no service takes, neither as a text nor as a result. */
const noOutput = '(no output)';
/** The assistant's turn between two of the user's. */
const between = '(The results were received.)';

/** The turns of a conversation in the form that services take. Throws `invalid_request`, naming the rule. */
export function turnsFrom(messages: readonly ChatMessage[], rules: TurnRules): Turn[] {
  const turns = merged(
    messages.map(({ role, content }) => ({
      // Where the system speaks amid the conversation, it is heard there, as part of the user's turn.
      role: role === 'assistant' ? role : 'user',
      content: blocksOf(content).flatMap((block) => sendable(block, rules)),
    })),
  );
  requirePlaces(turns);
  requireEnds(turns, rules);
  const paired = turns.map((turn, index) => withResultsFirst(turn, turns[index - 1]));
  requireResults(paired);
  return paired.flatMap((turn) => separated(turn, rules)).map((turn) => withToolIds(turn, rules.family));
}

/** A block as it can be sent; nothing for a blank one, and for reasoning that the model can't check. */
function sendable(block: ContentBlock, { family, adjust }: TurnRules): ContentBlock[] {
  switch (block.type) {
    case 'text':
      return block.text.trim() === '' ? [] : [block];
    case 'thinking':
    case 'redacted_thinking': {
      if (family.readsReasoning(block)) return [block];
      adjust('Reasoning without a signature that this model can check was left out.');
      return [];
    }
    case 'tool_result':
      return [withOutput(block)];
    default:
      return [block];
  }
}

function withOutput(block: ToolResultBlock): ToolResultBlock {
  const content =
    typeof block.content === 'string' ? [{ type: 'text' as const, text: block.content }] : block.content;
  const said = (content ?? []).filter((part) => part.type !== 'text' || part.text.trim() !== '');
  return { ...block, content: said.length > 0 ? said : [{ type: 'text', text: noOutput }] };
}

/** Roles alternate, and no turn is empty. */
function merged(turns: readonly Turn[]): Turn[] {
  const result: Turn[] = [];
  for (const { role, content } of turns) {
    const last = result.at(-1);
    if (content.length === 0) continue;
    if (last?.role === role) last.content.push(...content);
    else result.push({ role, content: [...content] });
  }
  return result;
}

function requirePlaces(turns: readonly Turn[]): void {
  for (const { role, content } of turns) {
    const own =
      role === 'user'
        ? ['text', 'image', 'document', 'tool_result']
        : ['text', 'thinking', 'redacted_thinking', 'tool_use'];
    const stray = content.find(({ type }) => !own.includes(type));
    if (stray) throw refused(`a turn of the ${role} can’t hold a block of the type ${stray.type}`);
  }
}

function requireEnds(turns: readonly Turn[], { family, prefill }: TurnRules): void {
  const [first] = turns;
  const last = turns.at(-1);
  if (!first || !last) throw refused('the conversation is empty', 'Enter a question for the model.');
  if (first.role === 'assistant' && !family.assistantFirst)
    throw refused('for this model the first turn must be the user’s');
  if (last.role === 'user') return;
  const begun = last.content.at(-1);
  if (!prefill || begun?.type !== 'text') throw refused('for this model the last turn must be the user’s');
  // White space at the end of a turn that the model is to continue is refused.
  last.content[last.content.length - 1] = { ...begun, text: begun.text.trimEnd() };
}

/** Results of tools come first in their turn, one for each use. */
function withResultsFirst(turn: Turn, before: Turn | undefined): Turn {
  if (turn.role === 'assistant') return turn;
  const results = new Map<string, ToolResultBlock>();
  for (const block of turn.content) {
    if (block.type !== 'tool_result') continue;
    const same = results.get(block.tool_use_id);
    if (same && JSON.stringify(same) !== JSON.stringify(block))
      throw refused(`there are two results for the tool use ${block.tool_use_id}`);
    if (!same) results.set(block.tool_use_id, block);
  }
  const used = new Set(usesIn(before).map(({ id }) => id));
  const stray = [...results.keys()].find((id) => !used.has(id));
  if (stray !== undefined)
    throw refused(`the result for ${stray} doesn’t follow the turn that used the tool`);
  return {
    ...turn,
    content: [...results.values(), ...turn.content.filter(({ type }) => type !== 'tool_result')],
  };
}

function requireResults(turns: readonly Turn[]): void {
  for (const [index, turn] of turns.entries()) {
    const results = new Set(
      (turns[index + 1]?.content ?? []).flatMap((block) =>
        block.type === 'tool_result' ? block.tool_use_id : [],
      ),
    );
    const open = usesIn(turn).find(({ id }) => !results.has(id));
    if (open) throw refused(`the tool use ${open.id} has no result in the turn after it`);
  }
}

function usesIn(turn: Turn | undefined) {
  return (turn?.content ?? []).filter((block) => block.type === 'tool_use');
}

/** What may not stand beside the results of tools gets a turn of its own. */
function separated(turn: Turn, { family, adjust }: TurnRules): Turn[] {
  if (!turn.content.some(({ type }) => type === 'tool_result')) return [turn];
  const beside: readonly string[] = ['tool_result', ...family.besideResults];
  const apart = turn.content.filter(({ type }) => !beside.includes(type));
  if (apart.length === 0) return [turn];
  adjust('What this model doesn’t take beside a tool result was put into a turn of its own.');
  return [
    { role: 'user', content: turn.content.filter((block) => !apart.includes(block)) },
    { role: 'assistant', content: [{ type: 'text', text: between }] },
    { role: 'user', content: apart },
  ];
}

/** The same id in use and result, in the letters that the model takes. */
function withToolIds({ role, content }: Turn, { toolId }: FamilyRules): Turn {
  return {
    role,
    content: content.map((block) => {
      if (block.type === 'tool_use') return { ...block, id: toolIdFor(block.id, toolId) };
      if (block.type === 'tool_result')
        return { ...block, tool_use_id: toolIdFor(block.tool_use_id, toolId) };
      return block;
    }),
  };
}

/** Nine letters and digits fit every family. */
function toolIdFor(id: string, allowed: RegExp): string {
  if (allowed.test(id)) return id;
  const hash = createHash('sha256').update(id).digest('hex');
  return BigInt(`0x${hash}`).toString(36).slice(0, 9);
}
