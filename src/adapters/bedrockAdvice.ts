import type { GatewayErrorCode } from '../errorCodes.ts';
import type { Billing } from '../errors.ts';
import type { Remedy } from '../remedies.ts';

/** What a refusal or failure of AWS means to the person who made the call. */
export interface Explanation {
  code: GatewayErrorCode;
  message: string;
  hint: string;
  /** Where it isn't that of the code. */
  remedy?: readonly Remedy[];
  retryable?: boolean;
  billing?: Billing;
}

/** Where the call went. */
export interface Place {
  region: string;
  modelId: string;
}

type Case = readonly [
  says: RegExp,
  explain: Explanation | ((place: Place, said: RegExpExecArray) => Explanation),
];

const denied = (message: string, hint: string): Explanation => ({ code: 'access_denied', message, hint });
const throttled = (message: string, hint: string, retryable = true): Explanation => ({
  code: 'backend_throttled',
  message,
  hint,
  retryable,
});
const rejected = (message: string, hint: string): Explanation => ({
  code: 'backend_rejected',
  message,
  hint,
});
const expired = (message: string, hint: string): Explanation => ({
  code: 'credentials_expired',
  message,
  hint,
});

/*
 * Cases that AWS tells apart in words only, the more special first. The words are AWS's and of public reports. Which
 * are looked for goes by the exception's name, then by its status, because the words may quote the request.
 */

/** For an account that may not use a model. */
const accessCases: readonly Case[] = [
  [
    /use[- ]case (details|form)|FTUFormNotFilled/i,
    denied(
      'The account has not filled in the use case form that the provider of this model asks for.',
      'Let someone who may submit it in the Bedrock console, once for the account: open the model in the model catalog. It counts after about 15 minutes.',
    ),
  ],
  [
    /payment (instrument|method)|INVALID_PAYMENT/i,
    denied(
      'The account has no valid means of payment for this model.',
      'Ask who pays for the account to correct it in AWS Billing, and try again after some minutes. Models of other providers than Amazon are sold through AWS Marketplace.',
    ),
  ],
  [
    /marketplace|subscription|not subscribed|agreement/i,
    denied(
      'The account has no subscription to this model.',
      'Let someone with aws-marketplace:Subscribe and aws-marketplace:ViewSubscriptions call the model once, or enable it in the Bedrock console; it counts after some minutes.',
    ),
  ],
  [
    /unsupported countr|supported-countries/i,
    denied(
      'The provider of this model does not offer it in the country of this account or connection.',
      'Use a model of another provider, or ask who runs the account and the network.',
    ),
  ],
  [
    /account is not authorized|^operation not allowed|BadCScore/i,
    denied(
      'AWS has not allowed this account to use Bedrock or this model.',
      'Open a case with AWS Support: new accounts and accounts without a history are held back, whatever IAM allows.',
    ),
  ],
];

/** For models that this account can't use, or that were retired. */
const offerCases: readonly Case[] = [
  [
    /data retention/i,
    rejected(
      'The account’s data retention mode is not one that this model accepts.',
      'Use another model, or ask who runs the account whether its data retention mode in Bedrock may be changed for it.',
    ),
  ],
  [
    /legacy|end of its life|deprecated|retired/i,
    ({ region, modelId }) =>
      rejected(
        `Bedrock in ${region} offers ${modelId} no more: it is retired, or closed to accounts that did not use it of late.`,
        'Choose a newer model.',
      ),
  ],
];

const signatureCases: readonly Case[] = [
  [
    /signature expired|signature not yet current|RequestTimeTooSkewed|clock skew/i,
    expired(
      'AWS does not accept the time of the call.',
      'Set the clock of this computer and let it follow a time server; "tidyllm doctor" says how far it is off.',
    ),
  ],
  [
    /request signature|incomplete ?signature|SignatureDoesNotMatch/i,
    expired(
      'AWS does not accept the signature of the call.',
      'Check that the secret access key is that of the access key id, whole and on one line, and that the clock is right.',
    ),
  ],
];

const forbiddenCases: readonly Case[] = [
  [
    /(service|resource) control policy/i,
    denied(
      'A policy of the organization denies this call.',
      'Ask who runs AWS Organizations to allow the model in the regions its inference profile may use, or take a profile of regions that are allowed.',
    ),
  ],
  [
    /explicit deny in (?:an? )?([a-z -]*policy|permissions boundary)/i,
    (_place, [, policy = 'policy']) =>
      denied(
        'A policy of AWS denies this call explicitly.',
        `Ask who runs IAM to change the ${policy.trim().toLowerCase()} that denies it: no other policy can allow it.`,
      ),
  ],
  [
    /not authorized to perform: ([a-z-]+:[A-Za-z]+)/,
    (_place, [, action = '']) =>
      denied(
        'AWS denies this call.',
        `Ask who runs IAM to allow ${action} on the model, and where it is an inference profile on the profile as well.`,
      ),
  ],
];

