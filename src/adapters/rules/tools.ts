import { createHash } from 'node:crypto';
import type { ContentBlock, RequestContent, Tool, ToolChoice } from '../../content/messages.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import type { FamilyRules } from './families.ts';
import { refused } from './refused.ts';
import type { Turn } from './turns.ts';

/** The tools of a call, and the turns that go with them. */
export interface ToolsOfCall {
  tools: Tool[];
  choice: ToolChoice | null;
  turns: Turn[];
}

const toolName = /^[a-zA-Z0-9_-]{1,64}$/;

/** The tools in the form that services take. Throws `invalid_request`, naming the rule. */
export function toolsFor(
  { tools: given = [], tool_choice: choice }: RequestContent,
  turns: readonly Turn[],
  { model, family }: { model: Model; family: FamilyRules },
): ToolsOfCall {
  // Converse can’t forbid tools that it is told of: no service is told of any.
  if (choice?.type === 'none') return { tools: [], choice: null, turns: turns.map(withoutTools) };
  const tools = (given.length > 0 ? given : toolsInHistory(turns)).map(withoutBlanks);
  requireNames(tools);
  if (tools.length > 0 && model.supports['tools'] === false) throw refused('this model takes no tools');
  if (!choice) return { tools, choice: null, turns: [...turns] };
  if (choice.type === 'tool' && !tools.some(({ name }) => name === choice.name))
    throw refused(`the tool ${choice.name} that must be used is not among the tools`);
  if (choice.type !== 'auto' && tools.length === 0) throw refused('a tool must be used, and there is none');
  const allowed = family.toolChoices.includes(choice.type);
  if (!allowed && choice.type !== 'auto')
    throw refused(`this model can’t be made to use a tool (tool_choice ${choice.type})`);
  return { tools, choice: allowed && tools.length > 0 ? choice : null, turns: [...turns] };
}

/** What a tool does can be left unsaid, not blank; its input is an object. */
function withoutBlanks({ description, ...tool }: Tool): Tool {
  const schema = 'type' in tool.input_schema ? tool.input_schema : { type: 'object', ...tool.input_schema };
  return { ...tool, input_schema: schema, ...(description?.trim() && { description }) };
}

function requireNames(tools: readonly Tool[]): void {
  const names = tools.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw refused(`two tools have the name ${twice.slice(0, 64)}`);
}

/** A conversation in which tools were used can't continue without any. */
function toolsInHistory(turns: readonly Turn[]): Tool[] {
  const names = turns.flatMap(({ content }) =>
    content.flatMap((block) => (block.type === 'tool_use' ? block.name : [])),
  );
  return [...new Set(names)].map((name) => ({ name, input_schema: { type: 'object' } }));
}

/** A turn with what tools were asked and answered as text. */
function withoutTools({ role, content }: Turn): Turn {
  return { role, content: content.flatMap(asText) };
}

function asText(block: ContentBlock): ContentBlock[] {
  if (block.type === 'tool_use')
    return [{ type: 'text', text: `[tool ${block.name}] ${JSON.stringify(block.input)}` }];
  if (block.type !== 'tool_result') return [block];
  const { content = [], is_error: failed = false } = block;
  const head = failed ? '[the tool failed]' : '[result of the tool]';
  if (typeof content === 'string') return [{ type: 'text', text: `${head} ${content}` }];
  const parts = content.map((part): ContentBlock =>
    part.type === 'json' ? { type: 'text', text: JSON.stringify(part.json) } : part,
  );
  return [{ type: 'text', text: head }, ...parts];
}

/** Gives names that services don't take an alias, in tools, choice and history; with the name of each alias. */
export function withToolAliases({ tools, choice, turns }: ToolsOfCall): ToolsOfCall & {
  toolNames: Record<string, string>;
} {
  const toolNames: Record<string, string> = {};
  const aliasOf = (name: string): string => {
    if (toolName.test(name)) return name;
    const alias = `${name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, 51)}_${hashOf(name)}`;
    toolNames[alias] = name;
    return alias;
  };
  return {
    tools: tools.map((tool) => ({ ...tool, name: aliasOf(tool.name) })),
    choice: choice?.type === 'tool' ? { type: 'tool', name: aliasOf(choice.name) } : choice,
    turns: turns.map(({ role, content }) => ({
      role,
      content: content.map((block) =>
        block.type === 'tool_use' ? { ...block, name: aliasOf(block.name) } : block,
      ),
    })),
    toolNames,
  };
}

function hashOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 12);
}
