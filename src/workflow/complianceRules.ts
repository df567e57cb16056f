import { soxRetentionDays, aiActRetentionDays } from '../compliance/controls.ts';
import { levelsOf, type ComplianceLevel } from '../compliance/policy.ts';
import { microToUsd } from '../pricing/cost.ts';
import { unknownModelDiagnostics } from './mending.ts';
import type { Facts, OperationResult, RuleResult, RuleState } from './operationResult.ts';
import { planOf, startingResult, type Plan } from './startingResult.ts';
import { changesOutside, type ConfigOf } from './stepConfig.ts';
import { allSteps, type Step } from './workflow.ts';
import { textsOf, type ParsedWorkflow } from './workflowDocument.ts';

/** How the score is made; a rule that can't be checked doesn't count. */
export const scoreFormula = 'score = Σ weight of passed rules / Σ weight of passed and failed rules';

/** What a rule looks at. */
interface RuleFacts {
  plan: Plan;
  steps: readonly Step[];
  facts: Facts;
  /** The whole file: a description may hold a secret as a prompt does. */
  text: string;
  estimated: boolean;
  makespanMs: number;
}

interface Verdict {
  state: RuleState;
  evidence: string;
  steps?: readonly string[];
}

interface WorkflowRule {
  id: string;
  level: ComplianceLevel;
  source: string;
  title: string;
  /** 3: data or law; 2: what a company answers for; 1: good order. */
  weight: number;
  check: (facts: RuleFacts) => Verdict;
}

/** Every rule, level by level. An id that is also a control's means the same duty, here in the file. */
export const workflowRules: readonly WorkflowRule[] = [
  {
    id: 'enterprise.models',
    level: 'enterprise',
    source: 'company policy',
    title: 'Only allowed models',
    weight: 3,
    check: allowedModels,
  },
  {
    id: 'enterprise.regions',
    level: 'enterprise',
    source: 'company policy',
    title: 'Only allowed regions',
    weight: 3,
    check: allowedPlaces,
  },
  {
    id: 'enterprise.secrets',
    level: 'enterprise',
    source: 'company policy',
    title: 'No secrets in the file',
    weight: 3,
    check: (given) => nothingFound(given, 'secret'),
  },
  {
    id: 'enterprise.destinations',
    level: 'enterprise',
    source: 'company policy',
    title: 'Results stay in the workspace',
    weight: 2,
    check: destinationsInside,
  },
  {
    id: 'enterprise.sla',
    level: 'enterprise',
    source: 'company policy',
    title: 'A run ends within the agreed time',
    weight: 2,
    check: withinSla,
  },
  {
    id: 'enterprise.cost_limit',
    level: 'enterprise',
    source: 'company policy',
    title: 'The longest answers fit the cost limit',
    weight: 2,
    check: withinCostLimit,
  },
  {
    id: 'sox.repetition',
    level: 'sox',
    source: 'SOX §404',
    title: 'What changes something outside can be repeated',
    weight: 2,
    check: repeatable,
  },
  {
    id: 'sox.retention',
    level: 'sox',
    source: '17 CFR 210.2-06',
    title: 'Records are kept for seven years',
    weight: 3,
    check: (given) => kept(given, soxRetentionDays),
  },
  {
    id: 'gdpr.5_1_b',
    level: 'gdpr',
    source: 'GDPR article 5(1)(b)',
    title: 'The purpose is stated',
    weight: 1,
    check: ({ plan: { workflow } }) =>
      workflow.description.trim() === ''
        ? { state: 'failed', evidence: 'The file has no description of what the workflow is for.' }
        : { state: 'passed', evidence: 'The file has a description.' },
  },
  {
    id: 'gdpr.5_1_c',
    level: 'gdpr',
    source: 'GDPR article 5(1)(c)',
    title: 'No personal data in the file',
    weight: 3,
    check: (given) => nothingFound(given, 'personal_data'),
  },
  {
    id: 'gdpr.44',
    level: 'gdpr',
    source: 'GDPR articles 44–49',
    title: 'Data stays where policy allows',
    weight: 3,
    check: allowedPlaces,
  },
  {
    id: 'ai_act.19',
    level: 'ai_act',
    source: 'EU AI Act articles 19 and 26(6)',
    title: 'Logs are kept for six months',
    weight: 3,
    check: (given) => kept(given, aiActRetentionDays),
  },
  {
    id: 'ai_act.26',
    level: 'ai_act',
    source: 'EU AI Act article 26',
    title: 'The use is declared',
    weight: 2,
    check: () => ({
      state: 'unchecked',
      evidence: 'Whether a use is of high risk is for the company to declare.',
    }),
  },
];