const keyCases: readonly Case[] = [
  [
    /api key/i,
    expired(
      'AWS does not accept the Bedrock API key; it has expired or is wrong.',
      'Make a new key and set AWS_BEARER_TOKEN_BEDROCK to it.',
    ),
  ],
];

const busyCases: readonly Case[] = [
  [
    /per day|daily/i,
    throttled(
      'This account’s quota of the day for the model is used up.',
      'Waiting a moment does not help: use another model or go on tomorrow, or ask for more in Service Quotas. New accounts start with less than the published default.',
      false,
    ),
  ],
  [
    /too many tokens|tokens per minute/i,
    throttled(
      'This account’s quota of tokens per minute for the model is used up.',
      'Wait a minute. It counts --max-tokens of each call in full: ask for shorter answers, spread calls, or ask for more in Service Quotas.',
    ),
  ],
  [
    /too many requests|requests per minute|rate exceeded/i,
    throttled(
      'This account’s quota of requests per minute for the model is used up.',
      'Wait a little, make fewer calls at the same time, or ask for more in Service Quotas.',
    ),
  ],
  [
    /too many connections|capacity|overloaded|unable to process your request/i,
    throttled(
      'The model has no capacity left in this region just now.',
      'Try again in a moment, or use an inference profile of more regions.',
    ),
  ],
];

const requestCases: readonly Case[] = [
  [
    /on-demand throughput/i,
    rejected(
      'The model is offered through inference profiles only.',
      'Use an inference profile of your region (for example us.…) in bedrock.model_mapping.',
    ),
  ],
  [
    /model identifier is invalid|could not resolve the foundation model|model.{0,40}(does not|doesn.t) exist|'modelId' failed/i,
    ({ region, modelId }) =>
      rejected(
        `Bedrock in ${region} has no model ${modelId}.`,
        'It may be retired, or offered in another region: choose another model or change aws.region.',
      ),
  ],
  [
    /maximum tokens you requested|max_?tokens: |maxTokens/,
    rejected('The model gives no answer as long as was asked for.', 'Ask for less with --max-tokens.'),
  ],
  [
    /too long|too many input tokens|context (length|limit|window)|exceeds? the (maximum|model)|token limit/i,
    rejected(
      'The prompt is longer than the model takes.',
      'Shorten it or send fewer files along, ask for a shorter answer with --max-tokens, or use a model with a longer context.',
    ),
  ],
  [
    /temperature|top_?p\b|top_?k\b/i,
    rejected('The model does not take this temperature.', 'Leave the temperature out, or use another model.'),
  ],
  [
    /service ?tier|latency|performanceConfig/i,
    rejected(
      'The model is not served in this service tier.',
      'Leave --service-tier out, or use another model.',
    ),
  ],
  [
    /(does not|doesn.t) support|not supported|unsupported/i,
    rejected('The model can’t do what was asked of it.', 'Use another model, or ask without what it names.'),
  ],
];

/**
 * How AWS's own sentences begin where it refuses a request for what the account may not. A refused request quotes
 * what was asked, so that the same words anywhere else say nothing of the account.
 */
const ofTheAccount =
  /^(model use case details have not|you have not filled out the required use[- ]case form|model access is denied|access to \w+ models is not allowed|operation not allowed|your account is not authorized|data retention mode|access denied\. this model is marked|this model version has reached)/i;

/** The cases that an exception may be one of. */
function casesOf(name: string, message: string, status: number): readonly Case[] {
  const named = byName[name];
  if (named) return casesOfCode[named.code] ?? (name === 'ServiceUnavailableException' ? busyCases : []);
  const cases = name === 'ValidationException' ? null : casesOfStatus(status);
  return cases ?? (ofTheAccount.test(message) ? [...accessCases, ...offerCases] : requestCases);
}

const casesOfCode: Partial<Record<GatewayErrorCode, readonly Case[]>> = {
  access_denied: [...accessCases, ...forbiddenCases, ...keyCases],
  backend_throttled: busyCases,
  credentials_expired: [...signatureCases, ...keyCases],
};

