import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { ComposeOptions, Core } from '../../src/core/core.ts';
import type { LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { anthropicKey, startAnthropicStandIn } from '../standIn/anthropic/anthropicStandIn.ts';
import type { DirectStandIn } from '../standIn/direct/server.ts';
import { openAiKey, startOpenAiStandIn } from '../standIn/openAi/openAiStandIn.ts';
import { isolatedEnvironment, setEnvironment } from './gateways.ts';
import { temporaryFolder } from './temporary.ts';

/** A back-end that is called over HTTP, with a stand-in of its service. */
export interface DirectService {
  id: string;
  /** As messages show it. */
  name: string;
  model: string;
  key: string;
  /** The variable that holds the key. */
  keyVariable: string;
  /** Whether calls without a key are refused. */
  keyNeeded: boolean;
  start: () => Promise<DirectStandIn>;
  /** Whether its streams show that a model reasoned. */
  showsReasoning: boolean;
  /** The lines of settings.yaml that use the stand-in. */
  settings: (url: string) => string;
}

export const anthropic: DirectService = {
  id: 'anthropic',
  name: 'Anthropic',
  model: 'claude-sonnet-4-6',
  key: anthropicKey,
  keyVariable: 'ANTHROPIC_API_KEY',
  keyNeeded: true,
  start: startAnthropicStandIn,
  showsReasoning: true,
  settings: (url) => `ai:\n  backends: [anthropic]\n  anthropic:\n    endpoint: ${url}\n`,
};

export const openai: DirectService = {
  id: 'openai',
  name: 'OpenAI',
  model: 'gpt-5.4',
  key: openAiKey,
  keyVariable: 'OPENAI_API_KEY',
  keyNeeded: true,
  start: startOpenAiStandIn,
  showsReasoning: true,
  settings: (url) => `ai:\n  backends: [openai]\n  openai:\n    endpoint: ${url}/v1\n`,
};

export const compatible: DirectService = {
  id: 'compatible',
  name: 'Team server',
  model: 'team-model',
  key: openAiKey,
  keyVariable: 'COMPATIBLE_API_KEY',
  keyNeeded: false,
  start: startOpenAiStandIn,
  showsReasoning: false,
  settings: (url) =>
    `ai:\n  backends: [compatible]\n  compatible:\n    name: Team server\n    endpoint: ${url}/v1\nmodels:\n  team-model:\n    base: gpt-4o\n`,
};

export const directServices: readonly DirectService[] = [anthropic, openai, compatible];

export interface DirectGateway {
  core: Core;
  home: string;
  standIn: DirectStandIn;
  ask: (request: LlmRequest, signal?: AbortSignal) => Promise<LlmResponse>;
}

/** The real core on a stand-in of a service, with a home of its own. */
export async function gatewayOn(
  service: DirectService,
  environment: Record<string, string> = {},
  moreSettings = '',
  options: Partial<ComposeOptions> = {},
): Promise<DirectGateway> {
  const home = temporaryFolder();
  const standIn = await service.start();
  writeFileSync(join(home, 'settings.yaml'), service.settings(standIn.url) + moreSettings);
  setEnvironment({
    ...isolatedEnvironment(home),
    ...{ ANTHROPIC_BASE_URL: '', OPENAI_BASE_URL: '' },
    [service.keyVariable]: service.key,
    ...environment,
  });
  const core = await compose({ environment: process.env, user: 'ada', ...options });
  onTestFinished(async () => {
    await core.dispose();
    await standIn.close();
  });
  const ask: DirectGateway['ask'] = (request, signal) =>
    core.registry
      .calls()
      .execute(
        { auditReason: 'JIRA-1 direct', modelId: service.model, maxTokens: 2000, ...request },
        signal ? { signal } : {},
      );
  return { core, home, standIn, ask };
}
