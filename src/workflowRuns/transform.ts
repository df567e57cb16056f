import { GatewayError } from '../errors.ts';
import { fieldOf } from '../workflow/references.ts';
import type { Comparison, TransformConfig } from '../workflow/stepConfig.ts';
import type { Step } from '../workflow/workflow.ts';
import type { StepValues } from './stepValues.ts';

/** The result of a transform. Throws `invalid_request` for a value of the wrong form. */
export function transformed(step: Step, values: StepValues): unknown {
  const config = step.config as TransformConfig;
  const { select, map, filter, join, template } = config;
  if (template !== undefined) return values.filled(step, template);
  if (join) return joined(step, join, values);
  const value = config.from === undefined ? values.workedOn(step) : values.filled(step, config.from);
  if (select !== undefined) return selected(step, select, value);
  const items = listOf(step, value);
  if (filter) return items.filter((item) => compares(fieldOf(item, filter.field), filter));
  return items.map((item) =>
    Object.fromEntries(
      Object.entries(map ?? {}).map(([name, text]) => [name, values.filled(step, text, item)]),
    ),
  );
}

function selected(step: Step, select: string | readonly string[], value: unknown): unknown {
  const of = (one: unknown): unknown => {
    if (typeof select === 'string') return found(step, one, select);
    return Object.fromEntries(select.map((name) => [name, found(step, one, name)]));
  };
  return Array.isArray(value) ? value.map(of) : of(value);
}

function found(step: Step, value: unknown, field: string): unknown {
  const result = fieldOf(value, field);
  if (result !== undefined) return result;
  throw wrong(step, `there is no field "${field}" in ${kindOf(value)}`);
}

/** The fields of both items; of a field that both have, the left one's. */
function joined(
  step: Step,
  { left, right, on }: NonNullable<TransformConfig['join']>,
  values: StepValues,
): unknown[] {
  const byValue = Map.groupBy(listOf(step, values.filled(step, right)), (item) => keyOf(fieldOf(item, on)));
  return listOf(step, values.filled(step, left)).flatMap((item) => {
    const key = keyOf(fieldOf(item, on));
    if (key === undefined) return [];
    return (byValue.get(key) ?? []).map((other) => ({ ...(other as object), ...(item as object) }));
  });
}

/** A number and its digits are the same: files of CSV have texts only. */
function keyOf(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : textForm(value);
}

function compares(value: unknown, { equals, not, above, below, contains }: Comparison): boolean {
  if (equals !== undefined && !isSame(value, equals)) return false;
  if (not !== undefined && isSame(value, not)) return false;
  if (above !== undefined && !(numberOf(value) > above)) return false;
  if (below !== undefined && !(numberOf(value) < below)) return false;
  return contains === undefined || (typeof value === 'string' && value.includes(contains));
}

function isSame(value: unknown, other: string | number | boolean | null): boolean {
  if (value === undefined || value === null || other === null) return (value ?? null) === other;
  return textForm(value) === String(other);
}

function textForm(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
}

function listOf(step: Step, value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  throw wrong(step, `a list is needed, not ${kindOf(value)}`);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value === null || value === undefined) return 'nothing';
  return typeof value === 'object' ? 'an object' : `a ${typeof value === 'string' ? 'text' : typeof value}`;
}

function wrong({ id }: Step, fault: string): GatewayError {
  return new GatewayError('invalid_request', `Step "${id}": ${fault}.`, {
    hint: 'Correct the step, or the format of what it works on.',
  });
}
