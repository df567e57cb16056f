import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { queueOf } from '../../src/workflowWorkers/sharedDatabase.ts';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllmJson } from './commandLine.ts';
import type { Server } from './servers.ts';
import { temporaryFolder } from './temporary.ts';
import { recordsIn } from './workflowRuns.ts';
import { chargesByStep, ledgerOf, linesOfRun, query, teamEnvironment, type WorkerGroup } from './workers.ts';

/** Steps of a layer. */
export const width = 8;
export const reason = ['--reason', 'JIRA-1 fault test'];

/** Two layers of calls, and one that takes the results of all of the second. */
const layers = Array.from({ length: width }, (_item, at) => [
  `  - { id: a${at}, type: ai_processing, config: { prompt: "Task a${at}", max_tokens: 40 } }`,
  `  - { id: b${at}, type: ai_processing, depends_on: [a${at}], config: { prompt: "Task b${at} on {{a${at}}}", max_tokens: 40 } }`,
]);
const lastOnes = Array.from({ length: width }, (_item, at) => `b${at}`).join(', ');
export const workflow = `name: Shared
cost_limit_usd: 5
steps:
${layers.flat().join('\n')}
  - { id: all, type: ai_processing, depends_on: [${lastOnes}], config: { prompt: "All", max_tokens: 40 } }
`;
export const steps = 2 * width + 1;

/** A model's stand-in, a database, and a home in which runs are started. */
export interface Team {
  database: Server;
  standIn: BedrockStandIn;
  environment: Record<string, string>;
  home: string;
  file: (name: string, text: string) => string;
}

export async function teamOn(database: Server): Promise<Team> {
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  standIn.behave = () => ({ firstTokenDelayMs: 60, delayMs: 120 });
  const home = temporaryFolder();
  return {
    database,
    standIn,
    environment: teamEnvironment(standIn.url, database.port),
    home,
    file: (name, text) => {
      writeFileSync(join(home, name), text);
      return join(home, name);
    },
  };
}

/** What the same workflow comes to without other machines. */
export async function localOutputs({ environment, file }: Team): Promise<unknown> {
  const home = temporaryFolder();
  const options = { environment: { ...environment, TIDYLLM_HOME: home }, cwd: home };
  const run = ['workflow', 'run', file('workflow.yaml', workflow), ...reason];
  const { document } = await tidyllmJson(run, options);
  expect(document).toMatchObject({ status: 'success' });
  return document['outputs'];
}

export interface Counted {
  requests: number;
  /** Calls that were made again. */
  lost: number;
  /** Calls that count with the most that they can cost. */
  bounded: number;
}

/** All ledgers together have what the run says that it cost. */
export async function exactCosts(
  { home }: Team,
  homes: readonly string[],
  document: Record<string, unknown>,
): Promise<Counted> {
  const runId = document['run_id'] as string;
  const lines = await linesOfRun(home, runId);
  const returned = new Map(
    lines.flatMap((line) => (line.kind === 'returned' ? [[line.call, BigInt(line.cost)]] : [])),
  );
  const charges = (
    await Promise.all(homes.map(async (one) => chargesByStep(await recordsIn(ledgerOf(one)), runId)))
  ).flat();
  const counted = { requests: charges.length, lost: 0, bounded: 0 };
  let cost = 0n;
  for (const { id, cost_usd: stepCost } of document['steps'] as { id: string; cost_usd: string }[]) {
    const sent = lines.filter((line) => line.kind === 'sent').filter(({ step }) => step === id);
    const said = sent.reduce((sum, { call }) => sum + (returned.get(call) ?? 0n), 0n);
    expect(sent.every(({ call }) => returned.has(call))).toBe(true);
    expect(microOf(stepCost), id).toBe(said);
    const of = charges.filter(({ step }) => step === id);
    const charged = of.reduce((sum, one) => sum + one.cost, 0n);
    // What a dead worker's ledger has isn't known elsewhere: such a call counts with the most that it can cost.
    const unknown = sent.filter(({ call, most }) => returned.get(call) === BigInt(most));
    const mostUnknown = unknown.reduce((sum, { most }) => sum + BigInt(most), 0n);
    expect(charged, id).toBeLessThanOrEqual(said);
    expect(charged, id).toBeGreaterThanOrEqual(said - mostUnknown);
    // An answer that is complete is paid once.
    expect(of.filter(({ answered }) => answered).length, id).toBeLessThanOrEqual(1);
    cost += said;
    counted.lost += sent.length - 1;
    counted.bounded += unknown.length;
  }
  expect(microOf(document['cost_usd'] as string)).toBe(cost);
  return counted;
}

/** Nothing is held by any ledger. */
export async function nothingHeld({ environment }: Team, homes: readonly string[]): Promise<void> {
  for (const one of homes) {
    const options = { environment: { ...environment, TIDYLLM_HOME: one }, cwd: one };
    expect((await tidyllmJson(['budget'], options)).document).toMatchObject({ reserved_usd: '0' });
  }
}

/** Workers have ended: nothing is held, and nothing is left in the database. */
export async function nothingLeft(one: Team, workers: WorkerGroup): Promise<void> {
  await nothingHeld(one, [...workers.homes, one.home]);
  expect(await query(one.database.port, 'select call from tidyllm.calls')).toEqual([]);
  // What a dead worker had begun waits for the next worker, with nothing but its id.
  const { name } = queueOf({ simulated: false });
  const entries = `select workflow_uuid from dbos.workflow_status where queue_name = '${name}' and status <> 'PENDING'`;
  expect(await query(one.database.port, entries)).toEqual([]);
}

function microOf(usd: string): bigint {
  const [whole = '', part = ''] = usd.split('.');
  return BigInt(whole + part.padEnd(6, '0'));
}

/** Resolves when the stand-in has been asked so often, and a while later. */
export async function asked({ standIn }: Team, calls: number, delayMs: number): Promise<void> {
  while (standIn.calls.length < calls) await delay(1);
  await delay(delayMs);
}
