/**
 * How fast and how well secrets and personal data are found. Speed: 1 MB of this product's source and ordinary prompts in the
 * thread, beside plain scans of the same text in the same run. Quality: on gitleaks' samples, and on what is named:
 *
 *   node test/bench/detection.ts [--leaky-repo FOLDER] [--presidio synth_dataset_v2.json] [--source FOLDER]...
 */
import { globSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { findingsIn } from '../../src/detection/detect.ts';
import { Detector } from '../../src/detection/detector.ts';
import type { Finding } from '../../src/detection/finding.ts';
import { gitleaksFindings } from '../../src/detection/gitleaks.ts';
import { gitleaksSamples } from '../support/gitleaksSamples.ts';
import { percentile } from './percentiles.ts';

const { values: named } = parseArgs({
  options: {
    'leaky-repo': { type: 'string' },
    presidio: { type: 'string' },
    source: { type: 'string', multiple: true, default: [] },
  },
});

async function speed(): Promise<void> {
  const root = join(import.meta.dirname, '../..');
  const source = globSync('{src,test}/**/*.ts', { cwd: root })
    .toSorted()
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  const text = source.repeat(Math.ceil(1_000_000 / source.length)).slice(0, 1_000_000);
  const detector = new Detector({ patterns: [], deadlineMs: 60_000 });
  const started = performance.now();
  await detector.find([{ text: '' }]);
  const start = performance.now() - started;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const whole = await times(9, () => detector.find([{ text }]));
  delay.disable();
  const rows: [what: string, ms: number, runs: number][] = [
    ['start of the thread', start, 1],
    ['1 MB of TypeScript, median', percentile(whole, 0.5), 9],
    ['longest wait of the main thread meanwhile', delay.max / 1e6, 9],
  ];
  for (const size of [2_000, 4_000, 8_000]) {
    const prompts = Array.from({ length: 100 }, (_, index) => text.slice(index * size, (index + 1) * size));
    let next = 0;
    const trip = await times(100, () => detector.find([{ text: prompts[next++]! }]));
    rows.push(
      [`round trip of ${size / 1000} kB, median`, percentile(trip, 0.5), 100],
      [`the same, 95 %`, percentile(trip, 0.95), 100],
    );
  }
  await detector.dispose();
  const scans: [string, () => unknown][] = [
    ['baseline: indexOf of 20 prefixes in 1 MB', () => prefixes.map((prefix) => text.indexOf(prefix))],
    [
      'baseline: one expression of 20 prefixes in 1 MB',
      () => text.match(new RegExp(prefixes.join('|'), 'g')),
    ],
  ];
  for (const [name, scan] of scans) rows.push([name, percentile(await times(9, scan), 0.5), 9]);
  console.table(rows.map(([what, ms, runs]) => ({ what, ms: Number(ms.toFixed(2)), runs })));
}

const prefixes =
  'AKIA ASIA ghp_ gho_ github_pat_ glpat- xoxb- xoxp- sk-ant- sk_live_ AIza npm_ pypi- SG. hvs. dop_v1_ shpat_ eyJ -----BEGIN lin_api_'.split(
    ' ',
  );

async function times(runs: number, work: () => unknown): Promise<number[]> {
  const all: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const started = performance.now();
    await work();
    all.push(performance.now() - started);
  }
  return all;
}

function secretsIn(text: string): Finding[] {
  return findingsIn({ text }, []).filter((finding) => finding.class === 'secret');
}

function recallOnSamples(): void {
  const samples = gitleaksSamples();
  const all = (kind: 'found' | 'passed') =>
    samples.flatMap(([rule, texts]) => texts[kind].map((text) => ({ rule, text })));
  const byRule = ({ rule, text }: { rule: string; text: string }): boolean =>
    gitleaksFindings(text).some((finding) => finding.rule === rule);
  const byAny = ({ text }: { text: string }): boolean => secretsIn(text).length > 0;
  const row = (what: string, texts: { rule: string; text: string }[]) => ({
    what,
    texts: texts.length,
    'by the rule': texts.filter(byRule).length,
    'by any rule': texts.filter(byAny).length,
  });
  console.table([row('gitleaks: must be found', all('found')), row('gitleaks: must pass', all('passed'))]);
}

