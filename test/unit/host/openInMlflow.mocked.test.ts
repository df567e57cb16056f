import { expect, it, vi } from 'vitest';
import { openInMlflow } from '../../../src/host/openInMlflow.ts';

const opened = vi.hoisted(() => [] as unknown[]);
vi.mock('vscode', async () => {
  const { fakeVscode: fake } = await import('../../support/vscode.ts');
  return { ...fake, env: { ...fake.env, openExternal: (address: unknown) => opened.push(address) } };
});

it('the browser gets the address as MLflow reads it, with nothing of it encoded', async () => {
  const address = 'http://mlflow.example.com/#/experiments/1/traces?selectedEvaluationId=tr-0123';
  const asked: unknown[] = [];
  const tracking = {
    pageOf: (page: unknown) => {
      asked.push(page);
      return Promise.resolve(address);
    },
  };
  await openInMlflow({ tracking } as unknown as Parameters<typeof openInMlflow>[0], { call: 'id' });
  expect(asked).toEqual([{ call: 'id' }]);
  expect(opened).toEqual([address]);
});
