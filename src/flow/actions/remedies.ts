import { errorExitCodes, type GatewayErrorCode } from '../../errors.ts';

/** What to do about a class of errors, when only its code is known. */
const remedies: Readonly<Record<GatewayErrorCode, string>> = {
  invalid_request: 'Correct what was asked for; the message to the caller said what.',
  settings_invalid: 'Run "tidyllm settings validate" and correct the lines it names.',
  flow_invalid: 'Run "tidyllm flow validate" and correct the lines it names.',
  flow_not_matched: 'Use a trigger of "tidyllm flow list".',
  flow_running: 'Wait for the other run, or allow "concurrent: true".',
  flow_not_approved: 'Trust the workspace and approve the command, if it is right.',
  budget_exceeded: 'Raise the cap of the day with a reason, use a cheaper model, or wait for the next day.',
  budget_blocked: 'Look at the call that cost more than reserved, then acknowledge it.',
  cost_limit_exceeded: 'Raise cost_limit_usd of the agreement, or give it less to do.',
  audit_reason_missing: 'Give a reason: a ticket and a few words.',
  model_not_recognized: 'Use a known name, or add it to bedrock.model_mapping in settings.yaml.',
  model_retired: 'Change bedrock.model_mapping to the successor that the error names.',
  model_not_in_region: 'Choose another region or an inference profile for the model.',
  price_unknown: 'Add the model to "prices" in settings.yaml.',
  gateway_unavailable: 'Run "tidyllm doctor"; it says why the gateway is not up.',
  credentials_missing: 'Connect AWS: a profile, a role or an access key.',
  credentials_expired: 'Log in again: "aws sso login", or the command "Log In to AWS".',
  access_denied: 'Ask for bedrock:InvokeModel and InvokeModelWithResponseStream on the model.',
  service_failed: 'Run "tidyllm health"; it names the service that failed.',
  backend_not_allowed: 'Allow the back-end in ai.backends, or use another.',
  backend_rejected: 'Read the error in the audit history; the request is one that the model refuses.',
  backend_throttled: 'Ask AWS for a higher quota, spread calls over time, or use a cross-region profile.',
  backend_unreachable: 'Check network, proxy and endpoint with "tidyllm doctor".',
  backend_failed: 'See the AWS health dashboard for the region; try again later.',
  internal_error: 'See the output for details, and report it.',
  flow_failed: 'Look at the run in "tidyllm flow history".',
  flow_timed_out: 'Give the agreement less to do, or raise its time_limit_seconds.',
  stream_stalled: 'Check the network; raise retry.idle_timeout_ms if the model is slow by nature.',
  stream_incomplete: 'Check proxies that end long connections; what was received was charged.',
  ledger_unavailable: 'Check disk space and permissions of the ledger’s folder with "tidyllm doctor".',
  ledger_damaged:
    'Restore the folder from a backup, then run "tidyllm audit reopen"; "tidyllm audit verify" names the fault.',
  anchor_failed: 'Check that the anchor’s file or repository can be written.',
  content_unavailable: 'Check permissions of the content folder; nothing is sent that policy can’t keep.',
  cancelled: 'Nothing: somebody stopped it.',
};

const others: Readonly<Record<string, string>> = {
  orphaned: 'A process died during the call; compare its charge with the bill: "tidyllm reconcile".',
  incomplete: 'The answer broke off; what was received was charged.',
};

export function remedyOf(code: string): string {
  const known = Object.hasOwn(errorExitCodes, code) ? remedies[code as GatewayErrorCode] : others[code];
  return known ?? 'Look at the calls in the audit history.';
}
