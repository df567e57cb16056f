import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { ComposeOptions, Core } from '../../src/core/core.ts';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { singleCalls } from './singleCalls.ts';
import { temporaryFolder } from './temporary.ts';

/** Keeps a test away from the AWS files and instance metadata of the machine it runs on. */
export function isolatedEnvironment(home: string): Record<string, string> {
  return {
    TIDYLLM_HOME: home,
    // What is kept beside the home, such as which homes there are.
    XDG_STATE_HOME: join(home, 'state'),
    AWS_CONFIG_FILE: join(home, 'aws-config'),
    AWS_SHARED_CREDENTIALS_FILE: join(home, 'aws-credentials'),
    AWS_EC2_METADATA_DISABLED: 'true',
    ...singleCalls,
  };
}

/** Sets variables of this process for one test: the AWS SDK reads nothing else. */
export function setEnvironment(values: Record<string, string | undefined>): void {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('AWS_') || name.startsWith('TIDYLLM_')) Reflect.deleteProperty(process.env, name);
  }
  Object.assign(process.env, values);
  onTestFinished(() => {
    process.env = before;
  });
}

export interface TestGateway {
  core: Core;
  home: string;
  standIn: BedrockStandIn;
}

/** The real core on a stand-in of Bedrock, with a home of its own. */
export async function gatewayOnStandIn(
  environment: Record<string, string> = {},
  options: Partial<ComposeOptions> = {},
): Promise<TestGateway> {
  const home = temporaryFolder();
  const standIn = await startBedrockStandIn();
  setEnvironment({
    ...isolatedEnvironment(home),
    AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
    ...environment,
  });
  const core = await compose({ environment: process.env, user: 'ada', ...options });
  onTestFinished(async () => {
    await core.dispose();
    await standIn.close();
  });
  return { core, home, standIn };
}

/** The real core on the mock back-end. */
export async function gatewayOnMock(
  environment: Record<string, string> = {},
): Promise<{ core: Core; home: string }> {
  const home = temporaryFolder();
  setEnvironment({ ...isolatedEnvironment(home), ...environment });
  const core = await compose({ environment: process.env, user: 'ada' });
  onTestFinished(() => core.dispose());
  return { core, home };
}
