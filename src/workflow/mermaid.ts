import { allSteps, type Step, type Workflow } from './workflow.ts';

/** A workflow as a Mermaid flowchart; steps with steps inside are subgraphs. */
export function mermaidOf({ steps }: Pick<Workflow, 'steps'>): string {
  const all = allSteps(steps);
  // Ids may be words of Mermaid's own, such as "end".
  const names = new Map(all.map(({ id }, index) => [id, `step${index}`]));
  const nameOf = (id: string): string => names.get(id) ?? '';
  const lines = ['flowchart LR'];
  const draw = (step: Step, indent: string): void => {
    const own = step.id.slice(step.id.lastIndexOf('.') + 1);
    const label = escaped(step.type === 'nested' ? own : `${own} (${step.type})`);
    if (step.steps.length === 0) {
      lines.push(`${indent}${nameOf(step.id)}["${label}"]`);
      return;
    }
    lines.push(`${indent}subgraph ${nameOf(step.id)}["${label}"]`);
    for (const inner of step.steps) draw(inner, `${indent}  `);
    lines.push(`${indent}end`);
  };
  for (const step of steps) draw(step, '  ');
  for (const { id, dependsOn } of all)
    for (const before of dependsOn) lines.push(`  ${nameOf(before)} --> ${nameOf(id)}`);
  return `${lines.join('\n')}\n`;
}

/** Mermaid reads entities in quoted labels. */
function escaped(label: string): string {
  return label.replace(/[^\p{L}\p{N} _.()-]/gu, (character) => `#${character.codePointAt(0)};`);
}
