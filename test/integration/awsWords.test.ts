import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as sdk from '@aws-sdk/client-bedrock-runtime';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Core } from '../../src/core/core.ts';
import type { LlmResponse } from '../../src/gateways/modelCalls.ts';
import { errorText } from '../../src/host/errorText.ts';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn, isolatedEnvironment } from '../support/gateways.ts';
import { journalPath } from '../support/ledgers.ts';
import { temporaryFolder } from '../support/temporary.ts';

function ask(core: Core, prompt: string, stream = true): Promise<LlmResponse> {
  const gateway = core.registry.calls();
  return gateway.execute({ prompt, auditReason: 'JIRA-1 AWS’s words', stream });
}

const user =
  'User: arn:aws:sts::111122223333:assumed-role/dev/ada is not authorized to perform: bedrock:InvokeModelWithResponseStream on resource: arn:aws:bedrock:::foundation-model/anthropic.claude-opus-4-6-v1';
const marketplace =
  'Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model.';

/** What AWS says, as its documents and public reports have it, with what it must come to. */
const reported: [status: number, exception: string, says: string, code: string, hint: RegExp][] = [
  [
    404,
    'ResourceNotFoundException',
    'Model use case details have not been submitted for this account. Fill out the Anthropic use case details form before using the model. If you have already filled out the form, try again in 15 minutes.',
    'access_denied',
    /submit it in the Bedrock console/,
  ],
  [404, 'FTUFormNotFilled', 'Form not filled.', 'access_denied', /submit it in the Bedrock console/],
  [
    400,
    'ValidationException',
    'You have not filled out the required use-case form for this model. Complete the form at https://console.aws.amazon.com/bedrock/ before requesting access.',
    'access_denied',
    /once for the account/,
  ],
  [
    403,
    'AccessDeniedException',
    'Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must be provided. Your AWS Marketplace subscription for this model cannot be completed at this time.',
    'access_denied',
    /AWS Billing/,
  ],
  [403, 'AccessDeniedException', marketplace, 'access_denied', /aws-marketplace:Subscribe/],
  [
    403,
    'AccessDeniedException',
    `${user} with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/service_control_policy/p-1`,
    'access_denied',
    /AWS Organizations/,
  ],
  [
    403,
    'AccessDeniedException',
    `${user} with an explicit deny in a resource control policy`,
    'access_denied',
    /AWS Organizations/,
  ],
  [
    403,
    'AccessDeniedException',
    `${user} with an explicit deny in an identity-based policy`,
    'access_denied',
    /change the identity-based policy/,
  ],
  [
    403,
    'AccessDeniedException',
    `${user} with an explicit deny in a permissions boundary`,
    'access_denied',
    /permissions boundary/,
  ],
  [
    403,
    'AccessDeniedException',
    `${user} with an explicit deny in a VPC endpoint policy`,
    'access_denied',
    /vpc endpoint policy/,
  ],
  [
    403,
    'AccessDeniedException',
    `${user} because no identity-based policy allows the bedrock:InvokeModelWithResponseStream action`,
    'access_denied',
    /allow bedrock:InvokeModelWithResponseStream on the model/,
  ],
  [
    403,
    'AccessDeniedException',
    "You don't have access to the model with the specified model ID.",
    'access_denied',
    /request access to the model/,
  ],
  [
    403,
    'AccessDeniedException',
    'Your account is not authorized to invoke this API operation.',
    'access_denied',
    /AWS Support/,
  ],
  [400, 'ValidationException', 'Operation not allowed', 'access_denied', /AWS Support/],
  [
    403,
    'BadCScoreException',
    'Your account is not authorized to access this model',
    'access_denied',
    /AWS Support/,
  ],
  [
    400,
    'ValidationException',
    'Access to Anthropic models is not allowed from unsupported countries, regions, or territories.',
    'access_denied',
    /another provider/,
  ],
  [
    400,
    'ValidationException',
    "data retention mode 'default' is not available for this model",
    'backend_rejected',
    /data retention mode/,
  ],
  [
    404,
    'ResourceNotFoundException',
    'Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 15 days. Please upgrade to an active model on Amazon Bedrock',
    'backend_rejected',
    /Choose a newer model/,
  ],
  [
    404,
    'ResourceNotFoundException',
    'This model version has reached the end of its life. Please refer to the AWS documentation for more details.',
    'backend_rejected',
    /Choose a newer model/,
  ],
  [
    404,
    'ResourceNotFoundException',
    'Could not resolve the foundation model from the provided model identifier.',
    'backend_rejected',
    /aws\.region/,
  ],
  [
    400,
    'ValidationException',
    'The provided model identifier is invalid.',
    'backend_rejected',
    /aws\.region/,
  ],
  [
    404,
    'ResourceNotFoundException',
    'The requested resource was not found.',
    'backend_rejected',
    /aws\.region/,
  ],
  [
    429,
    'ThrottlingException',
    'Too many tokens per day, please wait before trying again.',
    'backend_throttled',
    /tomorrow/,
  ],
  [
    429,
    'ThrottlingException',
    'Too many tokens, please wait before trying again.',
    'backend_throttled',
    /--max-tokens of each call/,
  ],
  [
    429,
    'ThrottlingException',
    'Too many requests, please wait before trying again. You have sent too many requests.',
    'backend_throttled',
    /fewer calls/,
  ],
  [429, 'ThrottlingException', 'Rate exceeded', 'backend_throttled', /fewer calls/],
  [
    429,
    'ThrottlingException',
    'Too many connections, please wait before trying again.',
    'backend_throttled',
    /more regions/,
  ],
  [
    503,
    'ServiceUnavailableException',
    'Bedrock is unable to process your request.',
    'backend_throttled',
    /more regions/,
  ],
  [503, 'ServiceUnavailableException', 'Service unavailable.', 'backend_failed', /status page/],
  [
    400,
    'ThrottlingException',
    'Too many tokens per day, please wait before trying again.',
    'backend_throttled',
    /tomorrow/,
  ],
  [400, 'ServiceQuotaExceededException', 'Quota exceeded.', 'backend_throttled', /higher quota/],
  [
    403,
    'InvalidSignatureException',
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    'credentials_expired',
    /that of the access key id/,
  ],
  [
    403,
    'SignatureDoesNotMatch',
    'Signature does not match.',
    'credentials_expired',
    /that of the access key id/,
  ],
  [
    400,
    'IncompleteSignature',
    'The request signature does not conform to AWS standards',
    'credentials_expired',
    /that of the access key id/,
  ],
  [
    403,
    'InvalidSignatureException',
    'Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z',
    'credentials_expired',
    /Set the clock/,
  ],
  [
    403,
    'InvalidSignatureException',
    'Signature not yet current: 20260101T003000Z is still later than 20260101T001500Z',
    'credentials_expired',
    /Set the clock/,
  ],
  [
    403,
    'UnrecognizedClientException',
    'The security token included in the request is invalid.',
    'credentials_expired',
    /Log in again/,
  ],
  [
    403,
    'ExpiredTokenException',
    'The security token included in the request is expired',
    'credentials_expired',
    /Log in again/,
  ],
  [
    403,
    'AccessDeniedException',
    'Authentication failed: Please make sure your API Key is valid.',
    'credentials_expired',
    /AWS_BEARER_TOKEN_BEDROCK/,
  ],
  [
    400,
    'ValidationException',
    'Invocation of model ID anthropic.claude-sonnet-4-20250514-v1:0 with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.',
    'backend_rejected',
    /model_mapping/,
  ],
  [
    400,
    'ValidationException',
    'Input is too long for requested model.',
    'backend_rejected',
    /longer context/,
  ],
  [
    400,
    'ValidationException',
    'The model returned the following errors: prompt is too long: 200049 tokens > 200000 maximum',
    'backend_rejected',
    /longer context/,
  ],
  [
    400,
    'ValidationException',
    'input length and `max_tokens` exceed context limit: 90402 + 116650 > 204648',
    'backend_rejected',
    /longer context/,
  ],
  [
    400,
    'ValidationException',
    'The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value that is lower than 4096.',
    'backend_rejected',
    /--max-tokens/,
  ],
  [
    400,
    'ValidationException',
    'The model returned the following errors: `temperature` and `top_p` cannot both be specified for this model. Please use only one.',
    'backend_rejected',
    /temperature/,
  ],
  [
    400,
    'ValidationException',
    "This model doesn't support the stopSequences field. Remove stopSequences and try again.",
    'backend_rejected',
    /another model/,
  ],
  [
    400,
    'ValidationException',
    'A conversation must start with a user message. Try again with a conversation that starts with a user message.',
    'backend_rejected',
    /as it says/,
  ],
  [404, 'UnknownOperationException', 'No such operation.', 'backend_rejected', /aws\.region/],
  [403, 'SomethingNewException', 'You may not.', 'access_denied', /bedrock:InvokeModel/],
];

