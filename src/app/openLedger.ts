import { statSync } from 'node:fs';
import { FileAnchor } from '../adapters/fileAnchor.ts';
import { GitNoteAnchor } from '../adapters/gitNoteAnchor.ts';
import type { ConversationFiles } from '../chat/conversationFiles.ts';
import type { ContentStore } from '../content/contentStore.ts';
import type { ComposeOptions } from '../core/core.ts';
import type { ReportStore } from '../flow/reportStore.ts';
import type { CallTracker, EndedRun, ModelBackend } from '../gateways/ports.ts';
import { Anchoring, type Anchor } from '../ledger/anchors.ts';
import type { CapOf } from '../ledger/capSettings.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { OrphanedRun } from '../ledger/ledgerOptions.ts';
import type { LedgerLocation } from '../ledger/readJournal.ts';
import { signingKeyFile } from '../ledger/signingKey.ts';
import { microToUsd } from '../pricing/cost.ts';
import type { LoadedSettings } from '../settings/loadSettings.ts';
import { statePlaces } from '../statePlaces.ts';
import { namedSettings } from './warnings.ts';
import type { RunFiles } from '../workflowRuns/runFiles.ts';

/** Timeout for asking for the time. */
const clockTimeoutMs = 5_000;

interface LedgerParts {
  options: ComposeOptions;
  loaded: LoadedSettings;
  /** The folder of this account's state. */
  state: string;
  backend: ModelBackend;
  user: string;
  capOf: CapOf;
  content: ContentStore;
  reports: ReportStore;
  conversations: ConversationFiles;
  tracker: Pick<CallTracker, 'run'>;
  workflowRuns: RunFiles;
}

/** The ledger in the state folder, live or simulated, and its anchors. */
export function openLedger(parts: LedgerParts) {
  const { options, loaded, state, backend, user, capOf, content, reports, tracker } = parts;
  const { conversations, workflowRuns } = parts;
  const { audit, budget } = loaded.settings;
  const mode = backend.simulated ? 'simulated' : 'live';
  const journal = {
    directory: statePlaces.ledger(state, mode),
    mode,
    // The simulated ledger is a separate one, without value.
    pinnedKey: backend.simulated ? null : audit.pinned_key,
  } satisfies LedgerLocation;
  const ledger: Ledger = new Ledger({
    ...journal,
    user,
    timeZone: budget.timezone,
    capOf,
    signingKeys: signingKeyFile(state, options.olderSigningKeys),
    retentionDays: audit.retention_days,
    minReasonLength: audit.min_reason_length,
    overrides: [
      ...namedSettings(options, loaded),
      ...loaded.loosened.map(({ name, value }) => `${name}=${value}`),
    ],
    compareAnchors: () => anchoring.compareOnce(),
    clockOffset: async () => {
      const { clockOffsetMs = null } = await backend.checkHealth(AbortSignal.timeout(clockTimeoutMs));
      return clockOffsetMs;
    },
    onOrphanedRuns: (runs) => {
      for (const run of runs) tracker.run(killedRun(run));
    },
    onRetention: (day) => {
      // What can't be deleted now is deleted with the next segment.
      content.removeBefore(day).catch(() => undefined);
      reports.removeBefore(day).catch(() => undefined);
      conversations.removeBefore(day).catch(() => undefined);
      workflowRuns.removeBefore(day).catch(() => undefined);
    },
  });
  const { file, git, every_records: everyRecords, every_minutes: everyMinutes } = audit.anchor;
  const anchors = [...(file ? [new FileAnchor(file)] : []), ...(git ? [new GitNoteAnchor(git)] : [])];
  const anchoring = new Anchoring(ledger, journal, backend.simulated ? [] : anchors, {
    everyRecords,
    everyMinutes,
  });
  anchoring.start();
  return { ledger, journal, anchoring };
}

/** A run whose process is gone, as tracking shows it. */
function killedRun({ runId, agreement, calls, spent }: OrphanedRun): EndedRun {
  return {
    kind: 'flow',
    id: runId,
    name: agreement,
    startedAt: new Date().toISOString(),
    failed: true,
    killed: true,
    parameters: { agreement, outcome: 'orphaned' },
    metrics: { calls, cost_usd: Number(microToUsd(spent)) },
  };
}

/** The anchor at a path: the notes of a repository's folder, otherwise a file. */
export function anchorAt(path: string): Anchor {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory()
    ? new GitNoteAnchor(path)
    : new FileAnchor(path);
}
