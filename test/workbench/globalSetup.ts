import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';
import { calmSettings, installExtension, leanEditor, writeSettings } from '../../tools/editor.mjs';
import { packageExtension } from '../../tools/package.mjs';
import { browser } from '../../tools/setup.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    /** The VSIX under test: the one that the variable VSIX names, otherwise built now. */
    vsix: string;
    /** An editor profile with the VSIX installed; every editor starts on a copy of it. */
    profile: string;
    browser: string;
    /** The script that starts the editor with few of VS Code's own extensions. */
    leanEditor: string;
  }
}

/** Once for all tests: packs the extension and installs it into a profile that the editors copy. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'tidyllm-profile-'));
  const profile = join(folder, 'profile');
  const vsix = resolve(process.env.VSIX ?? join(folder, 'extension.vsix'));
  if (!process.env.VSIX) await packageExtension(vsix);
  await writeSettings(profile, calmSettings);
  await installExtension(profile, vsix);
  project.provide('vsix', vsix);
  project.provide('profile', profile);
  project.provide('browser', await browser());
  project.provide('leanEditor', await leanEditor());
  return () => rm(folder, { recursive: true, force: true });
}