describe('what AWS says', () => {
  it.each(reported)('%i %s “%s” is told with what to do', async (status, exception, says, code, hint) => {
    const { core, home } = await gatewayOnStandIn();
    for (const stream of [true, false]) {
      const { error, cost } = await ask(core, `@stand-in:refuse=${status} ${exception} ${says}`, stream);
      expect(error).toMatchObject({ code, detail: says.replace(/\s+/g, ' ') });
      expect(error?.hint).toMatch(hint);
      expect(error?.message).not.toContain(says);
      expect(cost).toBe(0n);
    }
    const journal = readFileSync(journalPath(join(home, 'ledger', 'live')), 'utf8');
    expect(journal).not.toContain(says);
  });

  const exceptions = Object.entries(sdk).flatMap(([name, value]) =>
    name.endsWith('Exception') && name !== 'BedrockRuntimeServiceException' && typeof value === 'function'
      ? [name]
      : [],
  );

  it('has a meaning in every exception of the SDK’s model', async () => {
    expect(exceptions.length).toBeGreaterThan(10);
    const { core } = await gatewayOnStandIn();
    const statuses: Record<string, number> = { AccessDenied: 403, ResourceNotFound: 404, Throttling: 429 };
    for (const name of exceptions) {
      const status = statuses[name.replace('Exception', '')] ?? (/Server|Unavailable/.test(name) ? 500 : 400);
      const { error } = await ask(core, `@stand-in:refuse=${status} ${name} These words of ${name}.`);
      expect(error?.detail).toBe(`These words of ${name}.`);
      expect(error?.code).not.toBe('internal_error');
      expect(error?.hint).not.toBe('');
      const streamed = `${name.charAt(0).toLowerCase()}${name.slice(1)} Broken.`;
      const first = await ask(core, `@stand-in:fail=${streamed}`);
      expect(first).toMatchObject({ status: 'failed', error: { detail: 'Broken.' } });
      expect(first.error?.message).not.toContain('Broken.');
      const broken = await ask(core, `@stand-in:break=${streamed}`);
      expect(broken).toMatchObject({ status: 'incomplete', error: { detail: 'Broken.' } });
      expect(broken.error?.message).toMatch(/The answer was cut off\.$/);
    }
  });

  /** Exceptions with what they mean, whatever their words say of other cases. */
  const meanings: [status: number, name: string, code: string, retryable: boolean, free: boolean][] = [
    [408, 'ModelTimeoutException', 'backend_failed', true, false],
    [424, 'ModelErrorException', 'backend_failed', true, false],
    [408, 'SomethingNewException', 'backend_failed', true, false],
    [500, 'InternalServerException', 'backend_failed', true, true],
    [400, 'ValidationException', 'backend_rejected', false, true],
    [400, 'SomethingNewException', 'backend_rejected', false, true],
    [403, 'ExpiredTokenException', 'credentials_expired', false, true],
    [403, 'UnrecognizedClientException', 'credentials_expired', false, true],
    [429, 'ModelNotReadyException', 'backend_throttled', true, true],
  ];
  const misleading = [
    ...['took too long', 'prompt says: there is no agreement with marketplace', 'use case details form'],
    ...['“Operation not allowed”, says the prompt', 'a legacy model that is deprecated', 'data retention'],
    ...['Your signature expired', 'clock skew', 'explicit deny in a service control policy', 'maxTokens'],
    ...['messages.0.content: model access is denied due to INVALID_PAYMENT_INSTRUMENT', 'context window'],
    ...['is not authorized to perform: bedrock:InvokeModel', 'supported-countries', 'temperature', 'latency'],
  ];
  it.each(meanings)('%i %s means the same with words of any other case', async (...meaning) => {
    const [status, name, code, retryable, free] = meaning;
    const { core } = await gatewayOnStandIn();
    for (const words of misleading) {
      const { error, cost } = await ask(core, `@stand-in:refuse=${status} ${name} ${words}`);
      const { code: found, retryable: again } = error ?? {};
      expect({ words, code: found, retryable: again, free: cost === 0n }).toEqual({
        ...{ words, code, retryable, free },
      });
    }
  });

  it('is shown on one line, without controls and marks that turn text, and bounded', async () => {
    const { core } = await gatewayOnStandIn();
    const words = `one\u001b[31m two\u202e three\u2066\u200b\r\nfour\u0000 ${'😀'.repeat(600)}`;
    const { error } = await ask(core, `@stand-in:refuse=400 ValidationException ${words}`);
    expect(error?.detail).toMatch(/^one \[31m two three four 😀+…$/u);
    expect(error?.detail?.length).toBeLessThanOrEqual(500);
    expect(error?.detail?.isWellFormed()).toBe(true);
  });

  it('of a signature is shown without the request that AWS computed', async () => {
    const { core } = await gatewayOnStandIn({ TIDYLLM_COMPLIANCE_SECRETS: 'allow' });
    const token = 'IQoJb3JpZ2luX2Vj'.repeat(20);
    const words = `The request signature we calculated does not match.\n\nThe Canonical String for this request should have been\n'POST\nx-amz-security-token:${token}'`;
    const { error } = await ask(core, `@stand-in:refuse=403 InvalidSignatureException ${words}`);
    expect(error?.detail).toBe('The request signature we calculated does not match.');
  });

  it('may quote the prompt, and so is in no log and no record', async () => {
    const { core, home } = await gatewayOnStandIn();
    for (const how of ['refuse=400 ValidationException', 'break=validationException']) {
      const { error } = await ask(core, `@stand-in:${how} MY SECRET PROMPT is too long`);
      expect(error?.detail).toContain('MY SECRET PROMPT');
      expect(error?.message).not.toContain('SECRET');
      expect(errorText(error)).not.toContain('SECRET');
    }
    expect(readFileSync(journalPath(join(home, 'ledger', 'live')), 'utf8')).not.toContain('SECRET');
  });

  it('doesn’t make a call free where the model may have worked', async () => {
    const { core } = await gatewayOnStandIn();
    for (const refusal of ['408 ModelTimeoutException', '424 ModelErrorException']) {
      const { cost } = await ask(core, `@stand-in:refuse=${refusal} use case details, legacy, too long`);
      expect(cost).toBeGreaterThan(0n);
    }
  });

  it('is not confused with a page of somebody on the way', async () => {
    const { core } = await gatewayOnStandIn();
    for (const page of ['html', 'proxy-failure']) {
      const { error } = await ask(core, `@stand-in:${page}`);
      expect(error?.detail).toBeNull();
      expect(`${error?.message} ${errorText(error)}`).not.toContain('SECRET');
    }
  });

  it('is printed by the command, as text and as JSON', async () => {
    const standIn = await startBedrockStandIn();
    onTestFinished(() => standIn.close());
    const environment = {
      ...isolatedEnvironment(temporaryFolder()),
      ...{ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret', TIDYLLM_USER: 'ada' },
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
    };
    const args = [
      'chat',
      '--reason',
      'JIRA-1 words',
      `@stand-in:refuse=403 AccessDeniedException ${marketplace}`,
    ];
    const { code, stderr } = await tidyllm(args, { environment });
    expect(code).toBe(6);
    expect(stderr).toContain(
      `Error: The account has no subscription to this model.\nAWS: ${marketplace}\nLet someone`,
    );
    const { document } = await tidyllmJson(args, { environment });
    expect(document).toMatchObject({ error: { code: 'access_denied', detail: marketplace } });
  });
});
