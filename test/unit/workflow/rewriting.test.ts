import { describe, expect, it } from 'vitest';
import { fixErrors, optimizePerformance } from '../../../src/workflow/operations.ts';
import { changesOutside } from '../../../src/workflow/stepConfig.ts';
import { TaskGraph } from '../../../src/workflow/taskGraph.ts';
import { usesOf } from '../../../src/workflow/uses.ts';
import { allSteps, type Workflow } from '../../../src/workflow/workflow.ts';
import { commentsIn } from '../../../src/workflow/workflowEdit.ts';
import { parseWorkflow } from '../../../src/workflow/workflowDocument.ts';
import { seededRandom } from '../../support/random.ts';
import { factsWith, valid } from '../../support/workflows.ts';

const rounds = 150;

/** A valid workflow in all styles of YAML, with comments at every place. */
function randomWorkflow(random: () => number): string {
  const chance = (share: number): boolean => random() < share;
  const count = 2 + Math.floor(random() * 10);
  let comments = 0;
  const comment = (): string => (chance(0.5) ? ` # comment ${(comments += 1)}` : '');
  const lines = ['name: Random # the name', 'steps:'];
  for (let index = 0; index < count; index += 1) {
    const before = Array.from({ length: index }, (_, at) => `t${at}`).filter(() => chance(2 / (index + 1)));
    const used = before.filter(() => chance(0.6));
    const texts = used.map((id) => `{{${id}}}`).join(' ');
    const [type, config] = chance(0.15)
      ? [
          'data_output',
          `{ destination: out${index}.txt${used[0] === undefined ? '' : `, from: "{{${used[0]}}}"`} }`,
        ]
      : chance(0.2)
        ? ['retrieve', `{ query: "about ${texts}" }`]
        : chance(0.3)
          ? ['transform', `{ template: "of ${texts}" }`]
          : ['ai_processing', `{ prompt: "do ${Math.floor(random() * 3)} ${texts}" }`];
    if (chance(0.3)) lines.push(`  # before ${index}`);
    if (chance(0.3)) {
      const list = before.length > 0 ? `, depends_on: [${before.join(', ')}]` : '';
      lines.push(`  - { id: t${index}, type: ${type}, config: ${config}${list} }${comment()}`);
      continue;
    }
    lines.push(`  - id: t${index}${comment()}`, `    type: ${type}${comment()}`);
    const dependencies = [`    depends_on:${comment()}`, ...before.map((id) => `      - ${id}${comment()}`)];
    if (before.length > 0) lines.push(...dependencies);
    lines.push(`    config: ${config}${comment()}`);
  }
  lines.push('# the end');
  return `${lines.join(random() < 0.2 ? '\r\n' : '\n')}\n`;
}

/** By task, all that it waits for. */
function waitsOf({ steps }: Workflow): Map<string, Set<string>> {
  const graph = new TaskGraph(steps);
  const waits = new Map<string, Set<string>>();
  for (const id of graph.order()) {
    const after = graph.tasks.get(id)!.after;
    waits.set(id, new Set(after.flatMap((one) => [one, ...waits.get(one)!])));
  }
  return waits;
}

function commentTexts(text: string): string[] {
  return commentsIn(text)
    .map((comment) => comment.text.trim())
    .toSorted();
}

describe('a rewritten workflow', () => {
  it('is never rewritten by fix if it is valid', () => {
    const random = seededRandom();
    for (let round = 0; round < rounds; round += 1) {
      const text = randomWorkflow(random);
      expect(fixErrors(valid(text), text, factsWith())).toMatchObject({ rewritten: null, improvements: [] });
    }
  });

  it('keeps every comment, and has no new errors, after fix', () => {
    const random = seededRandom();
    let mended = 0;
    const breaks: ((text: string) => string)[] = [
      (text) => text.replace('ai_processing', 'ai_procesing'),
      (text) => text.replace('depends_on', 'dependson'),
      (text) => text.replace('id: t1', 'id: t0'),
      (text) => text.replace(/- t0(?=[ \r\n])/, '- nowhere_at_all'),
      (text) => text.replace('[t0', '[t1, t0'),
      (text) => text.replace('{{t0}}', '{{t1}}'),
      (text) => text.replace(/( +)- t0(?=[ \r\n])/, '$1- t5'),
    ];
    for (let round = 0; round < rounds; round += 1) {
      const text = breaks.filter(() => random() < 0.4).reduce((one, by) => by(one), randomWorkflow(random));
      const before = parseWorkflow('workflow.yaml', text);
      const { rewritten, diagnostics } = fixErrors(before, text, factsWith());
      if (rewritten === null) continue;
      mended += 1;
      expect(commentTexts(rewritten), text).toEqual(commentTexts(text));
      const after = parseWorkflow('workflow.yaml', rewritten);
      expect(after.faults.length, text).toBe(diagnostics.length);
      expect(after.faults.some(({ code }) => code === 'syntax')).toBe(false);
    }
    expect(mended).toBeGreaterThan(rounds / 4);
  });

  it('is mended in every place, also where most steps follow from faulty ones', () => {
    const steps = Array.from({ length: 1000 }, (_item, at) => {
      const before = at % 19 === 18 ? 'nowhere_at_all' : `s${at - 1}`;
      return `  - { id: s${at}, type: transform, depends_on: [${at === 0 ? '' : before}], config: { template: x } }\n`;
    });
    const text = `name: Long\nsteps:\n${steps.join('')}`;
    const { rewritten, improvements, diagnostics } = fixErrors(
      parseWorkflow('workflow.yaml', text),
      text,
      factsWith(),
    );
    expect(improvements).toHaveLength(52);
    expect(diagnostics).toEqual([]);
    expect(rewritten).toBe(text.replaceAll('nowhere_at_all', ''));
  });

  it('waits for all whose result it uses, and keeps the order of what changes something outside, after optimize', () => {
    const random = seededRandom();
    let rewrites = 0;
    for (let round = 0; round < rounds; round += 1) {
      const text = randomWorkflow(random);
      const given = valid(text).workflow!;
      const result = optimizePerformance(valid(text), text, factsWith(), { level: 2, threshold: 0 });
      if (result.rewritten === null) continue;
      rewrites += 1;
      expect(commentTexts(result.rewritten), text).toEqual(commentTexts(text));
      expect(result.after!.makespanMs).toBeLessThanOrEqual(result.makespanMs);
      const optimized = valid(result.rewritten).workflow!;
      const ids = new Set(allSteps(optimized.steps).map(({ id }) => id));
      const [before, after] = [waitsOf(given), waitsOf(optimized)];
      for (const step of allSteps(optimized.steps)) {
        for (const used of usesOf(step, ids)) expect(after.get(step.id)!.has(used), text).toBe(true);
        // Of steps that were merged away another does the work.
        for (const one of before.get(step.id)!)
          if (ids.has(one) && (changesOutside.has(step.type) || isOutput(given, one)))
            expect(after.get(step.id)!.has(one), `${text}\n${result.rewritten}`).toBe(true);
      }
    }
    expect(rewrites).toBeGreaterThan(rounds / 10);
  });
});

function isOutput({ steps }: Workflow, id: string): boolean {
  return steps.some((step) => step.id === id && changesOutside.has(step.type));
}
