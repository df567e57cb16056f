import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { AwsKeys } from './awsCredentials.ts';
import { awsRequestHandler } from './awsRequestHandler.ts';
import type { Network } from './network.ts';

/** The owner of the credentials, according to AWS. */
export interface CallerIdentity {
  account: string;
  arn: string;
  /** The person's name in the ARN; null where it names a machine or was made up by a tool. */
  name: string | null;
}

/** Asks AWS who owns the credentials: a free call that needs no permission. Throws what the SDK throws. */
export async function callerIdentity(
  credentials: AwsKeys,
  { region, network }: { region: string; network: Network },
  signal: AbortSignal,
): Promise<CallerIdentity> {
  const client = new STSClient({
    region,
    credentials,
    requestHandler: awsRequestHandler(network, `https://sts.${region}.amazonaws.com`),
    // The SDK's second attempt corrects a wrong clock.
    maxAttempts: 2,
  });
  const { Account: account = '', Arn: arn = '' } = await client.send(new GetCallerIdentityCommand({}), {
    abortSignal: signal,
  });
  return { account, arn, name: nameIn(arn) };
}

/** `assumed-role/Developer/ada@example.com` → `ada@example.com`; names that tools generate are no person's. */
export function nameIn(arn: string): string | null {
  const [, kind, rest] =
    /^arn:[^:]*:(?:sts|iam)::\d*:(assumed-role|user|federated-user)\/(.+)$/.exec(arn) ?? [];
  const name = rest?.split('/').at(-1);
  if (kind === undefined || !name) return null;
  const madeUp = /^(i-[0-9a-f]+|aws-sdk-.*|botocore-session-.*|session-?\d+|\d+|[0-9a-f-]{32,})$/i;
  return kind === 'assumed-role' && madeUp.test(name) ? null : name;
}