/** For unknown names; null for a refused request. */
function casesOfStatus(status: number): readonly Case[] | null {
  if (status === 429 || status >= 500) return busyCases;
  if (status === 401 || status === 403)
    return [...accessCases, ...forbiddenCases, ...signatureCases, ...keyCases];
  if (status === 404) return [...accessCases, ...offerCases, ...requestCases];
  return mayHaveWorked.has(status) ? [] : null;
}

/** Of exceptions, statuses behind which the model may have worked: it took too long, or failed at it. */
const mayHaveWorked: ReadonlySet<number> = new Set([408, 424, 499]);

const byName: Readonly<Record<string, Explanation>> = {
  ThrottlingException: throttled(
    'Bedrock is throttling this account.',
    'Wait a little and try again, or ask AWS for a higher quota.',
  ),
  ModelNotReadyException: throttled('The model is not ready yet.', 'Try again in a minute.'),
  ServiceQuotaExceededException: throttled(
    'A Bedrock quota of this account is used up.',
    'Ask AWS for a higher quota, or use another model.',
    false,
  ),
  ServiceUnavailableException: {
    code: 'backend_failed',
    message: 'Bedrock is not available just now.',
    hint: 'Try again; the AWS status page tells of outages.',
    retryable: true,
  },
  InternalServerException: {
    code: 'backend_failed',
    message: 'Bedrock failed internally.',
    hint: 'Try again.',
    retryable: true,
  },
  ModelTimeoutException: {
    code: 'backend_failed',
    message: 'The model took too long.',
    hint: 'Ask for a shorter answer, or try again.',
    retryable: true,
    billing: 'unknown',
  },
  ...sameFor(['ModelErrorException', 'ModelStreamErrorException'], {
    code: 'backend_failed',
    message: 'The model failed while it worked on the request.',
    hint: 'Try again, or use another model.',
    retryable: true,
    billing: 'unknown',
  }),
  ...sameFor(
    ['AccessDeniedException', 'NotAuthorized', 'OptInRequired'],
    denied(
      'AWS denies access to this model.',
      'Allow bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream, and request access to the model in the Bedrock console.',
    ),
  ),
  ...sameFor(
    [
      ...['ExpiredTokenException', 'ExpiredToken', 'RequestExpired', 'MissingAuthenticationToken'],
      ...['UnrecognizedClientException', 'InvalidSignatureException', 'InvalidClientTokenId'],
    ],
    {
      ...expired(
        'AWS does not accept the credentials; they have expired or are wrong.',
        'Log in again (aws sso login) or renew the keys, then reconnect.',
      ),
      remedy: [{ kind: 'log_in_to_aws' }, { kind: 'connect_aws' }, { kind: 'retry' }],
    },
  ),
};

function sameFor(names: readonly string[], explanation: Explanation): Record<string, Explanation> {
  return Object.fromEntries(names.map((name) => [name, explanation]));
}

/** For unknown exceptions, by their status; after a failure it is unknown whether the model worked. */
function byStatus(status: number, { region, modelId }: Place): Explanation {
  if (status === 403 || status === 401) return byName['AccessDeniedException'] as Explanation;
  if (status === 429) return byName['ThrottlingException'] as Explanation;
  if (status === 404) {
    return rejected(
      `Bedrock in ${region} has no model ${modelId}.`,
      'It may be retired, or offered in another region: choose another model or change aws.region.',
    );
  }
  if (mayHaveWorked.has(status)) return byName['ModelErrorException'] as Explanation;
  if (status < 500) return rejected('Bedrock refused the request.', 'Change the request as it says.');
  return { ...(byName['InternalServerException'] as Explanation), billing: 'unknown' };
}

/**
 * Explains an exception of AWS by its name, or by its status if the name is unknown, and by its words as far as
 * possible. Only the name decides what may be billed: words that AWS quotes must not make a call free.
 */
export function explain(
  { name, message, status }: { name: string; message: string; status: number },
  place: Place,
): Explanation {
  const base = byName[name] ?? byStatus(status, place);
  const byItsName = (base === byName[name] ? [] : [...accessCases, ...signatureCases]).find(([says]) =>
    says.test(name),
  );
  const cases = byItsName ? [byItsName] : casesOf(name, message, status);
  for (const [says, explanation] of cases) {
    const said = says.exec(message) ?? says.exec(name);
    if (!said) continue;
    const found = typeof explanation === 'function' ? explanation(place, said) : explanation;
    return { ...found, billing: base.billing ?? 'none' };
  }
  return base;
}
