import type { Exceptions, Screened } from '../../compliance/found.ts';
import { ComplianceBlocked, type Screening } from '../../compliance/screening.ts';
import { countsInWords } from '../../compliance/words.ts';
import type { ContentStore } from '../../content/contentStore.ts';
import type { LlmRequest } from '../modelCalls.ts';
import { contentOf } from './admission.ts';

interface ScreeningDependencies {
  content: Pick<ContentStore, 'keyFor'>;
  screening: Screening;
  exceptions: ExceptionSource;
}

/** Where exceptions from policy come from. */
export interface ExceptionSource {
  /** Which of these permits a user has by an exception now, with its id. Throws what reading the ledger throws. */
  covering(userId: string, permits: readonly string[]): Promise<Exceptions>;
}

/**
 * The content of a request as it may leave. A value has the same placeholder in all requests of a user's conversation.
 * Throws `compliance_blocked` if policy keeps it back, and `invalid_request`.
 */
export function screenRequest(
  request: LlmRequest,
  userId: string,
  { content, screening, exceptions }: ScreeningDependencies,
  signal?: AbortSignal,
): Promise<Screened> {
  const key = content.keyFor(userId, `placeholders of ${request.conversation ?? ''}`);
  return screening.screen(contentOf(request), {
    key,
    redactBlocked: request.redact ?? false,
    excepted: (permits) => exceptions.covering(userId, permits),
    signal,
  });
}

/** A request as it would leave, for showing it, with what policy does to it in a sentence. Nothing is recorded. */
export async function screenedForPreview(
  request: LlmRequest,
  userId: string,
  dependencies: ScreeningDependencies,
): Promise<{ sent: LlmRequest; policy: string }> {
  try {
    const { content, decision, findings, late } = await screenRequest(request, userId, dependencies);
    const { prompt: _prompt, ...rest } = request;
    const { system, messages, tools, output_schema: outputSchema } = content;
    const found = findings.length === 0 ? 'nothing was found' : countsInWords(findings);
    return {
      sent: {
        ...rest,
        ...(system !== null && { system }),
        messages,
        ...(tools && { tools }),
        ...(outputSchema && { outputSchema }),
      },
      policy: late ? 'not searched in time' : `${decision === 'redact' ? 'redacts ' : ''}${found}`,
    };
  } catch (error) {
    if (error instanceof ComplianceBlocked) return { sent: request, policy: error.message };
    throw error;
  }
}
