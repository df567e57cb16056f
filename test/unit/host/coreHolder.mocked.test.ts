import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, vi } from 'vitest';
import type * as vscode from 'vscode';
import type { Core } from '../../../src/core/core.ts';
import { CoreHolder } from '../../../src/host/coreHolder.ts';
import { temporaryFolder } from '../../support/temporary.ts';

vi.mock('vscode', async () => (await import('../../support/vscode.ts')).fakeVscode);

const log = { info: () => undefined, error: () => undefined } as unknown as vscode.LogOutputChannel;

let composed = 0;
let holder: CoreHolder;

beforeEach(() => {
  composed = 0;
  holder = new CoreHolder(() => {
    composed += 1;
    return Promise.resolve({
      backend: {},
      journal: {},
      ledger: { recover: () => Promise.resolve(), onDidChange: () => () => undefined },
      dispose: () => Promise.resolve(),
    } as unknown as Core);
  }, log);
});

it('uses settings that changed without a word from the editor', async () => {
  const home = temporaryFolder();
  vi.stubEnv('TIDYLLM_HOME', home);
  await holder.whenReady();
  await holder.whenReady();
  expect(composed).toBe(1);
  writeFileSync(join(home, 'settings.yaml'), 'audit: { content: full }\n');
  await holder.whenReady();
  await holder.whenReady();
  expect(composed).toBe(2);
});

it('leaves it to composing to say what is wrong with the place of the settings', async () => {
  vi.stubEnv('TIDYLLM_HOME', 'not/absolute');
  const failing = new CoreHolder(() => Promise.reject(new Error('no place')), log);
  await expect(failing.whenReady()).rejects.toMatchObject({ code: 'gateway_unavailable' });
  await expect(failing.whenReady()).rejects.toMatchObject({ code: 'gateway_unavailable' });
});
