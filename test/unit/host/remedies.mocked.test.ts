import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { errorCodes, type GatewayErrorCode } from '../../../src/errorCodes.ts';
import { GatewayError } from '../../../src/errors.ts';
import { gatewayUnavailable } from '../../../src/gateways/registry.ts';
import { commandIds } from '../../../src/host/commandIds.ts';
import { briefMessage, errorText } from '../../../src/host/errorText.ts';
import { commandOf, remedyLabel } from '../../../src/host/remedies.ts';
import { remedySchema } from '../../../src/remedies.ts';
import { failedCredentials } from '../../../src/sessions/awsErrors.ts';
import { checkSettingsText, loadSettings } from '../../../src/settings/loadSettings.ts';
import { turnSchema } from '../../../src/chat/turn.ts';
import { temporaryFolder } from '../../support/temporary.ts';

vi.mock('vscode', async () => (await import('../../support/vscode.ts')).fakeVscode);

describe('what mends an error', () => {
  const codes = Object.keys(errorCodes) as GatewayErrorCode[];

  it.each(codes)('%s: at most three remedies, each with a button and a command', (code) => {
    const { remedy } = new GatewayError(code, 'message', { retryable: true });
    expect(remedy.length).toBeLessThanOrEqual(3);
    for (const one of remedy) {
      expect(remedySchema.parse(one)).toEqual(one);
      expect(remedyLabel(one)).not.toBe('');
      if (one.kind !== 'retry') expect(commandIds).toContain(commandOf(one));
    }
  });

  it('opens an invalid settings file at the first fault', async () => {
    const file = join(temporaryFolder(), 'settings.yaml');
    writeFileSync(file, 'budget:\n  daily_limit: 5\nother: 1\n');
    const error: unknown = await loadSettings({ TIDYLLM_SETTINGS: file }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'settings_invalid',
      place: { file, line: 2, column: 3 },
      remedy: [{ kind: 'open_settings', place: { file, line: 2, column: 3 } }, { kind: 'reconnect' }],
    });
  });

  it('mends what keeps the gateway down', () => {
    const cause = new GatewayError('credentials_expired', 'expired');
    expect(gatewayUnavailable('corporate_llm', cause).remedy).toEqual([
      { kind: 'connect_aws' },
      { kind: 'retry' },
    ]);
    expect(gatewayUnavailable('corporate_llm').remedy[0]).toEqual({ kind: 'reconnect' });
  });

  it('offers a login where that is what expired, and not for keys', () => {
    const login = { kind: 'log_in_to_aws' };
    const session = failedCredentials(new Error('The SSO session has expired.'), 'corporate');
    expect(session).toMatchObject({ code: 'credentials_expired' });
    expect(session.remedy[0]).toEqual(login);
    const keys = failedCredentials(new Error('The security token is expired'), 'corporate');
    expect(keys).toMatchObject({ code: 'credentials_expired' });
    expect(keys.remedy).not.toContainEqual(login);
  });

  it('offers to try again only where that can help', () => {
    const retry = { kind: 'retry' };
    expect(new GatewayError('backend_throttled', 'm', { retryable: true }).remedy).toContainEqual(retry);
    expect(new GatewayError('backend_throttled', 'm').remedy).not.toContainEqual(retry);
  });
});

describe('a key of the settings that is nearly right', () => {
  const correctionsIn = (text: string) =>
    checkSettingsText('/s.yaml', text, {}, 'user').map(({ correction }) => correction);

  it('has the word that may stand in its place', () => {
    expect(correctionsIn('budget:\n  daily_limit_us: 5\n')).toEqual(['daily_limit_usd']);
  });

  it('that belongs elsewhere has none: another name would not mend it', () => {
    expect(correctionsIn('daily_limit_usd: 5\n')).toEqual([undefined]);
  });
});

describe('a conversation that an earlier version kept', () => {
  const failed = (fixes: unknown[]) => ({
    ...{ id: 'a', question: 'Why?', reason: 'JIRA-1', model: 'nova-micro', simulated: false, answer: '' },
    result: {
      ...{ status: 'failed', processingTimeMs: null, tokens: null, cost: null, costEstimated: false },
      ...{ record: null, failure: { message: 'It failed.', hint: '', fixes } },
    },
  });

  it('is read with its turns, without the buttons that it knew otherwise', () => {
    const kept = [
      { label: 'Connect AWS…', fix: { kind: 'command', command: 'tidyllm.connectAws' } },
      { label: 'Try Again', remedy: { kind: 'retry' } },
    ];
    const { question, result } = turnSchema.parse(failed(kept));
    expect(question).toBe('Why?');
    expect(result?.failure?.fixes).toEqual([kept[1]]);
  });
});

describe('an error in the log', () => {
  it('has its causes but nothing else that hangs on them', () => {
    const cause = Object.assign(new Error('socket closed'), { request: { body: 'the prompt' } });
    const text = errorText(new GatewayError('backend_failed', 'It failed.', { cause }));
    expect(text).toContain('It failed.');
    expect(text).toContain('Caused by: Error: socket closed');
    expect(text).not.toContain('the prompt');
  });
});

describe('an error in a view', () => {
  it('names a settings file without its folder', () => {
    const faults = '/home/ada/.config/settings.yaml:2:3: unknown key\nC:\\u\\settings.yaml:9:1: wrong';
    expect(briefMessage(new Error(faults))).toBe('settings.yaml:2:3: unknown key\nsettings.yaml:9:1: wrong');
    const down = new Error('The gateway corporate_llm is not up. /my home/settings.yaml:2:3: unknown key');
    expect(briefMessage(down)).toBe('The gateway corporate_llm is not up. settings.yaml:2:3: unknown key');
    expect(briefMessage(new Error('No such file: /a/b'))).toBe('No such file: /a/b');
  });
});
