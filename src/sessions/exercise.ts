import { GatewayError } from '../errors.ts';
import type { Exercise, ExercisedStep } from '../gateways/services.ts';
import { unlessAborted } from './check.ts';

/** The time limit of the clean-up, also after a cancel. */
export const cleanUpTimeoutMs = 5_000;
const stepTimeoutMs = 15_000;

/** Runs and times one step and returns its result; `evidence` says what was seen. */
export type Step = <T>(
  name: string,
  work: (signal: AbortSignal) => Promise<T>,
  evidence: (result: T) => string,
) => Promise<T>;

/** Runs steps until one fails; their errors become the service's failure. Throws the signal's reason. */
export async function exercise(
  signal: AbortSignal,
  work: (step: Step) => Promise<void>,
  explain: (error: unknown) => GatewayError,
): Promise<Exercise> {
  const steps: ExercisedStep[] = [];
  let underWay: string | null = null;
  const step: Step = async (name, act, evidence) => {
    underWay = name;
    const startedAt = performance.now();
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(stepTimeoutMs)]);
    const result = await unlessAborted(act(inTime), inTime);
    steps.push({ step: name, ms: performance.now() - startedAt, evidence: evidence(result) });
    return result;
  };
  try {
    await work(step);
    return { state: 'passed', steps, failedStep: null, error: null, evidence: '' };
  } catch (thrown) {
    signal.throwIfAborted();
    const error = GatewayError.is(thrown) ? thrown : explain(thrown);
    return { state: 'failed', steps, failedStep: underWay, error, evidence: '' };
  }
}

/** A service that isn't configured. */
export function nothingToExercise(evidence: string): Exercise {
  return { state: 'not_configured', steps: [], failedStep: null, error: null, evidence };
}
