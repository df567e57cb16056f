import { GatewayError, messageOf } from '../errors.ts';
import { faultIn, schemaWords } from '../schemaWords.ts';
import { requestFileForm, type RequestFile, type SignedDecision, type SignedRequest } from './request.ts';

/** The text of a file in which a request travels to its approver, and back with the decision. */
export function requestFileText(
  { request, signature }: SignedRequest,
  decided?: SignedDecision | null,
): string {
  const file: RequestFile = { format: 'tidyllm-approval-1', request, signature };
  return `${JSON.stringify(decided ? { ...file, decided } : file, null, 2)}\n`;
}

/** The request in such a file; its signatures aren't checked. Throws `invalid_request` with the place of a fault. */
export function requestFileIn(text: string, path: string): RequestFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrongFile(path, `is not JSON: ${messageOf(error)}`);
  }
  const { data, error } = requestFileForm.safeParse(value, { error: schemaWords });
  if (data) return data;
  const { path: place, message } = faultIn(error);
  throw wrongFile(path, `can’t be used: ${[...place, message].join(' ')}`);
}

function wrongFile(path: string, fault: string): GatewayError {
  return new GatewayError('invalid_request', `The file ${path} ${fault}.`, {
    hint: 'It must be as "tidyllm compliance exception request --out" wrote it.',
  });
}
