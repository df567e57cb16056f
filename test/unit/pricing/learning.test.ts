import { describe, expect, it } from 'vitest';
import type { ProfileDirectory } from '../../../src/pricing/inferenceProfiles.ts';
import { ModelCatalogue } from '../../../src/pricing/modelCatalogue.ts';

const arn = 'arn:aws:bedrock:us-east-1:1:application-inference-profile/abc';

/** A catalogue, and the questions that it asked; each is answered when the test says so. */
function asking(): { catalogue: ModelCatalogue; questions: ((models: string[] | null) => void)[] } {
  const questions: ((models: string[] | null) => void)[] = [];
  const profiles: ProfileDirectory = {
    list: () => Promise.resolve(null),
    modelsOf: () => new Promise((answer) => questions.push(answer)),
  };
  const options = { mapping: {}, prices: {}, unknownPrice: 'refuse', region: 'us-east-1', profiles };
  return { catalogue: new ModelCatalogue(options), questions };
}

describe('what AWS says of a profile', () => {
  it('is waited for by all calls that come meanwhile, and asked once', async () => {
    const { catalogue, questions } = asking();
    let waiting = 2;
    const calls = [catalogue.learn(arn), catalogue.learn(arn)].map((one) => one.then(() => (waiting -= 1)));
    await new Promise(setImmediate);
    expect([questions.length, waiting]).toEqual([1, 2]);
    questions[0]?.(['arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-8']);
    await Promise.all(calls);
    expect(catalogue.resolve(arn).baseId).toBe('anthropic.claude-opus-4-8');
  });

  it('is not asked again at once where AWS said nothing', async () => {
    const { catalogue, questions } = asking();
    const first = catalogue.learn(arn);
    questions[0]?.(null);
    await first;
    await catalogue.learn(arn);
    expect(questions).toHaveLength(1);
  });
});
