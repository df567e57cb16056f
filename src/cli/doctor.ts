import type { Core } from '../core/core.ts';
import { examine } from '../health/examine.ts';
import type { Finding } from '../health/finding.ts';
import { exitCodeOf, verdictOf } from '../health/verdict.ts';
import { verdictJson } from './healthTexts.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

/** `tidyllm doctor`: what is wrong and how to fix it, even if nothing starts. */
export async function doctor(compose: () => Promise<Core>, terminal: Terminal): Promise<number> {
  const findings = await examine<Core>({
    environment: process.env,
    withSources: async (work) => {
      const core = await compose();
      try {
        return await work(core);
      } finally {
        await core.dispose();
      }
    },
  });
  const verdict = verdictOf(findings);
  const ok = verdict.reasons.length === 0;
  if (terminal.json) {
    const shown = findings.map(({ name, state, evidence, hint, remedy }) => ({
      name,
      state: stateWords[state],
      evidence,
      fix: hint || null,
      remedies: remedy.map(({ kind }) => kind),
    }));
    printJson({ ok, ...verdictJson(verdict), findings: shown });
  } else print(findings, ok);
  return exitCodeOf(verdict);
}

const stateWords: Readonly<Record<Finding['state'], string>> = {
  healthy: 'ok',
  warning: 'warning',
  degraded: 'degraded',
  failed: 'failed',
  not_configured: 'not configured',
  not_installed: 'not installed',
};

function print(findings: readonly Finding[], ok: boolean): void {
  const rows = findings.map(({ name, state, evidence }) => [
    name,
    stateWords[state],
    evidence.split('\n', 1)[0] ?? '',
  ]);
  printLine(table(['check', 'state', 'evidence'], rows));
  const open = findings.filter(({ hint }) => hint !== '');
  if (open.length > 0) printLine();
  for (const { name, evidence, hint } of open) printLine(`${name}: ${evidence}\n  → ${hint}`);
  if (ok && open.length === 0) printLine('\nNothing to fix.');
}
