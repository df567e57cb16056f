import * as z from 'zod';
import { faultText, YamlDocument, type Fault } from '../../yamlDocument.ts';
import { GatewayError } from '../../errors.ts';
import { schemaWords } from '../../schemaWords.ts';
import type { ChatMode } from '../chatMode.ts';
import { signatureIn, parseSignature, type Signature } from '../structured/signature.ts';
import { readTools } from '../tools/readTools.ts';
import { withSystem } from '../withSystem.ts';
import { toolsOver } from './agent.ts';
import { hybrid, rag } from './rag.ts';
import { structured } from './structured.ts';

const layers = { workspace: rag, workspace_and_knowledge: hybrid } as const;

const toolNames = Object.keys(readTools) as [string, ...string[]];

export const modeSchema = z.strictObject({
  description: z.string().default(''),
  system: z.string().default(''),
  sources: z.enum(['none', 'workspace', 'workspace_and_knowledge']).default('none'),
  signature: z.unknown().optional(),
  model: z.string().min(1).optional(),
  temperature: z.number().min(0).max(1).nullable().optional(),
  max_tokens: z.int().min(1).optional(),
  tools: z.array(z.enum(toolNames)).default([]),
});

/** The mode of a file in `modes`, or what is wrong with the file. */
export async function parseMode(id: string, file: string, text: string): Promise<ChatMode | Fault[]> {
  const document = new YamlDocument(file, text);
  if (document.faults.length > 0) return [...document.faults];
  const parsed = modeSchema.safeParse(document.contents ?? {}, { error: schemaWords });
  if (!parsed.success)
    return parsed.error.issues.map((issue) =>
      document.faultInValue(issue.path, `${issue.path.join('.') || 'the mode'} ${issue.message}`),
    );
  const signature = await signatureOf(document, parsed.data.signature);
  return Array.isArray(signature) ? signature : modeOf(id, parsed.data, signature);
}

/** In one line or as a mapping; undefined if there is none. */
async function signatureOf(document: YamlDocument, given: unknown): Promise<Signature | Fault[] | undefined> {
  if (given === undefined) return undefined;
  if (typeof given !== 'string') return signatureIn(document, ['signature'], given);
  try {
    return parseSignature(given);
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    // A fault is part of a sentence.
    return [document.faultInValue(['signature'], error.message.replace(/\.$/, ''))];
  }
}

function modeOf(
  id: string,
  {
    description,
    system,
    sources,
    model,
    temperature,
    max_tokens: maxTokens,
    tools,
  }: z.output<typeof modeSchema>,
  signature: Signature | undefined,
): ChatMode {
  return {
    id,
    description,
    defaults: {
      ...(model !== undefined && { modelId: model }),
      ...(temperature !== undefined && { temperature }),
      ...(maxTokens !== undefined && { maxTokens }),
    },
    over: (calls, context) => {
      const equipped = tools.length === 0 ? calls : toolsOver(calls, context, tools);
      const found = sources === 'none' ? equipped : layers[sources].over(equipped, context);
      const formed = signature ? structured(signature).over(found, context) : found;
      if (system === '') return formed;
      return {
        worstCase: (request) => formed.worstCase(withSystem(request, system)),
        execute: (request, options) => formed.execute(withSystem(request, system), options),
      };
    },
  };
}

/** The error for a mode whose file can't be used. */
export function modeError(faults: readonly Fault[]): GatewayError {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new GatewayError('invalid_request', `${first ? faultText(first) : 'The mode is empty'}${more}.`, {
    hint: 'Nothing was sent. Correct the file; docs/chat-modes.md has its format.',
  });
}
