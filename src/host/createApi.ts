import type { ApiCallOptions, ApiRequest, TidyLlmApi } from './api.ts';
import type { CoreHolder } from './coreHolder.ts';
import type { GitContext } from './gitContext.ts';

/** The API of this window's core. */
export function createApi(holder: CoreHolder, git: GitContext, version: string): TidyLlmApi {
  // Loaded on first use, since loading code dominates start-up.
  const calls = () => import('./apiCalls.ts');
  return Object.freeze({
    version,
    status: async () => (await calls()).status(holder),
    gateways: async () => (await calls()).gateways(holder),
    budget: async () => (await calls()).budget(holder),
    execute: async (request: ApiRequest, options?: ApiCallOptions) =>
      (await calls()).execute(holder, git, request, options),
  });
}
