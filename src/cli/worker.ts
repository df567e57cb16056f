import type { Core } from '../core/core.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import { visibleLine } from '../visibleText.ts';
import { WorkflowWorker } from '../workflowWorkers/workflowWorker.ts';
import { stopSignal } from './stopSignal.ts';
import { note, printJson, type Terminal } from './terminal.ts';

/** `tidyllm worker`: makes calls of other machines' workflows until it is interrupted; what runs then is ended first. */
export async function worker(core: Core, terminal: Terminal): Promise<number> {
  if (core.simulatedBecause !== null) note(terminal, `SIMULATED: ${core.simulatedBecause}`);
  core.workflows.requireShareable();
  const stop = stopSignal();
  let calls = 0;
  let cost = 0n;
  const running = await WorkflowWorker.start({
    database: await core.teamDatabase(),
    workflows: core.workflows,
    simulated: core.backend.simulated,
    slots: core.loaded.settings.ai.concurrency,
    onCall: ({ workflow, step }, answer) => {
      calls += 1;
      cost += BigInt(answer.cost);
      const end = answer.lost ? 'given back' : (answer.error?.code ?? 'answered');
      note(terminal, visibleLine(`${workflow} · ${step}: ${end} · ${formatUsd(BigInt(answer.cost))}`));
    },
  });
  note(terminal, 'Waiting for calls of workflows; interrupt to stop.');
  const ending = (): void => {
    if (running.underWay === 0) return;
    stopSignal().signal.addEventListener('abort', () => running.giveBack());
    note(terminal, `Ending ${running.underWay} call(s); interrupt again to give them back.`);
  };
  stop.signal.addEventListener('abort', ending);
  await running.ended(stop.signal).finally(stop.dispose);
  if (terminal.json) printJson({ calls, cost_usd: microToUsd(cost) });
  else note(terminal, `${calls} call(s) made · ${formatUsd(cost)}`);
  return 0;
}
