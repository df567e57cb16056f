import {
  BedrockClient,
  GetInferenceProfileCommand,
  ListInferenceProfilesCommand,
} from '@aws-sdk/client-bedrock';
import type { ProfileDirectory } from '../pricing/inferenceProfiles.ts';
import type { AwsKeys } from '../sessions/awsCredentials.ts';
import { awsRequestHandler } from '../sessions/awsRequestHandler.ts';
import type { Network } from '../sessions/network.ts';

/** The time limit of these optional requests. */
const timeoutMs = 3_000;
const mostPages = 20;

export interface BedrockProfilesOptions {
  keys: () => Promise<AwsKeys>;
  /** A bearer key that replaces credentials; null signs every request. */
  bearerToken: string | null;
  network: Network;
  profile: string | null;
  region: string;
}

/** Asks Amazon Bedrock's control plane about inference profiles, where the account may. */
export class BedrockProfiles implements ProfileDirectory {
  readonly #options: BedrockProfilesOptions;

  constructor(options: BedrockProfilesOptions) {
    this.#options = options;
  }

  list(): Promise<readonly string[] | null> {
    return this.#ask(async (client, abortSignal) => {
      const ids: string[] = [];
      let nextToken: string | undefined;
      for (let page = 0; page < mostPages; page += 1) {
        const command = new ListInferenceProfilesCommand({
          maxResults: 1000,
          typeEquals: 'SYSTEM_DEFINED',
          nextToken,
        });
        const found = await client.send(command, { abortSignal });
        for (const { inferenceProfileId, status } of found.inferenceProfileSummaries ?? [])
          if (inferenceProfileId && status === 'ACTIVE') ids.push(inferenceProfileId);
        nextToken = found.nextToken;
        if (nextToken === undefined) return ids;
      }
      return null;
    });
  }

  modelsOf(profileArn: string): Promise<readonly string[] | null> {
    return this.#ask(async (client, abortSignal) => {
      const command = new GetInferenceProfileCommand({ inferenceProfileIdentifier: profileArn });
      const { models } = await client.send(command, { abortSignal });
      return models?.flatMap(({ modelArn }) => modelArn ?? []) ?? null;
    });
  }

  /** Null for any failure: an account without this permission works without the answer. */
  async #ask<Answer>(
    question: (client: BedrockClient, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer | null> {
    const { keys, bearerToken, network, profile, region } = this.#options;
    try {
      const client = new BedrockClient({
        region,
        ...(profile === null ? {} : { profile }),
        ...(bearerToken === null ? { credentials: await keys() } : { token: { token: bearerToken } }),
        authSchemePreference: [bearerToken === null ? 'sigv4' : 'httpBearerAuth'],
        requestHandler: awsRequestHandler(network, `https://bedrock.${region}.amazonaws.com`),
        maxAttempts: 2,
      });
      try {
        return await question(client, AbortSignal.timeout(timeoutMs));
      } finally {
        client.destroy();
      }
    } catch {
      return null;
    }
  }
}
