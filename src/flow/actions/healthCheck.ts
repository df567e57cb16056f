import { systemStatus, type StatusSources } from '../../gateways/systemStatus.ts';
import { builtIns } from '../builtIns.ts';
import type { Implementation } from '../implementation.ts';

/** A look at every service and gateway, as the health view has it. */
export function healthCheck(sources: StatusSources): Implementation {
  return {
    id: 'health_check',
    ...builtIns.health_check,
    worstCase: () => 0n,
    run: async ({ signal }) => {
      const { verdict, reasons, infrastructure, simulated, gateways } = await systemStatus(sources, signal);
      signal.throwIfAborted();
      const checks = [
        ...Object.entries(infrastructure.services),
        ...(simulated ? [['simulated answers', simulated] as const] : []),
        ...gateways.map(({ id, health }) => [id, health] as const),
      ];
      const healthy = checks.filter(([, { state }]) => state === 'healthy').length;
      return {
        title: 'Health check',
        summary:
          reasons.length === 0
            ? `${verdict}: everything that is configured and installed works.`
            : `${verdict}: ${reasons.map(({ of }) => of).join(', ')}.`,
        findings: reasons.map(({ of, message, hint }) => ({
          ...{ severity: 'problem', id: `${of}_unhealthy`, title: `${of} is not healthy` },
          ...{ evidence: message, remedy: hint },
        })),
        figures: [
          { id: 'healthy', label: 'Healthy', value: healthy, unit: 'count', better: 'higher' },
          { id: 'unhealthy', label: 'Not healthy', value: reasons.length, unit: 'count', better: 'lower' },
        ],
        sections: [
          {
            id: 'checks',
            title: 'Services and gateways',
            text: 'A light call to each; what is not configured or not installed is no fault.',
            table: {
              columns: [
                { label: 'Part', unit: 'text' },
                { label: 'State', unit: 'text' },
                { label: 'Took', unit: 'ms' },
                { label: 'Evidence', unit: 'text' },
              ],
              rows: checks.map(([name, { state, latencyMs, evidence, error }]) => [
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