/** Applies the rules of the levels that the workflow promises and of those in force. */
export function validateCompliance(parsed: ParsedWorkflow, text: string, facts: Facts): OperationResult {
  const plan = planOf(parsed, facts);
  const result = startingResult('validate', { plan, parsed, facts });
  const diagnostics = [...result.diagnostics, ...unknownModelDiagnostics(text, parsed, facts)];
  if (!plan) return { ...result, diagnostics };
  const levels = new Set<string>([...plan.workflow.complianceLevels, ...levelsOf(facts.policy)]);
  const { estimated, makespanMs } = result;
  const given: RuleFacts = {
    plan,
    steps: allSteps(plan.workflow.steps),
    facts,
    text,
    estimated,
    makespanMs,
  };
  const rules = workflowRules
    .filter(({ level }) => levels.has(level))
    .map(({ id, source, title, weight, check }): RuleResult => {
      const { state, evidence, steps = [] } = check(given);
      return { id, source, title, weight, state, evidence, steps };
    });
  return {
    ...result,
    diagnostics,
    rules,
    complianceScore: scoreOf(rules),
    notes: [...result.notes, `${scoreFormula}.`],
  };
}

/** Null if no rule was checked. */
export function scoreOf(rules: readonly Pick<RuleResult, 'state' | 'weight'>[]): number | null {
  const weightOf = (state: RuleState): number =>
    rules.filter((rule) => rule.state === state).reduce((sum, { weight }) => sum + weight, 0);
  const [passed, failed] = [weightOf('passed'), weightOf('failed')];
  return passed + failed === 0 ? null : passed / (passed + failed);
}

/** The steps that call a model, with its name. */
function modelSteps({ steps, facts }: RuleFacts): { step: Step; name: string }[] {
  return steps
    .filter(({ type }) => type === 'ai_processing')
    .map((step) => ({
      step,
      name: (step.config as ConfigOf<'ai_processing'>).model ?? facts.defaultModel,
    }));
}

function allowedModels(given: RuleFacts): Verdict {
  const { models_allowed: allowed, models_denied: denied } = given.facts.policy;
  if (allowed.length + denied.length === 0)
    return { state: 'unchecked', evidence: 'compliance.models_allowed and models_denied are empty.' };
  const refused = modelSteps(given).filter(({ name }) => {
    const names = [name, given.facts.modelOf(name)?.id ?? name];
    const isDenied = names.some((one) => denied.includes(one));
    return isDenied || (allowed.length > 0 && !names.some((one) => allowed.includes(one)));
  });
  if (refused.length === 0) return { state: 'passed', evidence: 'Policy allows every model of the file.' };
  const names = [...new Set(refused.map(({ name }) => name))].join(', ');
  return { state: 'failed', evidence: `Policy refuses ${names}.`, steps: refused.map(({ step }) => step.id) };
}

function allowedPlaces(given: RuleFacts): Verdict {
  const { regions_allowed: regions } = given.facts.policy;
  if (regions.length === 0) return { state: 'unchecked', evidence: 'compliance.regions_allowed is empty.' };
  const placed = modelSteps(given).map(({ step, name }) => ({ step, model: given.facts.modelOf(name) }));
  const outside = placed.filter(({ model }) => model !== null && !regions.includes(model.place));
  if (outside.length > 0) {
    const places = [...new Set(outside.map(({ model }) => model?.place))].join(', ');
    return {
      state: 'failed',
      evidence: `Answers would come from ${places}, which policy doesn’t allow.`,
      steps: outside.map(({ step }) => step.id),
    };
  }
  const unknown = placed.filter(({ model }) => model === null).map(({ step }) => step.id);
  const buckets = given.steps.filter(({ config }) => s3Place(config) !== null).map(({ id }) => id);
  if (unknown.length > 0)
    return { state: 'unchecked', evidence: 'The place of an unknown model is not known.', steps: unknown };
  if (buckets.length > 0)
    return {
      state: 'unchecked',
      evidence: 'The file doesn’t say in which region its S3 buckets are.',
      steps: buckets,
    };
  return { state: 'passed', evidence: `Every model answers in ${regions.join(', ')}.` };
}

