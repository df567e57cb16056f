/**
 * Taking a command apart and matching it with 1,000 agreements, against the same with the defaults alone and
 * against a plain baseline, the edit distance to every form, in turns in the same run.
 */
import { distance } from 'fastest-levenshtein';
import { Bench } from 'tinybench';
import type { FlowAgreement } from '../../src/flow/agreement.ts';
import { defaultAgreements } from '../../src/flow/defaultAgreements.ts';
import { formOf, Matcher } from '../../src/flow/matching.ts';
import { randomFrom } from '../support/random.ts';
import { labelledCommands } from '../unit/flow/fixtures/labelledCommands.ts';

const random = randomFrom(7);
const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
const syllables = 'ba co di fe ga hu in ka lo me no per qua re sta ti ul ver xi zo'.split(' ');
const word = (): string =>
  Array.from({ length: 2 + Math.floor(random() * 3) }, () => one(syllables)).join('');
const subjects = Array.from({ length: 600 }, word);
const kinds = ['test', 'analysis', 'report', 'check', 'review', 'summary', 'audit', 'forecast'];

/** Six forms each, of rare and of common words, as a large team's would be. */
const many: FlowAgreement[] = Array.from({ length: 1000 }, (_, index) => ({
  ...defaultAgreements[1]!,
  id: `agreement_${index}`,
  trigger: `[${one(subjects)} ${one(subjects)} ${one(kinds)}]`,
  phrases: Array.from({ length: 5 }, () => `${one(kinds)} the ${one(subjects)} of our ${one(subjects)}`),
  flowEncoding: { domain: 'team', operation: 'work', action: 'do', target: `agreement_${index}` },
}));
const agreements = [...defaultAgreements, ...many.slice(defaultAgreements.length)];
const commands = [
  ...Object.values(labelledCommands).flatMap((list) => list.map(([text]) => text)),
  ...many.slice(-100).map(({ trigger }) => trigger),
  ...many.slice(-100).map(({ trigger }) => trigger.replace(/(.)(.)(.)\]/, '$2$1$3]')),
  Array.from({ length: 24 }, () => one(subjects).slice(1)).join(' '),
  `${kinds.join(' ')} ${Array.from({ length: 16 }, () => one(subjects)).join(' ')}`,
];
const forms = agreements.flatMap(({ trigger, phrases }) => [trigger, ...phrases].map(formOf));
const few = new Matcher(defaultAgreements);
const matcher = new Matcher(agreements);

const timings = commands.map((command) => {
  const times = Array.from({ length: 31 }, () => {
    const startedAt = performance.now();
    matcher.match(command);
    return performance.now() - startedAt;
  });
  return { command, median: times.toSorted((a, b) => a - b)[15]! };
});
const slowest = timings.toSorted((a, b) => b.median - a.median)[0]!;

const bench = new Bench({ time: 1000 });
let [a, b, c] = [0, 0, 0];
bench
  .add(`${agreements.length} agreements`, () => void matcher.match(commands[a++ % commands.length]!))
  .add(`${defaultAgreements.length} agreements`, () => void few.match(commands[b++ % commands.length]!))
  .add('edit distance to every form', () => {
    const command = formOf(commands[c++ % commands.length]!);
    for (const form of forms) distance(command, form);
  });
await bench.run();
const means = bench.tasks.map(({ name, result }) => ({
  name,
  mean: result.state === 'completed' ? result.latency.mean : Number.NaN,
}));
const reference = means.at(-1)!.mean;
for (const { name, mean } of means)
  console.log(
    `${name.padEnd(30)} ${mean.toFixed(4).padStart(9)} ms a command ${(mean / reference).toFixed(3).padStart(8)}×`,
  );
console.log(
  `slowest command with ${agreements.length}: median ${slowest.median.toFixed(3)} ms, "${slowest.command.slice(0, 60)}"`,
);
if (slowest.median > 1) {
  console.error('A command takes more than 1 ms.');
  process.exitCode = 1;
}
