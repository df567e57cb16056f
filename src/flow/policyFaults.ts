import { ComplianceBlocked, permitOf, type Screening } from '../compliance/screening.ts';
import { UseClassRefused } from '../compliance/useClass.ts';
import { GatewayError } from '../errors.ts';
import type { CallOrigin } from '../gateways/callOrigin.ts';
import { YamlDocument, type Fault, type Path } from '../yamlDocument.ts';
import type { FlowAgreement } from './agreement.ts';
import type { FlowAgreementManager } from './flowAgreementManager.ts';

/** What decides about the calls of agreements. */
export interface Policy {
  flow: Pick<FlowAgreementManager, 'validate'>;
  compliance: Pick<Screening, 'check'>;
  origin: CallOrigin;
}

/** A text of an agreement, with its place in the file. */
interface PlacedText {
  path: Path;
  text: string;
  /** False for what is only recorded. */
  sent: boolean;
}

/**
 * What policy has against the agreements of a file, at its place: an error for what a gateway refuses, a warning for what is
 * redacted. Nothing is recorded. Throws `GatewayError` for what has nothing to do with the file, such as a damaged ledger.
 */
export async function policyFaults(
  file: string,
  text: string,
  agreements: readonly FlowAgreement[],
  policy: Policy,
): Promise<Fault[]> {
  const document = new YamlDocument(file, text);
  const items = (document.contents as { agreements: { action?: unknown }[] | null }).agreements ?? [];
  const faults: Fault[] = [];
  for (const agreement of agreements) {
    const root = ['agreements', items.findIndex(({ action }) => action === agreement.id)];
    faults.push(...(await faultsOf(agreement, root, document, policy)));
  }
  return faults;
}

async function faultsOf(
  agreement: FlowAgreement,
  root: Path,
  document: YamlDocument,
  { flow, compliance, origin }: Policy,
): Promise<Fault[]> {
  const refusal = await refusalOf(flow.validate(agreement, { origin }));
  const blocked = new Set(refusal instanceof ComplianceBlocked ? refusal.needs : []);
  const faults: Fault[] = [];
  for (const { path, text, sent } of textsOf(agreement)) {
    const checked = await compliance.check(text);
    for (const { rule, action, start, end } of checked?.findings ?? []) {
      const part = { offset: start, length: end - start };
      const fault = (what: string, severity: Fault['severity']): Fault =>
        document.faultInValue([...root, ...path], `${path.join('.')} ${what}: ${rule}`, { part, severity });
      if (sent && blocked.has(permitOf(rule))) faults.push(fault('has what policy keeps back', 'error'));
      if (sent && action === 'redact') faults.push(fault('is redacted when it is sent', 'warning'));
      if (!sent && action !== 'allow') faults.push(fault('is redacted in the records', 'warning'));
    }
  }
  const isPlaced = faults.some(({ severity }) => severity === 'error');
  // A text may hide what policy has against the model or the use.
  const other = isPlaced ? await refusalOf(flow.validate(agreement, { origin, redact: true })) : refusal;
  return other ? [...faults, refusalFault(other, root, document)] : faults;
}

/** Why a gateway refuses the calls; null if none does. Throws what has nothing to do with the agreement. */
async function refusalOf(validating: ReturnType<Policy['flow']['validate']>): Promise<GatewayError | null> {
  const error = await validating.then(
    (validations) => validations.find((one) => one.error)?.error ?? null,
    (thrown: unknown) => {
      if (GatewayError.is(thrown)) return thrown;
      throw thrown;
    },
  );
  if (error && ![2, 3, 4, 5, 8].includes(error.exitCode)) throw error;
  return error;
}

/** What an agreement sends or records of its own. */
function textsOf({ prompt, parameters, expandedMeaning }: FlowAgreement): PlacedText[] {
  const recorded = { path: ['expanded_meaning'], text: expandedMeaning, sent: false };
  if (!prompt) return [recorded];
  const texts = [
    { path: ['prompt', 'template'], text: prompt.template, sent: true },
    ...(prompt.system === null ? [] : [{ path: ['prompt', 'system'], text: prompt.system, sent: true }]),
    ...parameters.map(({ name, default: value }) => ({
      path: ['parameters', name, 'default'],
      text: String(value ?? ''),
      sent: true,
    })),
  ];
  return [recorded, ...texts];
}

/** A refusal at what it is about, or at the agreement if that has no place in the file. */
function refusalFault(error: GatewayError, root: Path, document: YamlDocument): Fault {
  const path = [...root, ...aboutOf(error)];
  const message = `${error.message} ${error.hint.replace('Nothing was sent. ', '')}`.trim();
  return document.textAt(path) === undefined
    ? document.faultAtStart(root, message)
    : document.faultInValue(path, message);
}

function aboutOf(error: GatewayError): Path {
  if (error instanceof UseClassRefused) return ['use_class'];
  if (error.code === 'cost_limit_exceeded') return ['cost_limit_usd'];
  if (error.code === 'audit_reason_missing') return ['expanded_meaning'];
  const isText = error instanceof ComplianceBlocked && error.needs.some((one) => one.startsWith('rule:'));
  return ['prompt', isText ? 'template' : 'model'];
}