/** The files with risky lines in .leaky-meta/secrets.csv, and how many of these lines are found. */
function leakyRepo(folder: string): void {
  const rows = readFileSync(join(folder, '.leaky-meta/secrets.csv'), 'utf8')
    .split('\n')
    .filter((line) => /^[^#\s]/.test(line))
    .map((line) => line.split(','))
    .filter(([, risky]) => Number(risky) > 0)
    .map(([file = '', risky]) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const lines = new Set(secretsIn(text).map(({ start }) => text.slice(0, start).split('\n').length));
      return { file, risky: Number(risky), found: Math.min(Number(risky), lines.size) };
    });
  const sum = (of: 'risky' | 'found'): number => rows.reduce((total, row) => total + row[of], 0);
  console.table([
    {
      what: 'leaky-repo',
      files: rows.length,
      'files found': rows.filter(({ found }) => found > 0).length,
      'risky lines': sum('risky'),
      'lines found': sum('found'),
    },
  ]);
  console.log(
    `Nothing found in ${rows
      .filter(({ found }) => found === 0)
      .map(({ file }) => file)
      .join(', ')}`,
  );
}

const kinds: Readonly<Record<string, string>> = {
  CREDIT_CARD: 'CARD',
  US_SSN: 'SSN',
  EMAIL_ADDRESS: 'EMAIL',
  IP_ADDRESS: 'IP',
  IBAN_CODE: 'IBAN',
  PHONE_NUMBER: 'PHONE',
};

interface Sentence {
  full_text: string;
  spans: { entity_type: string; start_position: number; end_position: number }[];
}

/** By kind: how many of the labelled values are found exactly, and how many findings are nothing of that kind. */
function presidio(file: string): void {
  const sentences = JSON.parse(readFileSync(file, 'utf8')) as Sentence[];
  const rows = Object.entries(kinds).map(([type, kind]) => {
    const counts = { kind, labelled: 0, exact: 0, wrong: 0 };
    for (const { full_text: text, spans } of sentences) {
      const labelled = spans.filter(({ entity_type }) => entity_type === type);
      const found = findingsIn({ text }, []).filter((finding) => finding.kind === kind);
      counts.labelled += labelled.length;
      counts.exact += labelled.filter(({ start_position: start, end_position: end }) =>
        found.some((one) => one.start === start && one.end === end),
      ).length;
      counts.wrong += found.filter(
        (one) => !labelled.some((span) => one.start < span.end_position && span.start_position < one.end),
      ).length;
    }
    return counts;
  });
  console.table(rows);
}

/** How many findings by rule and MB in folders of source, of text files of at most 1 MiB. */
function foundInSource(folders: readonly string[]): void {
  for (const folder of folders) {
    const counts = new Map<string, number>();
    let bytes = 0;
    for (const file of globSync('**/*', { cwd: folder, exclude: ['**/node_modules', '**/.git'] })) {
      const path = join(folder, file);
      const about = statSync(path);
      if (!about.isFile() || about.size > 1024 * 1024 || /lock|\.svg$|\.min\.|\.map$/.test(file)) continue;
      const content = readFileSync(path);
      if (content.subarray(0, 8192).includes(0)) continue;
      bytes += about.size;
      for (const { rule } of findingsIn({ text: content.toString() }, []))
        counts.set(rule, (counts.get(rule) ?? 0) + 1);
    }
    const rules = [...counts].map(([rule, count]) => `${rule} ${count}`).join(', ');
    console.log(`${basename(folder)}: ${(bytes / 1e6).toFixed(1)} MB: ${rules}`);
  }
}

await speed();
recallOnSamples();
if (named['leaky-repo'] !== undefined) leakyRepo(named['leaky-repo']);
if (named.presidio !== undefined) presidio(named.presidio);
if (named.source.length > 0) foundInSource(named.source);
