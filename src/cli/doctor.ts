import type { Core } from '../core/core.ts';
import { examine, type Finding } from '../core/doctor.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

/** `tidyllm doctor`: what is wrong and how to mend it, also when nothing starts. */
export async function doctor(compose: () => Promise<Core>, terminal: Terminal): Promise<number> {
  const findings = await examine({
    withCore: async (work) => {
      const core = await compose();
      try {
        return await work(core);
      } finally {
        await core.dispose();
      }
    },
  });
  const ok = findings.every(({ state }) => state !== 'failed');
  if (terminal.json) {
    const shown = findings.map(({ name, state, evidence, fix }) => ({
      ...{ name, state, evidence },
      fix: fix || null,
    }));
    printJson({ ok, findings: shown });
  } else print(findings, ok);
  if (ok) return 0;
  const uncomposed = findings.findLast(({ name }) => name === 'settings' || name === 'gateway');
  return uncomposed?.error?.exitCode ?? 6;
}

function print(findings: readonly Finding[], ok: boolean): void {
  const rows = findings.map(({ name, state, evidence }) => [name, state, evidence.split('\n', 1)[0] ?? '']);
  printLine(table(['check', 'state', 'evidence'], rows));
  const open = findings.filter(({ fix }) => fix !== '');
  if (open.length > 0) printLine();
  for (const { name, evidence, fix } of open) printLine(`${name}: ${evidence}\n  → ${fix}`);
  if (ok && open.length === 0) printLine('\nNothing to mend.');
}
