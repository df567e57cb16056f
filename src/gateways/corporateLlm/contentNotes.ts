import { blocksOf, type ContentBlock, type RequestContent } from '../../content/messages.ts';
import type { Note, NoteValue } from '../../ledger/records.ts';
import { recordedStep } from '../callOrigin.ts';
import type { CachedAnswer, LlmRequest } from '../modelCalls.ts';
import { modelName } from './admission.ts';
import { messageOf, type Answer } from './answer.ts';

/** Maximum number of names in a note. */
const mostNames = 40;
/** Maximum number of files with instructions, each with a path of so many characters. */
const mostFiles = 10;
const mostPath = 200;

/** The non-text content of a request for its audit record: kinds, counts, tool names. None for text alone. */
export function requestNotes(content: RequestContent): Note[] {
  const { messages, tools = [], reasoning, output_schema: form, guardrail, embedding } = content;
  const blocks = messages.flatMap((message) => blocksOf(message.content));
  const inside = blocks.flatMap((block) => [block, ...partsOf(block)]);
  const count = (type: string): number => inside.filter((block) => block.type === type).length;
  return noteOf('request.content', {
    images: count('image'),
    documents: count('document'),
    tool_results: count('tool_result'),
    tools: tools.map(({ name }) => toolName(name)),
    reasoning: reasoning !== undefined,
    output_schema: form !== undefined,
    guardrail: guardrail !== undefined,
    embedded_texts: embedding ? messages.length : 0,
  });
}

/** The same for the answer: requested tools, and whether it shows its reasoning. A name that it made up is left out. */
export function answerNotes(answer: Answer, { tools = [] }: RequestContent): Note[] {
  const blocks = blocksOf(messageOf(answer)?.content ?? '');
  const offered = new Set(tools.map(({ name }) => name));
  return noteOf('answer.content', {
    tool_uses: blocks.flatMap((block) =>
      block.type === 'tool_use' ? (offered.has(block.name) ? toolName(block.name) : 'unknown tool') : [],
    ),
    reasoning: answer.thought,
    citations: blocks.reduce(
      (sum, block) => sum + (block.type === 'text' ? (block.citations?.length ?? 0) : 0),
      0,
    ),
  });
}

/** What a call belongs to: earlier attempts, a comparison, a step of a workflow, files with instructions. */
export function groupNotes({ attempt, comparison, workflow, instructions }: LlmRequest): Note[] {
  const notes: Note[] = [];
  if (attempt) {
    const { group, number, after, fallbackFrom } = attempt;
    const from = fallbackFrom === null ? null : modelName(fallbackFrom);
    notes.push({ topic: 'call.attempt', data: { first_call_id: group, number, after, fallback_from: from } });
  }
  if (comparison) {
    const { id, models } = comparison;
    notes.push({ topic: 'call.compared', data: { comparison_id: id, models } });
  }
  if (workflow) {
    const { runId, step } = workflow;
    notes.push({ topic: 'call.step', data: { workflow_run_id: runId, step: recordedStep(step) } });
  }
  if (instructions?.length) {
    const files = instructions.slice(0, mostFiles);
    const data = files.map(({ path, sha256 }) => ({ path: path.slice(-mostPath).toWellFormed(), sha256 }));
    notes.push({ topic: 'call.instructions', data: { files: data } });
  }
  return notes;
}

/** Where the answer of a call without a model comes from. */
export function cacheNotes({
  callId,
  modelUsed,
  cost,
  tokenUsage,
}: Omit<CachedAnswer, 'message' | 'stopReason'>): Note[] {
  const { input, output } = tokenUsage;
  return [
    {
      topic: 'call.cached',
      data: {
        from_call_id: callId,
        model_id: modelUsed,
        saved_micro_usd: cost.toString(),
        input_tokens: input,
        output_tokens: output,
      },
    },
  ];
}

function partsOf(block: ContentBlock): { type: string }[] {
  return block.type === 'tool_result' && typeof block.content === 'object' ? block.content : [];
}

/** Only the present parts; no note if there are none. */
function noteOf(
  topic: string,
  facts: Readonly<Record<string, number | boolean | readonly string[]>>,
): Note[] {
  const data: Record<string, NoteValue> = {};
  for (const [name, value] of Object.entries(facts)) {
    if (typeof value !== 'object') {
      if (value) data[name] = value;
    } else if (value.length > 0) {
      data[name] = value.slice(0, mostNames);
      if (value.length > mostNames) data[`more_${name}`] = value.length - mostNames;
    }
  }
  return Object.keys(data).length === 0 ? [] : [{ topic, data }];
}

/** A tool's name, as long as it is no text: callers may name tools as they like. */
function toolName(name: string): string {
  return /^[\w.-]{1,64}$/.test(name) ? name : '(not a plain name)';
}
