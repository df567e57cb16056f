import {
  directiveIn,
  failureIn,
  startDirectStandIn,
  type DirectStandIn,
  type Reply,
  type SeenRequest,
} from '../direct/server.ts';
import { chatRefusalOf, chatReply, chatPromptOf } from './chat.ts';
import { responsesPromptOf, responsesRefusalOf, responsesReply } from './responses.ts';

export const openAiKey = 'sk-stand-in';

/**
 * Speaks OpenAI's Responses and Chat Completions, whole and streamed. What it does is chosen by a directive in the
 * prompt: text=…, items=[…JSON…] (Responses), chunks=[…JSON…] or message={…JSON…} (Chat Completions), use-tool,
 * refusal, stop=REASON, usage={…JSON…}, served=TIER, refuse=STATUS TYPE MESSAGE, fail=STATUS TYPE MESSAGE as the first
 * event, break=STATUS TYPE MESSAGE in the middle, stall, cut, early-end, open-end, html, reset, hang.
 */
export function startOpenAiStandIn(): Promise<DirectStandIn> {
  return startDirectStandIn(answer);
}

function answer({ path, headers, body }: SeenRequest): Reply | null | 'hang' {
  if (path === '/') return { status: 404 };
  if (headers.authorization !== `Bearer ${openAiKey}`)
    return failure(
      401,
      'invalid_request_error',
      `Incorrect API key: ${headers.authorization}`,
      'invalid_api_key',
    );
  const chat = path === '/v1/chat/completions';
  if (!chat && path !== '/v1/responses') return failure(404, 'invalid_request_error', 'Unknown URL');
  const refused = chat ? chatRefusalOf(body) : responsesRefusalOf(body);
  if (refused !== null) return failure(400, 'invalid_request_error', refused);
  const prompt = chat ? chatPromptOf(body) : responsesPromptOf(body);
  const directive = directiveIn(prompt);
  const { status, type, message } = failureIn(directive.value);
  switch (directive.name) {
    case 'reset':
      return null;
    case 'hang':
      return 'hang';
    case 'html':
      return { body: '<html>SECRET page of a proxy</html>' };
    case 'refuse':
      return failure(status, type, message);
    default:
  }
  return chat ? chatReply(body, directive) : responsesReply(body, directive);
}

function failure(status: number, type: string, message: string, code: string | null = null): Reply {
  return {
    status,
    body: { error: { message, type, code, param: null } },
    headers: { 'x-request-id': 'req_standin' },
  };
}
