import { endingOf, endOfRun } from './drafts.ts';
import type { OpenRun } from './budgetFold.ts';
import type { EndRunInput } from './contract.ts';
import type { LedgerState } from './ledgerState.ts';
import type { RecordDraft } from './records.ts';

/** The processes that hold calls and runs. */
export interface Liveness {
  /** This process. */
  instance: string;
  /** Whether a call or run of this process is open, or its ending is not written yet. */
  isKnown: (id: string) => boolean;
  /** Whether another process has ended. */
  isGone: (instance: string) => boolean;
}

/** The records missing after a torn write, and the endings of orphaned calls. */
export function recoveryDrafts({ fold }: LedgerState, liveness: Liveness): RecordDraft[] {
  const overruns = [...fold.unrecordedOverruns.values()].map(
    ({ call_id, day, reserved_micro_usd, cost_micro_usd }): RecordDraft => ({
      kind: 'OVERRUN',
      call_id,
      day,
      reserved_micro_usd,
      cost_micro_usd,
    }),
  );
  const endings = orphans(fold.open, liveness).map((call): RecordDraft => {
    const ending = { ...endingOf(call), outcome: 'orphaned' as const };
    const own = call.instance === liveness.instance;
    // An own reservation without acknowledgement was never handed to a back-end.
    return call.dispatched && !own
      ? {
          ...ending,
          kind: 'EXPIRED_CHARGED',
          cost_micro_usd: call.reserved.toString(),
          estimated: true,
        }
      : { ...ending, kind: 'VOID', processing_time_ms: 0, error_code: null };
  });
  return [...overruns, ...endings];
}

/** Orphaned runs. Their cost is known once their calls have ended. */
export function orphanedRuns({ fold }: LedgerState, liveness: Liveness): OpenRun[] {
  return orphans(fold.runs, liveness);
}

/** The ending of an orphaned run. */
export function endOfOrphan(run: OpenRun): RecordDraft {
  return { ...unknownEnd, ...endOfRun(run) };
}

/** What is open although its process is gone, or this process was never told that it is open. */
function orphans<Open extends { instance: string }>(
  open: ReadonlyMap<string, Open>,
  { instance: own, isKnown, isGone }: Liveness,
): Open[] {
  const dead = new Map<string, boolean>();
  const isOrphan = (id: string, { instance }: Open): boolean => {
    if (instance === own) return !isKnown(id);
    const gone = dead.get(instance) ?? isGone(instance);
    dead.set(instance, gone);
    return gone;
  };
  return [...open].filter(([id, one]) => isOrphan(id, one)).map(([, one]) => one);
}

/** Of a run whose process is gone. */
const unknownEnd: EndRunInput = {
  execution_mode: 'failed',
  outcome: 'orphaned',
  error_code: null,
  fallback: null,
  fallback_outcome: null,
  validated_by: [],
  duration_ms: 0,
  summary: null,
  problems: 0,
  warnings: 0,
  report_sha256: null,
};
