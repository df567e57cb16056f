import { readFile } from 'node:fs/promises';
import { test } from 'vitest';
import { runHostTests } from '../workbench/harness/hostTests.ts';

const starts = 10;
/** Everything configured; that nothing answers there must not matter. */
const environment = {
  ...{ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'us-east-1' },
  ...{ AWS_ENDPOINT_URL: 'http://127.0.0.1:9', TIDYLLM_S3_BUCKET: 'audit' },
  ...{ PGHOST: '127.0.0.1', PGPORT: '9', MLFLOW_TRACKING_URI: 'http://127.0.0.1:9' },
};

interface Activation {
  loadMs: number;
  activateMs: number;
}

test(`activation inside the extension host, ${starts} fresh starts`, { timeout: 600_000 }, async () => {
  const measured: Activation[] = [];
  for (let start = 0; start < starts; start += 1) {
    await runHostTests(environment);
    measured.push(JSON.parse(await readFile('test-results/activation.json', 'utf8')) as Activation);
  }
  const row = (name: string, pick: (activation: Activation) => number): string => {
    const sorted = measured.map(pick).toSorted((a, b) => a - b);
    return `${name.padEnd(28)} median ${sorted[starts / 2]} ms, ${sorted[0]} to ${sorted.at(-1)} ms`;
  };
  console.log(
    [
      row('loading the code', ({ loadMs }) => loadMs),
      row('activate()', ({ activateMs }) => activateMs),
      row('both', ({ loadMs, activateMs }) => loadMs + activateMs),
    ].join('\n'),
  );
});
