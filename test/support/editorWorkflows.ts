import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Writes a workflow of the workspace, and returns its path. */
export function writeWorkflow(workspace: string, name: string, text: string): string {
  const path = join(workspace, '.tidyllm', 'workflows', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Two steps of a model after a template, one of them inside a level; the answers are written to a file. */
export const review = `name: Order review
inputs: { month: 11 }
steps:
  - { id: orders, type: transform, config: { template: "Orders of {{inputs.month}}" } }
  - id: looks
    type: nested
    depends_on: [orders]
    steps:
      - { id: risks, type: ai_processing, config: { prompt: "Risks in {{orders}}. @stand-in:text=None.", max_tokens: 20 } }
      - { id: totals, type: ai_processing, config: { prompt: "Totals of {{orders}}. @stand-in:text=Twelve.", max_tokens: 20 } }
  - { id: report, type: data_output, depends_on: [looks], config: { destination: out/report.json } }
`;

/** A workflow of so many steps in levels of twenty, each after one or two before it. */
export function manySteps(count: number): string {
  const id = (at: number): string => `level${Math.floor(at / 20)}.step${at}`;
  const levels = Array.from({ length: Math.ceil(count / 20) }, (_, level) => {
    const steps = Array.from({ length: Math.min(20, count - level * 20) }, (_, inside) => {
      const at = level * 20 + inside;
      const after = [...new Set([at - 1 - (at % 7), at - 1 - (at % 3)])].filter((one) => one >= 0).map(id);
      return `      - { id: step${at}, type: transform, depends_on: [${after.join(', ')}], config: { template: "Step ${at}" } }\n`;
    });
    return `  - id: level${level}\n    type: nested\n    steps:\n${steps.join('')}`;
  });
  return `name: Many steps\nsteps:\n${levels.join('')}`;
}
