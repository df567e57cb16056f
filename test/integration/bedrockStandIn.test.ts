import { BedrockRuntimeClient, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';

describe('the stand-in of Bedrock', () => {
  it.each([
    ['1.1', () => new NodeHttpHandler()],
    ['2.0', () => new NodeHttp2Handler()],
  ])('streams to the AWS SDK over HTTP/%s', async (version, handler) => {
    const standIn = await startBedrockStandIn();
    onTestFinished(() => standIn.close());
    const client = new BedrockRuntimeClient({
      region: 'us-east-1',
      endpoint: standIn.url,
      credentials: { accessKeyId: 'AKIASTANDIN', secretAccessKey: 'secret' },
      requestHandler: handler(),
    });
    onTestFinished(() => client.destroy());
    const { stream } = await client.send(
      new ConverseStreamCommand({
        modelId: 'a.model',
        messages: [{ role: 'user', content: [{ text: 'hello' }] }],
      }),
    );
    const events: string[] = [];
    for await (const event of stream ?? []) events.push(...Object.keys(event));
    expect(events[0]).toBe('messageStart');
    expect(events.slice(-2)).toEqual(['messageStop', 'metadata']);
    expect(events.filter((event) => event === 'contentBlockDelta').length).toBeGreaterThan(10);
    expect(standIn.calls).toMatchObject([{ httpVersion: version, modelId: 'a.model' }]);
  });
});
