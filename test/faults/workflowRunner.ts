/**
 * A process that runs the workflow in FILE, or goes on with the run RUN, until it is done or killed. Prints `run ID`, a line
 * for each step that begins or ends, and `done STATUS`.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { compose } from '../../src/app/compose.ts';
import type { RunOptions } from '../../src/workflowRuns/runView.ts';

const file = process.env['FILE'] ?? '';
const folder = dirname(file);
const core = await compose({ environment: process.env, user: 'ada', folders: [folder] });
const options: RunOptions = {
  origin: { door: 'cli', folder, branch: null },
  trusted: true,
  onEvent: (event) => {
    if (event.type === 'run_started') process.stdout.write(`run ${event.runId}\n`);
    if (event.type === 'step_started' || event.type === 'step_ended')
      process.stdout.write(`${event.type} ${event.step}\n`);
  },
};
const { RUN: run } = process.env;
const { view } = await (run === undefined
  ? core.workflows.run({
      ...options,
      file,
      text: readFileSync(file, 'utf8'),
      reason: 'JIRA-1 fault test',
    })
  : core.workflows.resume(run, options));
await core.dispose();
process.stdout.write(`done ${view.status}\n`);