/** Names the rules that matched and where, never what they found. */
function nothingFound({ plan, steps, facts, text }: RuleFacts, wanted: 'secret' | 'personal_data'): Verdict {
  const { findingsIn } = facts;
  if (!findingsIn) return { state: 'unchecked', evidence: 'The file was not searched in time.' };
  const foundIn = (searched: string): string[] =>
    findingsIn(searched).flatMap((finding) => (finding.class === wanted ? [finding.rule] : []));
  const inSteps = steps.flatMap((step) => {
    const rules = textsOf(step).flatMap((one) => foundIn(one.text));
    return rules.length > 0 ? [{ id: step.id, rules }] : [];
  });
  const rules = new Set([...inSteps.flatMap((one) => one.rules), ...foundIn(text)]);
  if (rules.size === 0)
    return {
      state: 'passed',
      evidence: `The file "${plan.workflow.name}" was searched, and nothing was found.`,
    };
  return {
    state: 'failed',
    evidence: `Found in the file by ${[...rules].join(', ')}.`,
    steps: inSteps.map(({ id }) => id),
  };
}

function destinationsInside({ steps }: RuleFacts): Verdict {
  const outputs = steps
    .filter(({ type }) => type === 'data_output')
    .map((step) => ({ id: step.id, to: (step.config as ConfigOf<'data_output'>).destination }));
  const outside = outputs.filter(({ to }) => isOutsideWorkspace(to)).map(({ id }) => id);
  if (outside.length > 0)
    return { state: 'failed', evidence: 'A destination is outside the workspace.', steps: outside };
  const remote = outputs.filter(({ to }) => /^s3:\/\//i.test(to)).map(({ id }) => id);
  if (remote.length > 0)
    return {
      state: 'unchecked',
      evidence: 'Whether an S3 bucket is the company’s isn’t in the file.',
      steps: remote,
    };
  return { state: 'passed', evidence: 'Every destination is a file of the workspace.' };
}

/** By its text: a link in the workspace is followed only when a run writes. */
function isOutsideWorkspace(destination: string): boolean {
  if (/^s3:\/\//i.test(destination)) return false;
  const isAbsolute = /^([/\\~]|[a-z][a-z0-9+.-]*:)/i.test(destination);
  return isAbsolute || destination.split(/[/\\]/).includes('..');
}

function s3Place(config: Step['config']): string | null {
  const { source, destination } = config as { source?: string; destination?: string };
  return [source, destination].find((place) => place !== undefined && /^s3:\/\//i.test(place)) ?? null;
}

function withinSla({ plan, estimated, makespanMs }: RuleFacts): Verdict {
  const { slaSeconds } = plan.workflow;
  if (slaSeconds === null) return { state: 'failed', evidence: 'The file agrees on no time.' };
  const seconds = (makespanMs / 1000).toFixed(1);
  if (estimated)
    return {
      state: 'unchecked',
      evidence: `${seconds} s are estimated, ${slaSeconds} s agreed; runs will tell.`,
    };
  return {
    state: makespanMs <= slaSeconds * 1000 ? 'passed' : 'failed',
    evidence: `By the medians of past runs it takes ${seconds} s; ${slaSeconds} s are agreed.`,
  };
}

/** Questions come on top, so passing is no promise; the limit itself is held while a run goes on. */
function withinCostLimit(given: RuleFacts): Verdict {
  const priced = modelSteps(given).map(({ step, name }) => {
    const model = given.facts.modelOf(name);
    const { max_tokens: tokens } = step.config as ConfigOf<'ai_processing'>;
    // USD per million tokens is micro-USD per token.
    return { id: step.id, micro: model ? tokens * model.usdPerMillionOutput : null };
  });
  const unknown = priced.filter(({ micro }) => micro === null).map(({ id }) => id);
  const sum = BigInt(Math.ceil(priced.reduce((total, { micro }) => total + (micro ?? 0), 0)));
  const { costLimit } = given.plan.workflow;
  const evidence = `The longest answers cost USD ${microToUsd(sum)}; cost_limit_usd is ${microToUsd(costLimit)}.`;
  if (sum > costLimit) return { state: 'failed', evidence };
  if (unknown.length > 0)
    return { state: 'unchecked', evidence: 'The price of a model is not known.', steps: unknown };
  return { state: 'passed', evidence };
}

function repeatable({ steps }: RuleFacts): Verdict {
  const outside = steps.filter(({ type }) => changesOutside.has(type));
  const once = outside.filter(({ idempotent }) => !idempotent).map(({ id }) => id);
  return once.length === 0
    ? { state: 'passed', evidence: 'Every step that changes something outside can run twice without harm.' }
    : {
        state: 'failed',
        evidence: 'A step that changes something outside can’t be repeated without harm.',
        steps: once,
      };
}

function kept({ facts }: RuleFacts, days: number): Verdict {
  const { retentionDays } = facts.policy;
  return {
    state: retentionDays >= days ? 'passed' : 'failed',
    evidence: `audit.retention_days is ${retentionDays}; ${days} are needed.`,
  };
}
