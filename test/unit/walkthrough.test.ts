import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandIds } from '../../src/host/commandIds.ts';

interface Step {
  id: string;
  description: string;
  media: { svg: string };
  completionEvents: string[];
}

const { contributes } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  contributes: { walkthroughs: { steps: Step[] }[] };
};
const texts = JSON.parse(readFileSync('package.nls.json', 'utf8')) as Record<string, string>;
const steps = contributes.walkthroughs.flatMap((walkthrough) => walkthrough.steps);
const links = steps.flatMap(({ description }) =>
  [...(texts[description.replaceAll('%', '')] ?? '').matchAll(/\(command:([^?)]+)(?:\?([^)]*))?\)/g)].map(
    ([, command, parameters]) => ({ command, parameters }),
  ),
);

describe('the walkthrough', () => {
  it('has a few steps, each with a picture and a button', () => {
    expect(steps.map(({ id }) => id)).toEqual(['connect', 'budget', 'call', 'audit', 'flow', 'workflow']);
    expect(steps.filter(({ media }) => !existsSync(media.svg))).toEqual([]);
    expect(links.length).toBeGreaterThanOrEqual(steps.length);
  });

  it('runs commands that there are', () => {
    const known = commandIds as readonly (string | undefined)[];
    expect(links.filter(({ command }) => !known.includes(command))).toEqual([]);
  });
});
