import { GatewayError } from '../errors.ts';
import type { CompliancePolicy } from './policy.ts';

/**
 * Throws for a use class that policy doesn't name (`invalid_request`), denies, or misses (`compliance_blocked`). What a use
 * class means is the company's to say.
 */
export function requireUseClass(
  useClass: string | null,
  { use_classes: named, use_class_required: required, use_classes_denied: denied }: CompliancePolicy,
): void {
  const allowed = named.filter((one) => !denied.includes(one));
  const choice =
    allowed.length === 0
      ? 'Have one named in compliance.use_classes.'
      : `Use one of ${allowed.join(', ')}: --use-class on the command line, "Use" beside the reason in the chat.`;
  if (useClass === null) {
    if (required) throw refused('the call states no use class', choice);
    return;
  }
  if (!named.includes(useClass))
    throw new GatewayError('invalid_request', 'The use class is not one of compliance.use_classes.', {
      hint: `Nothing was sent. ${choice}`,
    });
  if (denied.includes(useClass))
    throw refused(`the use class ${useClass} is in compliance.use_classes_denied`, choice);
}

function refused(why: string, hint: string): GatewayError {
  return new GatewayError('compliance_blocked', `Policy keeps this request back: ${why}.`, {
    hint: `Nothing was sent. ${hint}`,
    remedy: [{ kind: 'open_settings', place: { key: 'compliance' } }],
  });
}
