import type { PlacedFinding } from '../compliance/screening.ts';
import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { readStandardInput, readTextFile } from './readText.ts';
import { note, printJson, printLine, table, type Terminal } from './terminal.ts';

/** `tidyllm compliance check FILE|-`: what policy would do with a text. Exit code 8 if it would be kept back. */
export async function complianceCheck(core: Core, file: string, terminal: Terminal): Promise<number> {
  const text = file === '-' ? await readStandardInput() : await readTextFile(file);
  const checked = await core.compliance.check(text);
  if (checked === null) throw tooSlow();
  const { decision, findings, redacted } = checked;
  if (terminal.json) printJson({ decision, findings: findings.map(findingJson), redacted });
  else if (findings.length === 0) note(terminal, 'Nothing was found.');
  else {
    const rows = findings.map((one) => [placeOf(one), one.rule, one.class.replace('_', ' '), one.action]);
    printLine(table(['line:column', 'rule', 'class', 'action'], rows));
    note(terminal, `Policy would ${wordsOf[decision]} a request with this text.`);
  }
  return decision === 'block' ? 8 : 0;
}

const wordsOf = { allow: 'let through', redact: 'redact', block: 'keep back' };

/** Offsets are UTF-16 units from the beginning of the text. */
function findingJson({ rule, class: of, start, end, action }: PlacedFinding): object {
  return { rule, class: of, start, end, action };
}

function placeOf({ text, start }: PlacedFinding): string {
  const before = text.slice(0, start).split('\n');
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

function tooSlow(): GatewayError {
  return new GatewayError('compliance_blocked', 'The text was not searched within compliance.deadline_ms.', {
    hint: 'Check it in parts, or raise compliance.deadline_ms.',
  });
}
