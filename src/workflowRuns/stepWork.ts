import * as z from 'zod';
import { dataBlock } from '../content/dataBlock.ts';
import { isJsonObject } from '../content/messages.ts';
import { GatewayError } from '../errors.ts';
import type { ApprovalRequest, FlowAgreementManager } from '../flow/flowAgreementManager.ts';
import { notMatched } from '../flow/notMatched.ts';
import type { CallOrigin } from '../gateways/callOrigin.ts';
import type { AnswerEvent, LlmRequest, ModelCalls } from '../gateways/modelCalls.ts';
import { shortfallOf } from '../gateways/shortfall.ts';
import type { SearchedFolder } from '../retrieval/workspaceFiles.ts';
import { searchWorkspace } from '../retrieval/workspaceSearch.ts';
import { referencesIn, textOf } from '../workflow/references.ts';
import type { ConfigOf, DataFormat } from '../workflow/stepConfig.ts';
import { takesDependencies } from '../workflow/uses.ts';
import type { Step } from '../workflow/workflow.ts';
import { localName } from '../workflow/workflowDocument.ts';
import { readData, writeData, type DataPlaces } from './dataFiles.ts';
import type { StepValues } from './stepValues.ts';
import { transformed } from './transform.ts';

/** What the work of steps needs of the program. */
export interface StepServices {
  calls: () => ModelCalls;
  agreements: Pick<FlowAgreementManager, 'parseCommand' | 'executeAgreement'>;
  defaultModel: string;
  places: DataPlaces;
  folders: readonly SearchedFolder[];
}

/** A run, as its steps see it. */
export interface StepRun {
  runId: string;
  /** Name of the workflow. */
  workflow: string;
  /** What its calls are for; undefined if the workflow doesn't say. */
  useClass: string | undefined;
  /** What joins a call to the run, and holds its money. */
  flow: NonNullable<LlmRequest['flow']>;
  user: string;
  reason: string;
  origin: CallOrigin;
  trusted: boolean;
  ids: ReadonlySet<string>;
  values: StepValues;
  signal: AbortSignal;
  /** Shows a command line of an agreement to a person; without it no command runs. */
  approve?: (request: ApprovalRequest) => Promise<boolean>;
  /** Told of a complete answer before its call is settled; throws if it can't be kept. */
  onAnswer: (step: string, text: string) => void;
  /** Told that an agreement runs under an id of its own. */
  onAgreement: (step: string, runId: string) => void;
  onWarning: (message: string) => void;
}

/** What the work of a step came to. */
export interface StepResult {
  value: unknown;
  attempts: number;
  cached: boolean;
  /** Micro-USD. */
  cost: bigint;
}

/** The work of a step that failed, with what was spent on it. */
export class StepFailed extends Error {
  readonly error: GatewayError;
  readonly attempts: number;
  readonly cost: bigint;

  constructor(error: GatewayError, { attempts, cost }: { attempts: number; cost: bigint }) {
    super(error.message, { cause: error });
    this.error = error;
    this.attempts = attempts;
    this.cost = cost;
  }
}

/** Does the work of one step. Throws `GatewayError` or `StepFailed`; the signal's reason once it aborts. */
export async function workOf(step: Step, run: StepRun, services: StepServices): Promise<StepResult> {
  const without = (value: unknown): StepResult => ({ value, attempts: 1, cached: false, cost: 0n });
  run.signal.throwIfAborted();
  switch (step.type) {
    case 'data_input': {
      const { source, format } = step.config as ConfigOf<'data_input'>;
      const place = { source: placeIn(step, source, run), format };
      return without(await readData(place, services.places, run.signal));
    }
    case 'transform':
      return without(transformed(step, run.values));
    case 'retrieve':
      return without(await retrieved(step, run, services));
    case 'data_output':
      return without(await written(step, run, services));
    case 'ai_processing':
      return asked(step, run, services);
    case 'flow':
      return agreed(step, run, services);
    case 'nested':
      return without(null);
  }
}

