import { isJsonObject, type Json, type JsonObject } from '../../content/messages.ts';

/**
 * Keywords that services refuse in the schema of an answer, with their words for the model. Source: the limits that
 * Amazon Bedrock and Anthropic publish for structured outputs.
 */
const withheld: Readonly<Record<string, string>> = {
  minimum: 'at least',
  maximum: 'at most',
  exclusiveMinimum: 'above',
  exclusiveMaximum: 'below',
  multipleOf: 'a multiple of',
  minLength: 'characters, at least',
  maxLength: 'characters, at most',
  pattern: 'matches the pattern',
  minItems: 'items, at least',
  maxItems: 'items, at most',
};

/**
 * A schema in the form that services take: what they refuse moves into the descriptions, where the model reads it. The
 * answer is checked against the schema as it was.
 */
export function serviceSchema(schema: JsonObject): JsonObject {
  const told: string[] = [];
  const kept = Object.entries(schema).flatMap(([keyword, value]): [string, Json][] => {
    const words = Object.hasOwn(withheld, keyword) ? withheld[keyword] : undefined;
    if (words === undefined) return [[keyword, inner(keyword, value)]];
    told.push(`${words} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
    return [];
  });
  const { description } = schema;
  const texts = [...(typeof description === 'string' ? [description] : []), ...told];
  return { ...Object.fromEntries(kept), ...(texts.length > 0 && { description: texts.join('; ') }) };
}

function inner(keyword: string, value: Json): Json {
  if (keyword === 'items' && isJsonObject(value)) return serviceSchema(value);
  if (keyword !== 'properties' || !isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, isJsonObject(one) ? serviceSchema(one) : one]),
  );
}
