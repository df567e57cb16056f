import { turnAsJson } from '../../chat/conversationLine.ts';
import type { Turn, TurnResult } from '../../chat/turn.ts';
import { escapeMarkdown, fenced } from '../markdownText.ts';

export interface ExportedConversation {
  id: string;
  title: string;
  /** The shown branch. */
  shown: readonly Turn[];
  /** Of all branches, in the order they were asked. */
  turns: readonly Turn[];
}

/** All branches as JSON, in the form of the conversation's file. */
export function conversationJson({ id, title, shown, turns }: ExportedConversation): string {
  const leaf = shown.at(-1)?.id ?? null;
  return `${JSON.stringify({ version: 1, id, title, leaf, turns: turns.map(turnAsJson) }, null, 2)}\n`;
}

/** The shown branch as a document: each question, its answer, and what the ledger has of it. */
export function conversationMarkdown({ title, shown }: ExportedConversation): string {
  return [
    `# ${escapeMarkdown(title)}`,
    ...(shown.some(({ simulated }) => simulated)
      ? ['', '**SIMULATED**: some answers and costs are not real.']
      : []),
    ...shown.flatMap((turn) => [
      '',
      '## Question',
      '',
      fenced(turn.question),
      '',
      ...(turn.attachments ?? []).map(({ name }) => `- Sent with it: ${escapeMarkdown(name)}`),
      ...(turn.attachments ? [''] : []),
      `## ${escapeMarkdown(turn.model)}`,
      '',
      turn.answer || escapeMarkdown(turn.result?.failure?.message ?? 'The answer is empty.'),
      '',
      ...citationsOf(turn),
      `- Reason: ${escapeMarkdown(turn.reason || 'that of the agreement')}`,
      ...(turn.mode === undefined ? [] : [`- Mode: ${escapeMarkdown(turn.mode)}`]),
      ...(turn.tools ?? []).map(({ does, state }) => `- Tool: ${escapeMarkdown(does)} (${state})`),
      ...facts(turn.result).map((fact) => `- ${fact}`),
    ]),
    '',
  ].join('\n');
}

function citationsOf({ citations }: Turn): string[] {
  if (!citations) return [];
  const { valid, faults } = citations;
  const places = valid.map(
    ({ n, path, firstLine, lastLine }) => `- Source ${n}: ${escapeMarkdown(path)}:${firstLine}-${lastLine}`,
  );
  return [...places, ...faults.map((fault) => `- ${fault}`)];
}

function facts(result: TurnResult | null): string[] {
  if (!result) return ['Outcome: not ended'];
  const { status, tokens, cost, costEstimated, record, sequences = [] } = result;
  return [
    `Outcome: ${status}`,
    ...(tokens ? [`Tokens: ${tokens.input} → ${tokens.output}`] : []),
    ...(cost === null ? [] : [`Cost: ${cost}${costEstimated ? ' (estimated)' : ''}`]),
    ...(sequences.length > 0
      ? [`Records of all calls: ${sequences.map((one) => `#${one}`).join(', ')}`]
      : []),
    record ? `Record: #${record.sequence} of ledger ${record.ledger}, call ${record.callId}` : 'Record: none',
  ];
}
