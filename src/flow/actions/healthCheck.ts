import { look, type HealthSources } from '../../health/checks.ts';
import type { Finding } from '../../health/finding.ts';
import { findingsOf } from '../../health/findings.ts';
import { verdictOf } from '../../health/verdict.ts';
import { builtIns } from '../builtIns.ts';
import type { Implementation } from '../implementation.ts';

/** Runs all checks of the health view. */
export function healthCheck(sources: HealthSources): Implementation {
  return {
    id: 'health_check',
    ...builtIns.health_check,
    worstCase: () => 0n,
    run: async ({ signal }) => {
      const seen = await look(sources, { signal });
      signal.throwIfAborted();
      const findings = findingsOf({ sources, settingsError: null }, seen);
      const { state: verdict, reasons } = verdictOf(findings);
      const checks = findings.filter(isCheck);
      const healthy = checks.filter(({ state }) => state === 'healthy').length;
      return {
        title: 'Health check',
        summary:
          reasons.length === 0
            ? `${verdict}: everything configured and installed works.`
            : `${verdict}: ${reasons.map(({ name }) => name).join(', ')}.`,
        findings: reasons.map(({ of, name, message, hint }) => ({
          severity: 'problem',
          id: `${of}_unhealthy`,
          title: `${name} is not healthy`,
          evidence: message,
          remedy: hint,
        })),
        figures: [
          { id: 'healthy', label: 'Healthy', value: healthy, unit: 'count', better: 'higher' },
          { id: 'unhealthy', label: 'Not healthy', value: reasons.length, unit: 'count', better: 'lower' },
        ],
        sections: [
          {
            id: 'checks',
            title: 'Checks',
            text: 'A light call to each service and gateway, and the state of all else. Not configured or not installed is not a fault.',
            table: {
              columns: [
                { label: 'Component', unit: 'text' },
                { label: 'State', unit: 'text' },
                { label: 'Duration', unit: 'ms' },
                { label: 'Evidence', unit: 'text' },
              ],
              rows: checks.map(({ name, state, latencyMs, evidence, error }) => [
                name,
                state.replace('_', ' '),
                latencyMs === null ? null : Math.round(latencyMs),
                error?.message ?? evidence,
              ]),
            },
            chart: null,
          },
        ],
      };
    },
  };
}

/** Whether the finding is about a component of the system, not about its data. */
function isCheck({ id }: Finding): boolean {
  return !['user', 'back_end'].includes(id);
}
