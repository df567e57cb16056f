import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { ComposeOptions, Core } from '../../src/core/core.ts';
import { startAwsIdentityStandIn, type AwsIdentityStandIn } from '../standIn/awsIdentity.ts';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { setEnvironment } from './gateways.ts';
import { singleCalls } from './singleCalls.ts';
import { temporaryFolder } from './temporary.ts';

export interface Machine {
  home: string;
  identity: AwsIdentityStandIn;
  bedrock: BedrockStandIn;
  /** Writes a file of the home folder whole, as tools do. */
  write: (name: string, content: string) => void;
  /** The core with this environment besides. */
  start: (environment?: Record<string, string>, options?: Partial<ComposeOptions>) => Promise<Core>;
}

/** A machine of its own: home folder, metadata, STS, single sign-on and Bedrock. It has no role of its own. */
export async function machine(): Promise<Machine> {
  const home = temporaryFolder();
  const [identity, bedrock] = await Promise.all([startAwsIdentityStandIn(), startBedrockStandIn()]);
  identity.hasRole = false;
  onTestFinished(async () => {
    await Promise.all([identity.close(), bedrock.close()]);
  });
  const write: Machine['write'] = (name, content) => {
    mkdirSync(join(home, name, '..'), { recursive: true });
    writeFileSync(join(home, `${name}.new`), content);
    renameSync(join(home, `${name}.new`), join(home, name));
  };
  const start: Machine['start'] = async (environment = {}, options = {}) => {
    setEnvironment({
      ...singleCalls,
      ...{ TIDYLLM_HOME: home, HOME: home, AWS_REGION: 'us-east-1' },
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrock.url,
      AWS_ENDPOINT_URL_STS: identity.url,
      AWS_ENDPOINT_URL_SSO: identity.url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: identity.url,
      ...environment,
    });
    const core = await compose({ environment: process.env, ...options });
    onTestFinished(() => core.dispose());
    return core;
  };
  return { home, identity, bedrock, write, start };
}

/** One call, as its caller sees it. */
export async function call(
  core: Core,
): Promise<{ success: boolean; code: string | null; message: string; hint: string }> {
  const { success, error } = await core.registry
    .calls()
    .execute({ prompt: 'hello', auditReason: 'JIRA-1 test' });
  return { success, code: error?.code ?? null, message: error?.message ?? '', hint: error?.hint ?? '' };
}
