import type { Remedy } from './remedies.ts';

/** The facts of an error code. */
interface ErrorClass {
  /**
   * Exit code of `tidyllm`: 2 usage, settings or agreements · 3 budget · 4 reason · 5 model or price · 6 back-end ·
   * 7 ledger · 8 compliance · 130 cancelled.
   */
  exitCode: number;
  /** Remedies, best first, at most three. `retry` comes first for errors that may be temporary. */
  remedy: readonly Remedy[];
  /** The remedy in a sentence, for readers who see only the code. */
  advice: string;
}

const none: readonly Remedy[] = [];
const retry: Remedy = { kind: 'retry' };
const retryFirst: readonly Remedy[] = [retry, { kind: 'show_output' }];
const otherModel: readonly Remedy[] = [{ kind: 'choose_model' }, openSettings('model_mapping'), retry];

function openSettings(key?: string): Remedy {
  return { kind: 'open_settings', place: key === undefined ? null : { key } };
}

/** Every error that a caller of the gateway can get. */
export const errorCodes = {
  invalid_request: {
    exitCode: 2,
    remedy: none,
    advice: 'Correct the request; the error message said what is wrong.',
  },
  settings_invalid: {
    exitCode: 2,
    remedy: [openSettings(), { kind: 'reconnect' }],
    advice: 'Run "tidyllm settings validate" and fix the lines it names.',
  },
  flow_invalid: {
    exitCode: 2,
    remedy: [{ kind: 'open_flow_file', place: null }],
    advice: 'Run "tidyllm flow validate" and fix the lines it names.',
  },
  flow_not_matched: {
    exitCode: 2,
    remedy: [{ kind: 'choose_flow' }],
    advice: 'Use a trigger from "tidyllm flow list".',
  },
  flow_running: {
    exitCode: 2,
    remedy: retryFirst,
    advice: 'Wait for the other run, or set "concurrent: true".',
  },
  flow_not_approved: {
    exitCode: 2,
    remedy: none,
    advice: 'If the command is right, trust the workspace and approve it.',
  },
  budget_exceeded: {
    exitCode: 3,
    remedy: [{ kind: 'raise_cap' }],
    advice: 'Raise today’s cap with a reason, use a cheaper model, or wait for the next day.',
  },
  budget_blocked: {
    exitCode: 3,
    remedy: [{ kind: 'acknowledge_overruns' }, { kind: 'open_budget' }, retry],
    advice: 'Check the call that cost more than reserved, then acknowledge it.',
  },
  cost_limit_exceeded: {
    exitCode: 3,
    remedy: none,
    advice: 'Raise cost_limit_usd of the agreement, or reduce its work.',
  },
  audit_reason_missing: { exitCode: 4, remedy: none, advice: 'Give a reason: a ticket and a few words.' },
  compliance_blocked: {
    exitCode: 8,
    remedy: [openSettings('compliance')],
    advice: 'Take secrets and personal data out of the request, or have them redacted.',
  },
  model_not_recognized: {
    exitCode: 5,
    remedy: otherModel,
    advice: 'Use a known name, or add it to bedrock.model_mapping in settings.yaml.',
  },
  model_retired: {
    exitCode: 5,
    remedy: otherModel,
    advice: 'Change bedrock.model_mapping to the successor in the error.',
  },
  model_not_in_region: {
    exitCode: 5,
    remedy: otherModel,
    advice: 'Use another region or an inference profile for the model.',
  },
  price_unknown: {
    exitCode: 5,
    remedy: [{ kind: 'choose_model' }, openSettings('prices'), retry],
    advice: 'Add the model to "prices" in settings.yaml.',
  },
  gateway_unavailable: {
    exitCode: 6,
    remedy: [{ kind: 'reconnect' }, { kind: 'show_output' }, retry],
    advice: 'Run "tidyllm doctor"; it says why the gateway is unavailable.',
  },
  credentials_missing: {
    exitCode: 6,
    remedy: [{ kind: 'connect_aws' }, retry],
    advice: 'Connect AWS: a profile, a role or an access key.',
  },
  credentials_expired: {
    exitCode: 6,
    remedy: [{ kind: 'connect_aws' }, retry],
    advice: 'Log in again: "aws sso login", or the command "Log In to AWS".',
  },
  access_denied: {
    exitCode: 6,
    remedy: [{ kind: 'choose_model' }, { kind: 'connect_aws' }, retry],
    advice: 'Request bedrock:InvokeModel and InvokeModelWithResponseStream for the model.',
  },
  service_failed: {
    exitCode: 6,
    remedy: [openSettings(), { kind: 'check_health' }],
    advice: 'Run "tidyllm health"; it names the service that failed.',
  },
  backend_not_allowed: {
    exitCode: 6,
    remedy: [openSettings('backends')],
    advice: 'Allow the back-end in ai.backends, or use another.',
  },
  backend_rejected: {
    exitCode: 6,
    remedy: [{ kind: 'choose_model' }, { kind: 'show_output' }],
    advice: 'See the error in the audit history; the model refuses this request.',
  },
  backend_throttled: {
    exitCode: 6,
    remedy: retryFirst,
    advice: 'Request a higher quota from AWS, spread calls over time, or use a cross-region profile.',
  },
  backend_paused: {
    exitCode: 6,
    remedy: [{ kind: 'choose_model' }, retry],
    advice: 'Wait, use another model, or name one in ai.fallback_models.',
  },
  backend_unreachable: {
    exitCode: 6,
    remedy: retryFirst,
    advice: 'Check network, proxy and endpoint with "tidyllm doctor".',
  },
  backend_failed: {
    exitCode: 6,
    remedy: retryFirst,
    advice: 'See the AWS health dashboard for the region; try again later.',
  },
  answer_invalid: {
    exitCode: 6,
    remedy: [{ kind: 'choose_model' }, retry],
    advice: 'Use another model, or make the signature simpler.',
  },
  internal_error: { exitCode: 6, remedy: retryFirst, advice: 'See the output for details, and report it.' },
  flow_failed: { exitCode: 6, remedy: retryFirst, advice: 'See the run in "tidyllm flow history".' },
  flow_timed_out: {
    exitCode: 6,
    remedy: retryFirst,
    advice: 'Reduce the agreement’s work, or raise its time_limit_seconds.',
  },
  stream_stalled: {
    exitCode: 6,
    remedy: retryFirst,
    advice: 'Check the network; raise retry.idle_timeout_ms for a slow model.',
  },
  stream_incomplete: {
    exitCode: 6,
    remedy: retryFirst,
    advice: 'Check for proxies that end long connections; the received part was charged.',
  },
  ledger_unavailable: {
    exitCode: 7,
    remedy: [{ kind: 'show_ledger' }, retry],
    advice: 'Check disk space and permissions of the ledger’s folder with "tidyllm doctor".',
  },
  ledger_damaged: {
    exitCode: 7,
    remedy: [{ kind: 'reopen_ledger' }, { kind: 'verify_ledger' }, { kind: 'show_ledger' }],
    advice:
      'Restore the folder from a backup, then run "tidyllm audit reopen"; "tidyllm audit verify" names the fault.',
  },
  anchor_failed: {
    exitCode: 7,
    remedy: [openSettings('anchor')],
    advice: 'Check that the anchor’s file or repository is writable.',
  },
  content_unavailable: {
    exitCode: 7,
    remedy: [{ kind: 'show_ledger' }, openSettings('content'), retry],
    advice: 'Check the permissions of the content folder; a prompt that can’t be stored isn’t sent.',
  },
  cancelled: { exitCode: 130, remedy: none, advice: 'None: a person stopped it.' },
} as const satisfies Record<string, ErrorClass>;

export type GatewayErrorCode = keyof typeof errorCodes;

/** Whether a text is one of the codes. */
export function isErrorCode(text: string): text is GatewayErrorCode {
  return Object.hasOwn(errorCodes, text);
}
