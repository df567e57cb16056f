import { composeOptions } from './configuration.ts';
import type { CoreHolder, CoreState } from './coreHolder.ts';
import { runAws } from './runAws.ts';

/** Logs in to AWS with the profile in use, or with the given one. */
export async function logInToAws(holder: CoreHolder, profile?: string | null): Promise<void> {
  const used = profile === undefined ? profileInUse(holder.state) : profile;
  await runAws(['sso', 'login', ...(used === null ? [] : ['--profile', used])]);
}

function profileInUse(state: CoreState): string | null {
  return state.kind === 'ready' ? state.core.loaded.settings.aws.profile : (composeOptions().profile ?? null);
}