/** A complete answer as the value of its step: a text, or by its schema. Throws `answer_invalid`. */
export function answerValue({ id, config }: Step, text: string): unknown {
  const { schema } = config as ConfigOf<'ai_processing'>;
  if (!schema) return text;
  const invalid = (why: string): GatewayError =>
    new GatewayError('answer_invalid', `Step "${id}": the answer ${why}.`, {
      hint: 'Raise max_tokens if it was cut off, make the schema simpler, or use another model.',
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('is not JSON');
  }
  const { error } = z.fromJSONSchema(schema).safeParse(value);
  if (error) {
    const [issue] = error.issues;
    const place = issue && issue.path.length > 0 ? ` at ${issue.path.join('.')}` : '';
    throw invalid(`doesn’t fit the schema${place}`);
  }
  return value;
}

/** A governed call. Its answer is kept as soon as it is complete. */
async function asked(step: Step, run: StepRun, { calls, defaultModel }: StepServices): Promise<StepResult> {
  const request = requestOf(step, run, defaultModel);
  let text = '';
  let stopReason: string | null = null;
  let notKept: unknown = null;
  const onEvent = (event: AnswerEvent): void => {
    if (event.type === 'text') text += event.text;
    if (event.type !== 'stop') return;
    stopReason = event.reason;
    // The call goes on whatever happens here: what it used, and so its exact cost, is only said after the answer.
    try {
      // What can't be used isn't kept: it would be used when the run is resumed.
      requireAnswer(step, stopReason, text);
      answerValue(step, text);
      run.onAnswer(step.id, text);
    } catch (error) {
      notKept = error;
    }
  };
  const response = await calls().execute(request, { signal: run.signal, onEvent });
  const { attempts, cost, cacheHit } = response;
  const error = response.error ?? notKept;
  if (GatewayError.is(error)) throw new StepFailed(error, { attempts, cost });
  if (error !== null) throw error as Error;
  const shortfall = shortfallOf(stopReason, text);
  if (shortfall) {
    const hint = shortfall.kind === 'cut' ? 'Raise its max_tokens.' : shortfall.hint;
    run.onWarning(`Step "${step.id}": ${shortfall.message} ${hint}`);
  }
  return { value: answerValue(step, text), attempts, cached: cacheHit, cost };
}

/** Throws `answer_invalid` for what is no answer of the model, so that no step works on it. */
function requireAnswer({ id }: Step, stopReason: string | null, text: string): void {
  const shortfall = shortfallOf(stopReason, text);
  if (!shortfall || (shortfall.kind === 'cut' && text.trim() !== '') || shortfall.kind === 'unknown') return;
  throw new GatewayError('answer_invalid', `Step "${id}": ${shortfall.message}`, { hint: shortfall.hint });
}

function requestOf(step: Step, run: StepRun, defaultModel: string): LlmRequest {
  const config = step.config as ConfigOf<'ai_processing'>;
  const { prompt, system, model, schema, cache } = config;
  const { user, reason, origin, flow, runId, useClass } = run;
  if (schema && !isJsonObject(schema)) throw new TypeError('A schema of a workflow is JSON.');
  return {
    prompt: promptOf(step, prompt ?? localName(step.id), run),
    ...(system !== undefined && { system: textIn(step, system, run) }),
    modelId: model === undefined ? defaultModel : textIn(step, model, run),
    maxTokens: config.max_tokens,
    temperature: config.temperature,
    ...(schema && { outputSchema: { schema } }),
    ...(cache !== undefined && { cache }),
    ...(useClass !== undefined && { useClass }),
    userId: user,
    auditReason: reason,
    origin,
    flow,
    workflow: { runId, step: step.id },
  };
}

/** What a step asks, as far as it is known before the run; null if its model isn't. */
export function knownRequest(
  step: Step,
  { defaultModel, useClass }: { defaultModel: string; useClass: string | undefined },
): LlmRequest | null {
  const {
    prompt,
    system,
    model = defaultModel,
    max_tokens: maxTokens,
  } = step.config as ConfigOf<'ai_processing'>;
  if (referencesIn(model).length > 0) return null;
  return {
    prompt: prompt ?? localName(step.id),
    ...(system !== undefined && { system }),
    modelId: model,
    maxTokens,
    ...(useClass !== undefined && { useClass }),
  };
}

/** The filled prompt. One that names no step comes after the results of those it depends on, as data. */
function promptOf(step: Step, prompt: string, run: StepRun): string {
  const filled = textIn(step, prompt, run);
  if (!takesDependencies(step, run.ids)) return filled;
  const results = run.values.worksOn(step);
  if (results.length === 0) return filled;
  const parts = results.map(({ id, value }) => ({ attributes: { step: id }, text: textOf(value) }));
  return `${dataBlock('result', parts)}\n\n${filled}`;
}

async function retrieved(step: Step, run: StepRun, { folders }: StepServices): Promise<unknown> {
  const { query, limit } = step.config as ConfigOf<'retrieve'>;
  if (folders.length === 0)
    throw new GatewayError('invalid_request', `Step "${step.id}" has nothing to search: no folder is open.`, {
      hint: 'Open the folder of a project, or run the command in one.',
    });
  const found = await searchWorkspace(folders, textIn(step, query, run), limit, { signal: run.signal });
  return found.map(({ path, firstLine, lastLine, text }) => ({
    path,
    first_line: firstLine,
    last_line: lastLine,
    text,
  }));
}

async function written(step: Step, run: StepRun, { places }: StepServices): Promise<unknown> {
  const { destination, format, from } = step.config as ConfigOf<'data_output'>;
  const value = from === undefined ? run.values.workedOn(step) : run.values.filled(step, from);
  const place = {
    destination: placeIn(step, destination, run),
    format,
    named: `${run.workflow.replace(/[^\p{L}\p{N}._-]+/gu, '_')}${endingFor(value, format)}`,
  };
  return writeData(place, value, places, run.signal);
}

function endingFor(value: unknown, format: DataFormat | undefined): string {
  if (format === 'csv') return '.csv';
  if (format === 'lines') return '.jsonl';
  return format === 'json' || (format === undefined && typeof value !== 'string') ? '.json' : '.txt';
}

/** Runs an agreement, which holds its own money; the result is its report. */
async function agreed(step: Step, run: StepRun, { agreements }: StepServices): Promise<StepResult> {
  const { command } = step.config as ConfigOf<'flow'>;
  // Which agreement runs is in the file alone: only its parameters may come from results.
  const match = await agreements.parseCommand(command);
  if (!match.agreement) throw notMatched(command, match);
  if (match.agreement.workflow) throw runsWorkflow(step.id, match.agreement.trigger);
  const parameters = Object.entries(match.parameters).map(([name, value]) => [
    name,
    run.values.filled(step, value),
  ]);
  const { origin, signal, trusted, approve } = run;
  const { error, report, cost, calls } = await agreements.executeAgreement(match.agreement, {
    parameters: Object.fromEntries(parameters) as Record<string, unknown>,
    confidence: match.confidence,
    origin,
    signal,
    trusted,
    onStart: (runId) => run.onAgreement(step.id, runId),
    ...(approve && { approve }),
  });
  if (error) throw new StepFailed(error, { attempts: calls, cost });
  return { value: report, attempts: calls, cached: false, cost };
}

/** Workflows run no workflows through agreements: one could run itself. */
export function runsWorkflow(step: string, trigger: string): GatewayError {
  return new GatewayError('invalid_request', `Step "${step}" names ${trigger}, which runs a workflow.`, {
    hint: 'Put the steps of that workflow into this one, as nested steps.',
  });
}

/** A place to read or write: its references are filled in. */
function placeIn(step: Step, place: string, run: StepRun): string {
  const filled = textIn(step, place, run).trim();
  if (filled !== '' && !/\p{Cc}/u.test(filled)) return filled;
  throw new GatewayError('invalid_request', `Step "${step.id}" names no place.`, {
    hint: 'Give the path of a file in the workspace, or s3://bucket/key.',
  });
}

function textIn(step: Step, template: string, { values }: StepRun): string {
  return textOf(values.filled(step, template));
}
