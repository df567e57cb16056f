import { GatewayError } from '../errors.ts';
import { fieldOf, filled } from '../workflow/references.ts';
import { lastOf } from '../workflow/taskGraph.ts';
import { allSteps, type Step } from '../workflow/workflow.ts';
import { localName, resolvedId } from '../workflow/workflowDocument.ts';

/** The values that templates of a step stand for: inputs of the run, and results of steps that have ended. */
export class StepValues {
  readonly #steps: ReadonlyMap<string, Step>;
  readonly #ids: ReadonlySet<string>;
  readonly #inputs: Readonly<Record<string, string>>;
  readonly #results = new Map<string, unknown>();

  constructor(steps: readonly Step[], inputs: Readonly<Record<string, string>>) {
    this.#steps = new Map(allSteps(steps).map((step) => [step.id, step]));
    this.#ids = new Set(this.#steps.keys());
    this.#inputs = inputs;
  }

  set(id: string, result: unknown): void {
    this.#results.set(id, result);
  }

  /** The result of a step; of a nested one, that of its last step, or of its last steps by their short ids. */
  resultOf(id: string): unknown {
    const step = this.#steps.get(id);
    if (step?.type !== 'nested') return this.#results.get(id);
    return this.#together(lastOf(step.steps).map((one) => one.id));
  }

  /** What a step works on without naming it: the results of those it depends on, and of the last of those inside it. */
  worksOn({ dependsOn, steps }: Step): { id: string; value: unknown }[] {
    const ids = [...dependsOn, ...lastOf(steps).map(({ id }) => id)];
    return ids.map((id) => ({ id, value: this.resultOf(id) }));
  }

  /** The same as one value: of several steps an object by their short ids. */
  workedOn(step: Step): unknown {
    return this.#together(this.worksOn(step).map(({ id }) => id));
  }

  /** Fills a template in. `item` is what `{{item}}` stands for. Throws `invalid_request` for what has no value. */
  filled(step: Step, template: string, item?: unknown): unknown {
    return filled(template, (name) => {
      const value = this.#valueOf(step, name, item);
      if (value !== undefined) return value;
      throw new GatewayError('invalid_request', `Step "${step.id}": {{${name}}} has no value.`, {
        hint: 'Name a field that the result has. The result of a step of a model has fields only with a schema.',
      });
    });
  }

  #valueOf(step: Step, name: string, item: unknown): unknown {
    if (name === 'item' || name.startsWith('item.')) return fieldOf(item, name.slice('item.'.length));
    if (name.startsWith('inputs.')) return this.#inputs[name.slice('inputs.'.length)];
    // The longest beginning that is a step's name is the step; the rest is a field.
    const parts = name.split('.');
    for (let length = parts.length; length > 0; length -= 1) {
      const id = resolvedId(step.id, parts.slice(0, length).join('.'), this.#ids);
      if (id !== null) return fieldOf(this.resultOf(id), parts.slice(length).join('.'));
    }
    return undefined;
  }

  #together(ids: readonly string[]): unknown {
    const [only] = ids;
    if (only === undefined) return null;
    if (ids.length === 1) return this.resultOf(only);
    const names = ids.map(localName);
    // Two steps inside different ones may have the same short id.
    const isOnce = new Set(names).size === names.length;
    return Object.fromEntries(ids.map((id) => [isOnce ? localName(id) : id, this.resultOf(id)]));
  }
}
