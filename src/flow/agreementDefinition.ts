import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { usdToMicro } from '../pricing/cost.ts';
import type {
  AgreementSource,
  BuiltInId,
  FlowAgreement,
  ImplementationId,
  ParameterDefinition,
  ParameterValue,
} from './agreement.ts';
import { builtIns } from './builtIns.ts';
import { parseFlowEncoding } from './flowEncoding.ts';
import { parameterSchema, type AgreementDefinition } from './flowFileSchema.ts';
import { namesLike } from './matching.ts';
import { convertParameter } from './parameters.ts';

/** Whether an implementation is built in and defines its own parameters. */
export function isBuiltIn(implementation: string): implementation is BuiltInId {
  return Object.hasOwn(builtIns, implementation);
}

/** The agreement of a valid definition. */
export function agreementOf(definition: AgreementDefinition, source: AgreementSource): FlowAgreement {
  const { prompt, shell } = definition;
  const flowEncoding = parseFlowEncoding(definition.flow_encoding);
  if ('message' in flowEncoding) throw new TypeError(flowEncoding.message);
  return {
    id: definition.action,
    trigger: definition.trigger,
    flowEncoding,
    earlierEncodings: [],
    expandedMeaning: definition.expanded_meaning,
    implementation: definition.real_implementation,
    fallback: definition.fallback,
    ...parametersOf(definition.real_implementation, definition.parameters),
    expectedOutput: definition.expected_output,
    confidenceThreshold: definition.confidence_threshold,
    phrases: definition.phrases,
    useClass: definition.use_class,
    costLimit: usdToMicro(definition.cost_limit_usd),
    timeLimitSeconds: definition.time_limit_seconds,
    concurrent: definition.concurrent,
    prompt: prompt
      ? {
          template: prompt.template,
          system: prompt.system,
          model: prompt.model,
          maxTokens: prompt.max_tokens,
          temperature: prompt.temperature,
        }
      : null,
    shell: shell ?? null,
    workflow: definition.workflow ?? null,
    source,
    definitionSha256: createHash('sha256')
      .update(canonicalize(definition) ?? '')
      .digest('hex'),
  };
}

/** A name that must be unique. */
export interface OwnName {
  path: readonly (string | number)[];
  /** The name that no other agreement may have. */
  key: string;
  /** Look-alikes of the name, including the key: none of them may be another's key. */
  like: readonly string[];
  text: string;
}

/** The names in a definition, which may be invalid and incomplete. */
export function namesOf(definition: unknown): OwnName[] {
  if (typeof definition !== 'object' || definition === null) return [];
  const { trigger, action, flow_encoding, phrases } = definition as Record<string, unknown>;
  const names: OwnName[] = [];
  const add = (path: OwnName['path'], kind: string, text: unknown): void => {
    if (typeof text !== 'string') return;
    const like = (kind === 'form' ? namesLike(text) : [text]).map((name) => `${kind} ${name}`);
    const [key = ''] = like;
    if (key !== `${kind} `) names.push({ path, key, like, text });
  };
  add(['trigger'], 'form', trigger);
  add(['flow_encoding'], 'encoding', flow_encoding);
  add(['action'], 'action', action);
  if (Array.isArray(phrases)) phrases.forEach((phrase, index) => add(['phrases', index], 'form', phrase));
  return names;
}

/** Why a name can look like another one; null if it can't. */
export function disguiseIn(name: string): string | null {
  const text = name.normalize('NFC');
  if (/[\p{Cf}\p{Mn}]/u.test(text)) return 'has an invisible character';
  const words = text.match(/\p{L}+/gu) ?? [];
  const mixed = /\p{Script=Latin}(?!\p{Script=Latin})\p{L}|(?!\p{Script=Latin})\p{L}\p{Script=Latin}/u;
  const word = words.find((one) => mixed.test(one));
  return word === undefined ? null : `has letters of two scripts in one word: ${word}`;
}

function parametersOf(
  implementation: ImplementationId,
  given: AgreementDefinition['parameters'],
): Pick<FlowAgreement, 'parameters' | 'fixed'> {
  if (!isBuiltIn(implementation)) {
    const parameters = Object.entries(given).map(([name, definition]) => ({
      name,
      ...parameterSchema.parse(definition),
    }));
    return { parameters, fixed: {} };
  }
  const fixed: Record<string, ParameterValue> = {};
  const parameters: ParameterDefinition[] = [];
  for (const definition of builtIns[implementation].parameters) {
    const own = Object.hasOwn(given, definition.name) ? given[definition.name] : undefined;
    if (own === undefined) parameters.push(definition);
    else if (typeof own === 'object')
      parameters.push({ ...definition, default: converted(definition, own.default) });
    else fixed[definition.name] = converted(definition, own);
  }
  return { parameters, fixed };
}

function converted(definition: ParameterDefinition, value: unknown): ParameterValue {
  const result = convertParameter(definition, value);
  if ('problem' in result) throw new TypeError(`${definition.name} ${result.problem}`);
  return result.value;
}
