import { describe, expect, it } from 'vitest';
import { errorExitCodes, GatewayError, type GatewayErrorCode } from '../../../src/errors.ts';
import { briefMessage, errorText } from '../../../src/host/errorText.ts';
import { fixesFor } from '../../../src/host/fixes.ts';
import { gatewayUnavailable } from '../../../src/gateways/registry.ts';

describe('the fixes of an error', () => {
  const codes = Object.keys(errorExitCodes) as GatewayErrorCode[];

  it.each(codes)('%s: at most three', (code) => {
    expect(fixesFor(new GatewayError(code, 'message')).length).toBeLessThanOrEqual(3);
  });

  it('opens an invalid settings file at the first fault', () => {
    const error = new GatewayError(
      'settings_invalid',
      'C:\\u\\settings.yaml:3:7: unknown key\n/x:9:9: other',
    );
    expect(fixesFor(error)[0]).toEqual({
      kind: 'command',
      command: 'tidyllm.openSettingsFile',
      place: { file: 'C:\\u\\settings.yaml', line: 3, column: 7 },
    });
  });

  it('mends what keeps the gateway down', () => {
    const cause = new GatewayError('credentials_expired', 'expired');
    expect(fixesFor(gatewayUnavailable('corporate_llm', cause))).toEqual([
      { kind: 'command', command: 'tidyllm.connectAws' },
      { kind: 'retry' },
    ]);
  });

  it('offers a login where that is what expired, and not for keys', () => {
    const hint = 'Run "aws sso login --profile corporate".';
    const expired = new GatewayError('credentials_expired', 'The AWS login has expired.', { hint });
    const login = { kind: 'command', command: 'tidyllm.logInToAws' };
    expect(fixesFor(expired)[0]).toEqual(login);
    const keys = new GatewayError('credentials_expired', 'expired', { hint: 'Renew them.' });
    expect(fixesFor(keys)).not.toContainEqual(login);
  });

  it('offers to try again only where that can help', () => {
    const retry = { kind: 'retry' };
    expect(fixesFor(new GatewayError('backend_throttled', 'm', { retryable: true }))).toContainEqual(retry);
    expect(fixesFor(new GatewayError('backend_throttled', 'm'))).not.toContainEqual(retry);
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
