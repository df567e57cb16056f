import { hash, randomBytes, randomUUID } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GatewayError } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';
import type { Exercise, ObjectStore } from '../gateways/services.ts';
import type { Settings } from '../settings/schema.ts';
import type { AwsKeys } from './awsCredentials.ts';
import { awsRequestHandler } from './awsRequestHandler.ts';
import { check, failedService, unreachable } from './check.ts';
import { cleanUpTimeoutMs, exercise } from './exercise.ts';
import type { Network } from './network.ts';

/** A client of the team's bucket with these keys. */
export function openS3(
  { region, endpoint }: { region: string; endpoint: string | null },
  credentials: AwsKeys,
  network: Network,
): S3Client {
  return new S3Client({
    region,
    // Servers other than Amazon's have no host name for each bucket.
    ...(endpoint !== null && { endpoint, forcePathStyle: true }),
    ...(process.env['AWS_ENDPOINT_URL_S3'] && { forcePathStyle: true }),
    credentials,
    requestHandler: awsRequestHandler(network, endpoint ?? `https://s3.${region}.amazonaws.com`),
    // The SDK's second attempt corrects a wrong clock.
    maxAttempts: 2,
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

/** Puts an object under the configured prefix, reads it back, compares and deletes it, also when a step fails. */
export function exerciseS3(
  client: () => Promise<S3Client>,
  { bucket: configured, prefix }: Pick<Settings['s3'], 'bucket' | 'prefix'>,
  signal: AbortSignal,
): Promise<Exercise> {
  const bucket = configured ?? '';
  const object = { Bucket: bucket, Key: `${prefix}integration-test-${randomUUID()}` };
  const body = randomBytes(1024);
  const sha256 = hash('sha256', body);
  return exercise(
    signal,
    async (step) => {
      let written = false as boolean;
      try {
        await step(
          'Put an object',
          async (abortSignal) => {
            // It may have been stored although no answer came.
            written = true;
            const put = new PutObjectCommand({ ...object, Body: body });
            await (await client()).send(put, { abortSignal });
          },
          () => `${body.length} bytes as ${object.Key} in ${bucket}.`,
        );
        await step(
          'Get it back',
          async (abortSignal) => {
            const { Body } = await (await client()).send(new GetObjectCommand(object), { abortSignal });
            const found = hash('sha256', (await Body?.transformToByteArray()) ?? new Uint8Array());
            if (found !== sha256)
              throw failedService(
                's3',
                `S3 gave back other bytes than were put into ${bucket}.`,
                'Look at what stands between this machine and S3.',
              );
          },
          () => `Its SHA-256 is that of what was put: ${sha256}.`,
        );
        await step(
          'Delete it',
          async (abortSignal) => (await client()).send(new DeleteObjectCommand(object), { abortSignal }),
          () => `${object.Key} is deleted.`,
        );
        written = false;
      } finally {
        if (written) await removeObject(client, object);
      }
    },
    (error) => explain(error, bucket),
  );
}

/** Objects of every bucket that the credentials may use. */
export function objectStore(client: () => Promise<S3Client>): ObjectStore {
  return {
    get: (bucket, key, most, signal) =>
      asked(bucket, key, signal, async () => {
        const get = new GetObjectCommand({ Bucket: bucket, Key: key });
        const { Body, ContentLength = 0 } = await (await client()).send(get, { abortSignal: signal });
        if (ContentLength > most) throw tooLarge(`s3://${bucket}/${key}`, ContentLength, most);
        return Buffer.from((await Body?.transformToByteArray()) ?? []);
      }),
    list: (bucket, prefix, most, signal) =>
      asked(bucket, prefix, signal, async () => {
        const keys: string[] = [];
        let next: string | undefined;
        do {
          const list = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: next });
          const { Contents = [], NextContinuationToken } = await (
            await client()
          ).send(list, { abortSignal: signal });
          keys.push(...Contents.flatMap(({ Key }) => Key ?? []));
          next = NextContinuationToken;
        } while (next !== undefined && keys.length < most);
        return keys.slice(0, most);
      }),
    put: (bucket, key, body, signal) =>
      asked(bucket, key, signal, async () => {
        const put = new PutObjectCommand({ Bucket: bucket, Key: key, Body: body });
        await (await client()).send(put, { abortSignal: signal });
      }),
  };
}

async function asked<T>(
  bucket: string,
  key: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (GatewayError.is(error)) throw error;
    if ((error as Error).name !== 'NoSuchKey') throw explain(error, bucket);
    throw new GatewayError('invalid_request', `There is no object ${key} in the bucket ${bucket}.`, {
      hint: 'Correct the place. One that ends in / is all objects below it.',
      cause: error,
    });
  }
}

function tooLarge(place: string, bytes: number, most: number): GatewayError {
  return new GatewayError('invalid_request', `${place} has ${bytes} bytes, and ${most} can be read.`, {
    hint: 'Name a smaller object, or split it.',
  });
}

async function removeObject(
  client: () => Promise<S3Client>,
  object: { Bucket: string; Key: string },
): Promise<void> {
  const abortSignal = AbortSignal.timeout(cleanUpTimeoutMs);
  try {
    await (await client()).send(new DeleteObjectCommand(object), { abortSignal });
  } catch {
    // The earlier failure is reported; a service that is down stores nothing.
  }
}

function explain(error: unknown, bucket: string): GatewayError {
  const status = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
  if (status === 404) {
    return failedService('s3', `There is no bucket ${bucket}.`, 'Create it, or correct s3.bucket.', error);
  }
  if (status === 403) {
    return failedService(
      's3',
      `AWS denies access to the bucket ${bucket}.`,
      'Allow s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject for these credentials.',
      error,
    );
  }
  if (status === 301 || status === 400) {
    return failedService('s3', `The bucket ${bucket} is in another region.`, 'Correct s3.region.', error);
  }
  if (status !== undefined)
    return failedService('s3', `S3 fails (HTTP ${status}).`, 'Try again later.', error);
  return unreachable('s3', 'S3', `the bucket ${bucket}`, 's3.endpoint and s3.region', error);
}
