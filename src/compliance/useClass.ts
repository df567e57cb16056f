import { GatewayError } from '../errors.ts';
import type { Remedy } from '../remedies.ts';
import type { CompliancePolicy } from './policy.ts';

/** The use classes that a call may state. */
export function allowedUseClasses({
  use_classes: named,
  use_classes_denied: denied,
}: Pick<CompliancePolicy, 'use_classes' | 'use_classes_denied'>): string[] {
  return named.filter((one) => !denied.includes(one));
}

/**
 * Throws for a use class that policy doesn't name (`invalid_request`), denies, or misses (`compliance_blocked`). What a use
 * class means is the company's to say.
 */
export function requireUseClass(useClass: string | null, policy: CompliancePolicy): void {
  const { use_classes: named, use_class_required: required, use_classes_denied: denied } = policy;
  const allowed = allowedUseClasses(policy);
  const choice =
    allowed.length === 0
      ? 'Have one named in compliance.use_classes.'
      : `Use one of ${allowed.join(', ')}: --use-class on the command line, "Use" beside the reason in the chat, use_class of an agreement.`;
  if (useClass === null) {
    if (required) throw refused('the call states no use class', choice);
    return;
  }
  if (!named.includes(useClass))
    throw new UseClassRefused(
      'invalid_request',
      'The use class is not one of compliance.use_classes.',
      choice,
    );
  if (denied.includes(useClass))
    throw refused(`the use class ${useClass} is in compliance.use_classes_denied`, choice);
}

/** What the calls of built-in agreements are for, where policy names it. */
export function builtInUseClass({ use_classes: named }: CompliancePolicy): string | undefined {
  return named.find((one) => one === 'internal');
}

/** A call whose use class policy doesn't accept. */
export class UseClassRefused extends GatewayError {
  constructor(code: 'compliance_blocked' | 'invalid_request', message: string, choice: string) {
    const remedy: Remedy[] =
      code === 'invalid_request' ? [] : [{ kind: 'open_settings', place: { key: 'compliance' } }];
    super(code, message, { hint: `Nothing was sent. ${choice}`, remedy });
  }
}

function refused(why: string, choice: string): UseClassRefused {
  return new UseClassRefused('compliance_blocked', `Policy keeps this request back: ${why}.`, choice);
}
