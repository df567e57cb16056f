import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gatewayOnStandIn, type TestGateway } from '../../support/gateways.ts';
import { recordsOf } from '../../support/records.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const workflow = `name: Monthly
inputs: { month: null }
cost_limit_usd: "0.5"
steps:
  - { id: text, type: transform, config: { template: "Month {{inputs.month}}" } }
  - { id: asked, type: ai_processing, depends_on: [text], config: { prompt: "Say {{text}}. @stand-in:text=Done.", max_tokens: 20 } }
`;
const agreement = `agreements:
  - trigger: "[Monthly]"
    flow_encoding: "@report#month!run@orders"
    expanded_meaning: Runs the monthly workflow.
    action: monthly
    real_implementation: workflow
    workflow: { file: .tidyllm/workflows/monthly.yaml }
    parameters: { month: {} }
    cost_limit_usd: "0.5"
`;

/** A workspace with an agreement that runs a workflow. */
async function bench(
  texts: { agreement?: string; workflow?: string; environment?: Record<string, string> } = {},
): Promise<
  TestGateway & { run: (trusted?: boolean) => ReturnType<TestGateway['core']['flow']['executeFlowCommand']> }
> {
  const folder = temporaryFolder();
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  write('.tidyllm/flow.yaml', texts.agreement ?? agreement);
  write('.tidyllm/workflows/monthly.yaml', texts.workflow ?? workflow);
  const gateway = await gatewayOnStandIn(texts.environment ?? {}, { folders: [folder] });
  const origin = { door: 'cli', folder, branch: null };
  return {
    ...gateway,
    run: (trusted = true) => gateway.core.flow.executeFlowCommand('[Monthly] month=11', { origin, trusted }),
  };
}

describe('an agreement that runs a workflow', () => {
  it('gives its parameters as inputs, and reports the steps; the workflow holds its own money', async () => {
    const { core, run, standIn } = await bench();
    const { error, report } = await run();
    expect(error).toBeNull();
    expect(report?.summary).toMatch(/^2 of 2 steps succeeded, for \$/);
    expect(report?.sections[0]?.table?.rows.map(([id, state]) => [id, state])).toEqual([
      ['text', 'success'],
      ['asked', 'success'],
    ]);
    expect(JSON.stringify(standIn.calls[0]?.body)).toContain('Say Month 11.');
    const starts = await recordsOf(core, 'flow_start');
    expect(starts.map(({ agreement: id }) => id)).toEqual(['monthly', 'workflow_monthly']);
    expect(starts[1]?.reason).toBe('[Monthly] Runs the monthly workflow.');
    expect((await core.budget()).reserved).toBe(0n);
  });

  it('may cost what the agreement may, which is said before', async () => {
    const { core, run } = await bench({ workflow: workflow.replace('0.5', '0.6') });
    expect(await core.flow.worstCase(await core.flow.agreement('monthly'), { month: '11' })).toBe(500_000n);
    expect((await run()).error).toMatchObject({ code: 'cost_limit_exceeded' });
  });

  it('runs in a trusted workspace only, and not where agreements in workflows are off', async () => {
    expect((await (await bench()).run(false)).error).toMatchObject({ code: 'flow_not_approved' });
    const off = await bench({ environment: { TIDYLLM_WORKFLOW_ENABLE_FLOW_AGREEMENTS: 'false' } });
    expect((await off.run()).error?.message).toBe('Agreements run no workflows here.');
    expect(off.standIn.calls).toEqual([]);
  });

  it('is no step of a workflow, which could run itself', async () => {
    const itself = `name: Monthly\nsteps:\n  - { id: again, type: flow, config: { command: "[Monthly] month=1" } }\n`;
    const { run, standIn } = await bench({
      workflow: itself.replace('steps:', 'cost_limit_usd: "0.5"\ninputs: { month: 1 }\nsteps:'),
    });
    expect((await run()).error?.message).toContain('which runs a workflow');
    expect(standIn.calls).toEqual([]);
  });

  it('reads no file outside of the workspace', async () => {
    const { run } = await bench({
      agreement: agreement.replace('.tidyllm/workflows/monthly.yaml', '../monthly.yaml'),
    });
    expect((await run()).error?.message).toMatch(/outside of the workspace/);
  });
});
