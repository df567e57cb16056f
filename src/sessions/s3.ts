import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { GatewayError } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';
import type { Settings } from '../settings/schema.ts';
import type { AwsKeys } from './awsCredentials.ts';
import { check, failedService, unreachable } from './check.ts';
import type { Network } from './network.ts';

/** A client of the team's bucket with these keys. */
export function openS3(
  { region, endpoint }: { region: string; endpoint: string | null },
  credentials: AwsKeys,
  network: Network,
): S3Client {
  return new S3Client({
    region,
    // Other servers than Amazon's have no name for each bucket.
    ...(endpoint !== null && { endpoint, forcePathStyle: true }),
    ...(process.env['AWS_ENDPOINT_URL_S3'] && { forcePathStyle: true }),
    credentials,
    requestHandler: network.requestHandler(endpoint ?? `https://s3.${region}.amazonaws.com`),
    maxAttempts: 1,
  });
}

/** Asks whether the bucket is there and may be used. */
export async function checkS3(
  client: () => Promise<S3Client>,
  { bucket }: Pick<Settings['s3'], 'bucket'>,
  signal: AbortSignal,
): Promise<Health> {
  return check(
    signal,
    async () => {
      const { BucketRegion: region } = await (
        await client()
      ).send(new HeadBucketCommand({ Bucket: bucket ?? '' }), {
        abortSignal: signal,
      });
      return `The bucket ${bucket} answers${region ? ` in ${region}` : ''}.`;
    },
    (error) => explain(error, bucket ?? ''),
  );
}

function explain(error: unknown, bucket: string): GatewayError {
  const status = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
  if (status === 404) {
    return failedService(`There is no bucket ${bucket}.`, 'Create it, or correct s3.bucket.', error);
  }
  if (status === 403) {
    return failedService(
      `AWS denies access to the bucket ${bucket}.`,
      'Allow s3:ListBucket, s3:GetObject and s3:PutObject for these credentials.',
      error,
    );
  }
  if (status === 301 || status === 400) {
    return failedService(`The bucket ${bucket} is in another region.`, 'Correct s3.region.', error);
  }
  if (status !== undefined) return failedService(`S3 fails (HTTP ${status}).`, 'Try again later.', error);
  return unreachable('S3', `the bucket ${bucket}`, 's3.endpoint and s3.region', error);
}
