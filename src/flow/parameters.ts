import { GatewayError } from '../errors.ts';
import { similarName } from '../similarName.ts';
import type { FlowAgreement, ParameterDefinition, ParameterValue, ParameterValues } from './agreement.ts';

/** A reference to a parameter in a prompt's template: `{{name}}`. */
export const templateReference = /\{\{([^{}\n]*)\}\}/g;

/** A value converted to a parameter's type, or its problem: `must be 1 to 400`. */
export function convertParameter(
  { type, minimum = -Infinity, maximum = Infinity, values = [] }: ParameterDefinition,
  given: unknown,
): { value: ParameterValue } | { problem: string } {
  if (typeof given !== 'string' && typeof given !== 'number' && typeof given !== 'boolean')
    return { problem: 'must be a text, a number, true or false' };
  const text = String(given);
  switch (type) {
    case 'text':
      return { value: text };
    case 'boolean':
      if (text !== 'true' && text !== 'false') return { problem: 'must be true or false' };
      return { value: text === 'true' };
    case 'choice':
      if (!values.includes(text)) return { problem: `must be one of ${values.join(', ')}` };
      return { value: text };
    case 'integer':
    case 'number': {
      const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN;
      if (!Number.isFinite(value) || (type === 'integer' && !Number.isSafeInteger(value)))
        return { problem: type === 'integer' ? 'must be a whole number' : 'must be a number' };
      if (value < minimum || value > maximum) return { problem: `must be ${range(minimum, maximum)}` };
      return { value };
    }
  }
}

/**
 * The values of a run: the given ones, converted, then the agreement's fixed ones, then
 * defaults. Throws `invalid_request` with all problems.
 */
export function resolveParameters(
  { trigger, parameters, fixed }: Pick<FlowAgreement, 'trigger' | 'parameters' | 'fixed'>,
  given: Readonly<Record<string, unknown>>,
): ParameterValues {
  const names = parameters.map(({ name }) => name);
  const problems = Object.keys(given)
    .filter((name) => !names.includes(name))
    .map((name) => unknownName(name, names, fixed));
  const values: Record<string, ParameterValue> = { ...fixed };
  for (const definition of parameters) {
    const { name } = definition;
    const value = Object.hasOwn(given, name) ? given[name] : definition.default;
    if (value === null || value === undefined || (value === '' && definition.default === null)) {
      problems.push(`${name} is required: ${definition.description || definition.type}`);
      continue;
    }
    const converted = convertParameter(definition, value);
    if ('value' in converted) values[name] = converted.value;
    else problems.push(`${name} ${converted.problem}`);
  }
  if (problems.length === 0) return values;
  throw new GatewayError('invalid_request', `${trigger}: ${problems.join('; ')}.`, {
    hint:
      names.length > 0
        ? `Give parameters as NAME=VALUE; ${trigger} takes ${names.join(', ')}.`
        : `${trigger} takes no parameters.`,
  });
}

function unknownName(name: string, names: readonly string[], fixed: ParameterValues): string {
  if (Object.hasOwn(fixed, name)) return `${name} is fixed to ${String(fixed[name])} by the agreement`;
  const similar = similarName(name, names);
  return `${name} is not a parameter${similar === null ? '' : `; did you mean ${similar}?`}`;
}

function range(minimum: number, maximum: number): string {
  if (minimum === -Infinity) return `at most ${maximum}`;
  return maximum === Infinity ? `at least ${minimum}` : `${minimum} to ${maximum}`;
}
