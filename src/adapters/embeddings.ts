import * as z from 'zod';
import { textOf } from '../content/messages.ts';
import { embeddingModel, embeddingModelIds, type EmbeddingModel } from '../gateways/embeddingModels.ts';
import { vectorsText } from '../gateways/embeddings.ts';
import type { ConformedCall, ModelCall, ModelEvent } from '../gateways/ports.ts';
import { noTokens } from '../pricing/cost.ts';
import type { Model } from '../pricing/modelCatalogue.ts';
import { unreadableUsage, unreadableVectors } from './answerErrors.ts';
import { readableUsage } from './readableUsage.ts';
import { byTheRulesOf, refused } from './rules/refused.ts';

/** A call in the form that Bedrock's embedding models take. Throws `invalid_request`, naming the rule. */
export function conformToEmbedding(call: ModelCall, model: Model): ConformedCall {
  return byTheRulesOf('Bedrock', () => conformed(call, model));
}

function conformed(call: ModelCall, model: Model): ConformedCall {
  const { embedding = {}, messages } = call.content;
  const takes = embeddingModel(model.baseId);
  if (!takes)
    throw refused(
      `embeddings of ${model.baseId} are not known here`,
      `Use one of: ${embeddingModelIds.join(', ')}.`,
    );
  requireTexts(textsOf(call), takes);
  if (call.serviceTier !== 'standard')
    throw refused('embeddings have one service tier', 'Leave the service tier out.');
  const { dimensions = takes.dimensions[0], normalize, input_type } = embedding;
  if (!takes.dimensions.includes(dimensions))
    throw refused(`the vectors of this model have ${takes.dimensions.join(', ')} dimensions`);
  if (normalize !== undefined && !takes.normalizes)
    throw refused('this model doesn’t take normalize', 'Leave normalize out.');
  const typed = takes.vendor === 'cohere';
  return {
    adjustments:
      input_type !== undefined && !typed ? ['The model takes no input type; it was left out.'] : [],
    call: {
      ...call,
      content: {
        system: null,
        messages,
        embedding: {
          // What can't be chosen is not sent.
          ...(takes.dimensions.length > 1 && { dimensions }),
          ...(takes.normalizes && { normalize: normalize ?? true }),
          ...(typed && { input_type: input_type ?? 'search_document' }),
        },
      },
    },
  };
}

function requireTexts(texts: readonly string[], { mostTexts, mostCharacters }: EmbeddingModel): void {
  if (texts.length === 0 || texts.some((text) => text.trim() === ''))
    throw refused('a text to embed must not be blank', 'Nothing was sent. Leave blank texts out.');
  if (texts.length > mostTexts)
    throw refused(`a call of this model takes at most ${mostTexts} texts`, 'Nothing was sent. Send fewer.');
  if (texts.some((text) => text.length > mostCharacters))
    throw refused(
      `a text of this model has at most ${mostCharacters} characters`,
      'Nothing was sent. Split the text.',
    );
}

function textsOf({ content: { messages } }: ModelCall): string[] {
  return messages.map(({ content }) => textOf(content));
}

/** The body of InvokeModel for a conformed call; Cohere's models alone have an input type. */
export function embeddingBody(call: ModelCall): string {
  const { dimensions, normalize, input_type } = call.content.embedding ?? {};
  const texts = textsOf(call);
  if (input_type === undefined) return JSON.stringify({ inputText: texts[0], dimensions, normalize });
  // What is too long is refused, not cut: a vector of half a text looks like any other.
  const cut = { truncate: 'NONE', embedding_types: ['float'] };
  return JSON.stringify({ texts, input_type, output_dimension: dimensions, ...cut });
}

const vectorForm = z.array(z.number());
const answerForm = z.union([
  z.object({ embedding: vectorForm, inputTextTokenCount: z.optional(z.number()) }),
  z.object({ embeddings: z.union([z.array(vectorForm), z.object({ float: z.array(vectorForm) })]) }),
]);

/** The events of an answer of InvokeModel; `counted` is the header with the number of input tokens, null without one. */
export function* eventsOfEmbedding(
  call: ModelCall,
  body: Uint8Array,
  counted: string | null,
): Generator<ModelEvent> {
  const answer = answerForm.safeParse(jsonIn(body)).data;
  const vectors = answer && ('embedding' in answer ? [answer.embedding] : floatsOf(answer.embeddings));
  const tokens = [
    answer && 'embedding' in answer ? answer.inputTextTokenCount : undefined,
    counted === null ? undefined : Number(counted),
  ].filter((count) => count !== undefined);
  // Of two figures the more expensive one counts.
  if (tokens.length > 0)
    yield { type: 'usage', usage: readableUsage({ ...noTokens, input: Math.max(...tokens) }) };
  const { messages, embedding } = call.content;
  const dimensions = embedding?.dimensions ?? vectors?.[0]?.length;
  const whole =
    vectors?.length === messages.length && vectors.every(({ length }) => length > 0 && length === dimensions);
  if (!whole) throw unreadableVectors();
  yield* eventsOfVectors(vectors);
  if (tokens.length === 0) throw unreadableUsage();
}

export function* eventsOfVectors(vectors: readonly (readonly number[])[]): Generator<ModelEvent> {
  yield { type: 'text', index: 0, text: vectorsText(vectors) };
  yield { type: 'block_end', index: 0 };
  yield { type: 'stop', reason: 'end_turn' };
}

function floatsOf(embeddings: number[][] | { float: number[][] }): number[][] {
  return Array.isArray(embeddings) ? embeddings : embeddings.float;
}

function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return null;
  }
}
