import * as z from 'zod';
import type { JsonObject } from '../../content/messages.ts';

/** What a limit of a field must be, and the types that it is for. */
interface Limit {
  types: readonly string[];
  value: z.ZodType;
  /** The end of a sentence about its value. */
  must: string;
}

const number = { types: ['number', 'integer'], value: z.number(), must: 'must be a number' };
const size = { value: z.int().min(0), must: 'must be a whole number from 0' };
/** Formats of JSON Schema that an answer is checked for. */
export const formats = [
  ...['date', 'date-time', 'time', 'duration', 'email', 'hostname', 'uri', 'uuid', 'ipv4', 'ipv6'],
];

/** Beyond the type: what a file may say of a field, in the words of JSON Schema. */
const limits: Readonly<Record<string, Limit>> = {
  minimum: number,
  maximum: number,
  exclusiveMinimum: number,
  exclusiveMaximum: number,
  multipleOf: { ...number, value: z.number().gt(0), must: 'must be a number above 0' },
  minLength: { ...size, types: ['string'] },
  maxLength: { ...size, types: ['string'] },
  pattern: { types: ['string'], value: z.string().min(1), must: 'must be a regular expression' },
  format: { types: ['string'], value: z.enum(formats), must: `must be one of ${formats.join(', ')}` },
  minItems: { ...size, types: ['array'] },
  maxItems: { ...size, types: ['array'] },
  enum: {
    types: ['string', 'number', 'integer'],
    value: z.array(z.union([z.string(), z.number()])).check(z.minLength(1), z.refine(areDifferent)),
    must: 'must be a list of different texts or numbers',
  },
};

/** Whether a key of a field's mapping is a limit. */
export function isLimit(key: string): boolean {
  return Object.hasOwn(limits, key);
}

/** What is wrong with the limits of a field, by their keys: an answer could not be checked, or none could fit. */
export function limitFaults(schema: JsonObject): { key: string; fault: string }[] {
  const given = Object.entries(schema).flatMap(([key, value]) => {
    const limit = isLimit(key) ? limits[key] : undefined;
    return limit ? [{ key, value, limit }] : [];
  });
  const wrong = given.flatMap(({ key, value, limit }) => {
    if (!limit.types.some((type) => type === schema['type']))
      return { key, fault: 'does not go with this type' };
    return limit.value.safeParse(value).success ? [] : { key, fault: limit.must };
  });
  return wrong.length > 0 ? wrong : unfit(schema);
}

/** Limits that no value can keep. */
function unfit(schema: JsonObject): { key: string; fault: string }[] {
  for (const [low, high] of [
    ['minLength', 'maxLength'],
    ['minItems', 'maxItems'],
  ] as const)
    if (numberIn(schema, low, 0) > numberIn(schema, high, Infinity))
      return [{ key: low, fault: `is above ${high}` }];
  if (!hasNumber(schema))
    return [{ key: 'minimum' in schema ? 'minimum' : 'maximum', fault: 'leaves no number' }];
  const { enum: values, ...rest } = schema;
  if (!Array.isArray(values)) return [];
  const { pattern: _, ...checked } = rest;
  const check = z.fromJSONSchema(checked);
  return values.every((value) => check.safeParse(value).success)
    ? []
    : [{ key: 'enum', fault: 'has a value that does not fit the field' }];
}

/** Whether a number can keep the bounds; of numbers with a step, the first above the lower bound decides. */
function hasNumber(schema: JsonObject): boolean {
  const [low, above] = [
    numberIn(schema, 'minimum', -Infinity),
    numberIn(schema, 'exclusiveMinimum', -Infinity),
  ];
  const [high, below] = [
    numberIn(schema, 'maximum', Infinity),
    numberIn(schema, 'exclusiveMaximum', Infinity),
  ];
  const fits = (value: number): boolean => value >= low && value > above && value <= high && value < below;
  const multiple = numberIn(schema, 'multipleOf', 1);
  // Multiples of other numbers are not exact; the check of the answer decides.
  const step = schema['type'] === 'integer' || 'multipleOf' in schema ? multiple : 0;
  if (!Number.isInteger(step)) return true;
  const from = Math.max(low, above);
  if (from === -Infinity || Math.min(high, below) === Infinity) return true;
  if (step === 0) return fits(from) || from < Math.min(high, below);
  const first = Math.ceil(from / step) * step;
  return fits(first) || fits(first + step);
}

function numberIn(schema: JsonObject, key: string, otherwise: number): number {
  const value = schema[key];
  return typeof value === 'number' ? value : otherwise;
}

function areDifferent(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}
