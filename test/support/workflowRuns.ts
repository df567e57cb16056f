import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ComposeOptions } from '../../src/core/core.ts';
import { readRecords } from '../../src/ledger/readJournal.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import type { LedgerRecord } from '../../src/ledger/records.ts';
import type { ResumeRequest, RunRequest, RunResult } from '../../src/workflowRuns/workflowOptimizer.ts';
import type { StepView } from '../../src/workflowRuns/runView.ts';
import type { SeenCall } from '../standIn/bedrockStandIn.ts';
import { gatewayOnStandIn, type TestGateway } from './gateways.ts';
import { temporaryFolder } from './temporary.ts';

/** A workspace with a core whose results are kept, and a way to run workflows in it. */
export interface WorkflowBench extends TestGateway {
  folder: string;
  /** Writes a file of the workspace, and returns its path. */
  file: (name: string, content: string | Buffer) => string;
  run: (text: string, options?: Partial<RunRequest>) => Promise<RunResult>;
  resume: (runId: string, options?: Partial<ResumeRequest>) => Promise<RunResult>;
  records: () => Promise<LedgerRecord[]>;
  /** The prompts that reached the stand-in, in order. */
  prompts: () => string[];
}

/** Runs workflows in-process, on a stand-in of Bedrock. */
export async function workflowBench(
  environment: Record<string, string> = {},
  options: Partial<ComposeOptions> = {},
): Promise<WorkflowBench> {
  const folder = temporaryFolder();
  const gateway = await gatewayOnStandIn(
    { TIDYLLM_AUDIT_CONTENT: 'full', ...environment },
    { folders: [folder], ...options },
  );
  const { core, standIn } = gateway;
  const asked = { origin: { door: 'cli', folder, branch: null }, trusted: true };
  return {
    ...gateway,
    folder,
    file: (name, content) => {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      return path;
    },
    run: (text, given = {}) =>
      core.workflows.run({
        ...asked,
        file: join(folder, 'workflow.yaml'),
        text,
        reason: 'JIRA-1 test of workflows',
        ...given,
      }),
    resume: (runId, given = {}) => core.workflows.resume(runId, { ...asked, ...given }),
    records: () => recordsIn(core.journal.directory),
    prompts: () => standIn.calls.map(({ body }) => promptIn(body)),
  };
}

export async function recordsIn(directory: string): Promise<LedgerRecord[]> {
  if (!(await verifyLedger({ directory, mode: null })).ok) throw new Error('The ledger doesn’t verify.');
  const records: LedgerRecord[] = [];
  for await (const { record } of readRecords(directory)) records.push(record);
  return records;
}

/** The text of a request's last message. */
function promptIn({ messages = [] }: SeenCall['body']): string {
  return (messages.at(-1)?.content ?? []).map(({ text = '' }) => text).join('');
}

export function stepOf({ view }: RunResult, id: string): StepView {
  const step = view.steps.find((one) => one.id === id);
  if (!step) throw new Error(`no step ${id}`);
  return step;
}

export function statusesOf({ view }: RunResult): Record<string, string> {
  return Object.fromEntries(view.steps.map(({ id, status }) => [id, status]));
}
