import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statesLanguageOf, type TaskState } from '../../src/workflow/statesLanguage.ts';
import { TaskGraph } from '../../src/workflow/taskGraph.ts';
import type { Step, Task } from '../../src/workflow/workflow.ts';
import { randomFrom } from '../support/random.ts';
import { startS3, type Server } from '../support/servers.ts';
import { plainStep, randomSteps, valid, workflowOf } from '../support/workflows.ts';

interface Message {
  Body: string;
  ReceiptHandle: string;
}

/** A step that has begun, with what ends it. */
interface Begun {
  step: string;
  token: string;
}

/** moto with its interpreter of Amazon States Language, which leaves the steps to a queue. */
class Machine {
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  async start(): Promise<void> {
    const config = { stepfunctions: { execute_state_machine: true } };
    await fetch(`${this.#server.url}/moto-api/config`, { method: 'POST', body: JSON.stringify(config) });
  }

  /** Runs a workflow, ends one begun step after the other, and returns the steps in the order in which they began and ended. */
  async run(name: string, steps: readonly Step[]): Promise<{ step: string; event: 'begins' | 'ends' }[]> {
    const { QueueUrl } = await this.#call<{ QueueUrl: string }>('sqs', 'AmazonSQS.CreateQueue', {
      QueueName: name,
    });
    const stateOf = ({ id }: Task): TaskState => ({
      Resource: 'arn:aws:states:::sqs:sendMessage.waitForTaskToken',
      Parameters: { QueueUrl, MessageBody: { step: id, 'token.$': '$$.Task.Token' } },
    });
    const { definition } = statesLanguageOf({ name, steps }, new Map(), stateOf);
    const { stateMachineArn } = await this.#call<{ stateMachineArn: string }>(
      'states',
      'AWSStepFunctions.CreateStateMachine',
      { name, definition: JSON.stringify(definition), roleArn: 'arn:aws:iam::123456789012:role/any' },
    );
    const { executionArn } = await this.#call<{ executionArn: string }>(
      'states',
      'AWSStepFunctions.StartExecution',
      {
        stateMachineArn,
        input: '{}',
      },
    );
    const events: { step: string; event: 'begins' | 'ends' }[] = [];
    const open: Begun[] = [];
    for (let left = new TaskGraph(steps).tasks.size; left > 0; left -= 1) {
      do {
        const begun = await this.#receive(QueueUrl, open.length === 0 ? 20 : 0);
        if (open.length === 0 && begun.length === 0) throw new Error(await this.#state(executionArn));
        events.push(...begun.map(({ step }) => ({ step, event: 'begins' as const })));
        open.push(...begun);
      } while (open.length === 0);
      const [{ step, token }] = open.splice(0, 1) as [Begun];
      events.push({ step, event: 'ends' });
      await this.#call('states', 'AWSStepFunctions.SendTaskSuccess', { taskToken: token, output: '{}' });
    }
    await expect.poll(() => this.#state(executionArn), { timeout: 30_000 }).toBe('SUCCEEDED');
    return events;
  }

  async #receive(queue: string, seconds: number): Promise<Begun[]> {
    const { Messages = [] } = await this.#call<{ Messages?: Message[] }>('sqs', 'AmazonSQS.ReceiveMessage', {
      QueueUrl: queue,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: seconds,
      VisibilityTimeout: 3600,
    });
    return Messages.map(({ Body }) => JSON.parse(Body) as Begun);
  }

  async #state(executionArn: string): Promise<string> {
    const found = await this.#call<{ status: string; cause?: string }>(
      'states',
      'AWSStepFunctions.DescribeExecution',
      { executionArn },
    );
    return found.status === 'FAILED' ? `FAILED: ${found.cause ?? ''}` : found.status;
  }

  async #call<Answer>(service: string, target: string, body: unknown): Promise<Answer> {
    const response = await fetch(this.#server.url, {
      method: 'POST',
      headers: {
        'Content-Type': `application/x-amz-json-1.0`,
        'X-Amz-Target': target,
        Authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${target}: ${text}`);
    return JSON.parse(text) as Answer;
  }
}

describe('a workflow as a Step Functions state machine', () => {
  let server: Server;
  let machine: Machine;

  beforeAll(async () => {
    server = await startS3('unused');
    machine = new Machine(server);
    await machine.start();
  }, 120_000);
  afterAll(() => server.kill());

  /** Every step begins once, after all that it waits for have ended. */
  async function expectOrder(name: string, steps: readonly Step[]): Promise<void> {
    const events = await machine.run(name, steps);
    const { tasks } = new TaskGraph(steps);
    const begun = events.filter(({ event }) => event === 'begins').map(({ step }) => step);
    expect(begun.toSorted()).toEqual([...tasks.keys()].toSorted());
    const at = (step: string, event: string): number =>
      events.findIndex((one) => one.step === step && one.event === event);
    for (const { id, after } of tasks.values())
      for (const before of after) expect(at(id, 'begins')).toBeGreaterThan(at(before, 'ends'));
  }

  it('runs chains side by side, and nested steps, in their order', { timeout: 120_000 }, async () => {
    const { workflow } = valid(
      workflowOf(`  - { id: in, type: data_input, config: { source: a.txt } }
  - { id: a, type: ai_processing, depends_on: [in] }
  - { id: a2, type: ai_processing, depends_on: [a] }
  - id: b
    type: nested
    depends_on: [in]
    steps:
      - { id: one, type: ai_processing }
      - { id: two, type: ai_processing, depends_on: [one] }
  - { id: out, type: data_output, config: { destination: o.md, from: "{{a2}}" }, depends_on: [a2, b] }
`),
    );
    await expectOrder('chains', workflow!.steps);
  });

  it('keeps every dependency where the order is no nest of sequences', { timeout: 120_000 }, async () => {
    await expectOrder('crossed', [
      plainStep('a', []),
      plainStep('b', []),
      plainStep('c', ['a']),
      plainStep('d', ['a', 'b']),
      plainStep('e', ['c', 'd']),
    ]);
    await expectOrder('random', randomSteps(randomFrom(5), 12, 3));
  });
});
