import type { Path } from '../yamlDocument.ts';
import { referencesIn } from './references.ts';
import type { ConfigOf } from './stepConfig.ts';
import type { Step } from './workflow.ts';

/** What a step yields; `any` if that is known only when it runs. */
export type ResultType = 'text' | 'list' | 'object' | 'any';

/** A use of a result that can't work. */
export interface TypeMismatch {
  step: string;
  /** Where it is in the step. */
  path: Path;
  part?: { offset: number; length: number };
  message: string;
}

/** Finds uses of results that can't work: a text where a list is needed, a field of a text. */
export function typeMismatches(
  steps: readonly Step[],
  referred: (from: string, name: string) => string | null,
): TypeMismatch[] {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const typeOf = (id: string | undefined): ResultType => resultType(byId.get(id ?? ''));
  const found: TypeMismatch[] = [];
  for (const step of steps) {
    found.push(...fieldMismatches(step, (name) => referred(step.id, name), typeOf));
    if (step.type !== 'transform') continue;
    for (const { path, id, needs } of inputsOf(step, (name) => referred(step.id, name))) {
      const type = typeOf(id);
      const wrong = needs === 'list' ? type === 'text' || type === 'object' : type === 'text';
      if (!wrong) continue;
      const kind = String(path[1]);
      const what = kind === 'from' ? kindOf(step) : kind;
      const message = `${what} needs ${needs === 'list' ? 'a list' : 'a value with fields'}, but "${id}" yields ${type === 'text' ? 'a text' : 'an object'}`;
      found.push({ step: step.id, path, message });
    }
  }
  return found;
}

/** What a transform takes as a whole, of one step each. */
function inputsOf(
  step: Step,
  referred: (name: string) => string | null,
): { path: Path; id: string; needs: 'list' | 'fields' }[] {
  const config = step.config as ConfigOf<'transform'>;
  const whole = (text: string): string | null => {
    const [only] = referencesIn(text);
    const id = only?.length === text.trim().length ? referred(only.name) : null;
    // A field of a result can be anything.
    return id !== null && only && (only.name === id || id.endsWith(`.${only.name}`)) ? id : null;
  };
  if (config.join)
    return (['left', 'right'] as const).flatMap((side) => {
      const id = whole(config.join?.[side] ?? '');
      return id === null ? [] : [{ path: ['config', 'join', side], id, needs: 'list' as const }];
    });
  const kind = kindOf(step);
  if (kind === 'template') return [];
  const [own, ...others] = step.dependsOn;
  const implicit = others.length === 0 && step.steps.length === 0 ? (own ?? null) : null;
  const id = config.from === undefined ? implicit : whole(config.from);
  const path = config.from === undefined ? ['config', kind] : ['config', 'from'];
  return id === null ? [] : [{ path, id, needs: kind === 'select' ? 'fields' : 'list' }];
}

function kindOf({ config }: Step): string {
  return ['select', 'map', 'filter', 'template'].find((kind) => kind in config) ?? 'join';
}

function fieldMismatches(
  step: Step,
  referred: (name: string) => string | null,
  typeOf: (id: string) => ResultType,
): TypeMismatch[] {
  const visit = (value: unknown, path: Path): TypeMismatch[] => {
    if (typeof value === 'string')
      return referencesIn(value).flatMap(({ name, offset, length }) => {
        const id = name.startsWith('item') || name.startsWith('inputs.') ? null : referred(name);
        const isWhole = id === null || name === id || id.endsWith(`.${name}`);
        if (isWhole || typeOf(id) !== 'text') return [];
        const message = `"${id}" yields a text, which has no fields`;
        return [{ step: step.id, path, part: { offset, length }, message }];
      });
    if (typeof value !== 'object' || value === null || path.at(-1) === 'schema') return [];
    return Object.entries(value).flatMap(([key, inner]) =>
      visit(inner, [...path, Array.isArray(value) ? Number(key) : key]),
    );
  };
  return visit(step.config, ['config']);
}

/** What a step yields, as far as its config says. */
export function resultType(step: Step | undefined): ResultType {
  if (!step) return 'any';
  switch (step.type) {
    case 'data_input': {
      const { source, format } = step.config as ConfigOf<'data_input'>;
      return inputType(source, format);
    }
    case 'ai_processing': {
      const { schema } = step.config as ConfigOf<'ai_processing'>;
      if (!schema) return 'text';
      return schema['type'] === 'array' ? 'list' : schema['type'] === 'object' ? 'object' : 'any';
    }
    case 'transform': {
      const { select, template } = step.config as ConfigOf<'transform'>;
      if (template !== undefined) return 'text';
      return select === undefined ? 'list' : 'any';
    }
    default:
      return 'any';
  }
}

/** All files below a place, and places that are templates, are known only when they are read. */
function inputType(source: string | undefined, format: ConfigOf<'data_input'>['format']): ResultType {
  if (source === undefined || source.endsWith('/') || (!format && source.includes('{{'))) return 'any';
  if (format) return { text: 'text', json: 'any', csv: 'list', lines: 'list' }[format] as ResultType;
  const ending = /\.(json|csv|jsonl)$/i.exec(source)?.[1]?.toLowerCase();
  if (ending === undefined) return 'text';
  return ending === 'json' ? 'any' : 'list';
}
