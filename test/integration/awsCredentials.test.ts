import { createHash } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { nameIn } from '../../src/sessions/callerIdentity.ts';
import { call, machine } from '../support/awsMachine.ts';
import { tidyllm } from '../support/commandLine.ts';

const keys = 'aws_access_key_id = AKIAFILE\naws_secret_access_key = secret\n';
const environmentKeys = { AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'secret' };
const settingsKeys =
  'aws: { credentials: { access_key_id: "${CORPORATE_ID}", secret_access_key: "${CORPORATE_SECRET}" } }\n';
const corporate = { CORPORATE_ID: 'AKIASETTINGS', CORPORATE_SECRET: 'secret' };

describe('each source of credentials alone', () => {
  it('the role of this machine', async () => {
    const { identity, bedrock, start } = await machine();
    identity.hasRole = true;
    const core = await start();
    expect((await core.sessions.credentialStatus()).found).toMatchObject({ source: 'iam_role' });
    expect(await call(core)).toMatchObject({ success: true });
    expect(bedrock.calls[0]?.accessKeyId).toMatch(/^ASIAINSTANCE/);
  });

  it('the role of a container', async () => {
    const { identity, bedrock, start } = await machine();
    const core = await start({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${identity.url}/container` });
    expect((await core.sessions.credentialStatus()).found?.detail).toContain('container');
    expect(await call(core)).toMatchObject({ success: true });
    expect(bedrock.calls[0]?.accessKeyId).toMatch(/^ASIACONTAINER/);
  });

  it('a web identity', async () => {
    const { home, identity, bedrock, write, start } = await machine();
    write('token', 'a.web.token');
    const core = await start({
      AWS_WEB_IDENTITY_TOKEN_FILE: join(home, 'token'),
      AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/web',
    });
    expect(await call(core)).toMatchObject({ success: true });
    expect(bedrock.calls[0]?.accessKeyId).toMatch(/^ASIAWEB/);
    expect(identity.asked).toContain(
      'AssumeRoleWithWebIdentity arn:aws:iam::111122223333:role/web with a web token',
    );
  });

  it('keys in the environment', async () => {
    const { bedrock, start } = await machine();
    const core = await start(environmentKeys);
    expect((await core.sessions.credentialStatus()).found).toMatchObject({ source: 'environment' });
    await call(core);
    expect(bedrock.calls[0]?.accessKeyId).toBe('AKIAENV');
  });

  it.each(['.aws/credentials', '.aws/config'])('the default profile, in %s alone', async (file) => {
    const { bedrock, write, start } = await machine();
    write(file, `[default]\n${keys}`);
    const core = await start();
    expect((await core.sessions.credentialStatus()).found).toMatchObject({
      source: 'profile',
      profile: 'default',
    });
    await call(core);
    expect(bedrock.calls[0]?.accessKeyId).toBe('AKIAFILE');
  });

  it('a named profile that stands in config only', async () => {
    const { bedrock, write, start } = await machine();
    write('.aws/config', `[profile corporate]\nregion = eu-west-1\n${keys}`);
    write('settings.yaml', 'aws: { profile: corporate }\n');
    await call(await start());
    expect(bedrock.calls[0]?.accessKeyId).toBe('AKIAFILE');
  });

  it('a credential process', async () => {
    const { home, bedrock, write, start } = await machine();
    write(
      'helper',
      '#!/bin/sh\necho \'{"Version":1,"AccessKeyId":"AKIAHELPER","SecretAccessKey":"secret","SessionToken":"t"}\'\n',
    );
    chmodSync(join(home, 'helper'), 0o700);
    write('.aws/config', `[default]\ncredential_process = ${join(home, 'helper')}\n`);
    await call(await start());
    expect(bedrock.calls[0]?.accessKeyId).toBe('AKIAHELPER');
  });

  it('a chain of roles', async () => {
    const { identity, bedrock, write, start } = await machine();
    write('.aws/credentials', `[base]\n${keys}`);
    write(
      '.aws/config',
      '[profile first]\nrole_arn = arn:aws:iam::1:role/first\nsource_profile = base\n[profile second]\nrole_arn = arn:aws:iam::1:role/second\nsource_profile = first\n',
    );
    await call(await start({ AWS_PROFILE: 'second' }));
    expect(bedrock.calls[0]?.accessKeyId).toMatch(/^ASIASECOND/);
    expect(identity.asked.filter((one) => one.startsWith('AssumeRole'))).toEqual([
      'AssumeRole arn:aws:iam::1:role/first with AKIAFILE',
      expect.stringMatching(/^AssumeRole arn:aws:iam::1:role\/second with ASIAFIRST/) as string,
    ]);
  });

  it('a role that asks for the code of an MFA device', async () => {
    const { identity, bedrock, write, start } = await machine();
    write('.aws/credentials', `[base]\n${keys}`);
    write(
      '.aws/config',
      '[profile guarded]\nrole_arn = arn:aws:iam::1:role/guarded\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/ada\n',
    );
    const serials: string[] = [];
    const mfaCode = (serial: string): Promise<string> => {
      serials.push(serial);
      return Promise.resolve('123456');
    };
    await call(await start({ AWS_PROFILE: 'guarded' }, { mfaCode }));
    expect(bedrock.calls[0]?.accessKeyId).toMatch(/^ASIAGUARDED/);
    expect(serials).toEqual(['arn:aws:iam::1:mfa/ada']);
    expect(identity.asked[0]).toContain('and code 123456');
    const silent = await call(await start({ AWS_PROFILE: 'guarded' }));
    expect(silent).toMatchObject({
      code: 'credentials_missing',
      message: expect.stringContaining('mfa/ada') as string,
    });
  });

  it('keys that settings.yaml refers to', async () => {
    const { bedrock, write, start } = await machine();
    write('settings.yaml', settingsKeys);
    const core = await start(corporate);
    expect((await core.sessions.credentialStatus()).found).toMatchObject({ source: 'settings' });
    await call(core);
    expect(bedrock.calls[0]?.accessKeyId).toBe('AKIASETTINGS');
  });

  it('a bearer key, only when policy says so', async () => {
    const { bedrock, write, start } = await machine();
    const token = { AWS_BEARER_TOKEN_BEDROCK: 'bearer-key' };
    const refused = await start(token);
    expect(refused.simulatedBecause).toContain('aws.bedrock.bearer_token does not allow it');
    write('settings.yaml', 'aws: { bedrock: { bearer_token: true } }\n');
    const core = await start(token);
    expect(await call(core)).toMatchObject({ success: true });
    expect(bedrock.calls[0]?.authorization).toBe('Bearer bearer-key');
  });

  it('a bearer key never takes the place of keys without that', async () => {
    const { bedrock, start } = await machine();
    await call(await start({ ...environmentKeys, AWS_BEARER_TOKEN_BEDROCK: 'bearer-key' }));
    expect(bedrock.calls[0]?.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIAENV/);
  });

  it('none: answers are simulated and it is said why', async () => {
    const { start } = await machine();
    const core = await start();
    expect(core.simulatedBecause).toBe('No AWS credentials were found.');
    expect(await core.sessions.credentialStatus()).toMatchObject({ found: null, error: null });
  });
});

describe('sources of credentials in competition', () => {
  const order = ['iam_role', 'environment', 'profile', 'settings'] as const;

  it.each(order.map((source, index) => [source, order.slice(index)] as const))(
    '%s wins where %j are there',
    async (winner, present) => {
      const { identity, write, start } = await machine();
      const has = (source: (typeof order)[number]): boolean => present.includes(source);
      identity.hasRole = has('iam_role');
      if (has('profile')) write('.aws/credentials', `[default]\n${keys}`);
      write('settings.yaml', settingsKeys);
      const core = await start({ ...(has('environment') && environmentKeys), ...corporate });
      expect((await core.sessions.credentialStatus()).found?.source).toBe(winner);
    },
  );

  it('a profile that a person names for this window or call is taken before everything', async () => {
    const { identity, bedrock, write, start } = await machine();
    identity.hasRole = true;
    write('.aws/credentials', `[chosen]\n${keys}`);
    for (const [environment, options] of [
      [environmentKeys, { profile: 'chosen' }],
      [{ ...environmentKeys, AWS_PROFILE: 'chosen' }, {}],
    ] as const) {
      await call(await start(environment, options));
      expect(bedrock.calls.at(-1)?.accessKeyId).toBe('AKIAFILE');
    }
  });

  it.each([
    ['keys without a secret', { AWS_ACCESS_KEY_ID: 'AKIA' }, ''],
    ['a profile that is not there', {}, 'aws: { profile: gone }\n'],
    ['half of the keys of settings.yaml', { CORPORATE_ID: 'x' }, settingsKeys],
    [
      'a web identity without its file',
      { AWS_WEB_IDENTITY_TOKEN_FILE: '/none', AWS_ROLE_ARN: 'arn:aws:iam::1:role/x' },
      '',
    ],
  ])('%s are reported, never passed over', async (_what, environment, settings) => {
    const { write, start } = await machine();
    write('settings.yaml', settings);
    const core = await start(environment);
    expect(core.simulatedBecause).toBeNull();
    expect(await call(core)).toMatchObject({
      success: false,
      code: expect.stringMatching(/^credentials_/) as string,
    });
    expect((await core.sessions.credentialStatus()).error).not.toBeNull();
  });
});

describe('a profile that can’t be used', () => {
  it.each([
    ['is not there', ''],
    ['is half configured', '[profile corporate-sso]\nsso_start_url = https://corporate.example/start\n'],
  ])('is not said to have expired when it %s', async (_what, config) => {
    const { write, start } = await machine();
    write('.aws/config', config);
    expect(await call(await start({ AWS_PROFILE: 'corporate-sso' }))).toMatchObject({
      code: 'credentials_missing',
      message: expect.stringContaining('corporate-sso') as string,
    });
  });
});

describe('credentials that change while it runs', () => {
  it('new keys in the file count with the next call', async () => {
    const { bedrock, write, start } = await machine();
    write('.aws/credentials', `[default]\n${keys}`);
    const core = await start();
    await call(core);
    write('.aws/credentials', `[default]\n${keys.replace('AKIAFILE', 'AKIAROTATED')}`);
    await call(core);
    expect(bedrock.calls.map(({ accessKeyId }) => accessKeyId)).toEqual(['AKIAFILE', 'AKIAROTATED']);
  });

  it('credentials are renewed before they expire', async () => {
    const { identity, bedrock, start } = await machine();
    identity.hasRole = true;
    identity.validForMs = 60_000;
    const core = await start();
    await call(core);
    await call(core);
    const [first, second] = bedrock.calls.map(({ accessKeyId }) => accessKeyId);
    expect(first).not.toBe(second);
  });

  it('calls at the same time share one renewal', async () => {
    const { identity, start } = await machine();
    identity.hasRole = true;
    identity.validForMs = 60_000;
    const core = await start();
    identity.validForMs = 3_600_000;
    const before = identity.asked.filter((one) => one === 'metadata').length;
    await Promise.all([call(core), call(core), call(core)]);
    expect(identity.asked.filter((one) => one === 'metadata').length - before).toBe(1);
  });

  it('an answer that the token has expired is met with new credentials, once', async () => {
    const { identity, bedrock, start } = await machine();
    identity.hasRole = true;
    const core = await start();
    await call(core);
    bedrock.refuseKey(bedrock.calls[0]?.accessKeyId ?? '');
    expect(await call(core)).toMatchObject({ success: true });
    expect(bedrock.calls.at(-1)?.accessKeyId).not.toBe(bedrock.calls[0]?.accessKeyId);
  });

  it('keys that stay the same are not tried again', async () => {
    const { bedrock, start } = await machine();
    const core = await start(environmentKeys);
    bedrock.refuseKey('AKIAENV');
    expect(await call(core)).toMatchObject({ success: false, code: 'credentials_expired' });
    expect(bedrock.refused).toBe(1);
  });

  it('an expired single sign-on says how to log in, and counts at once after the login', async () => {
    const { identity, bedrock, write, start } = await machine();
    write(
      '.aws/config',
      '[sso-session corporate]\nsso_start_url = https://corporate.example/start\nsso_region = us-east-1\n[profile work]\nsso_session = corporate\nsso_account_id = 111122223333\nsso_role_name = Developer\n',
    );
    const cache = `.aws/sso/cache/${createHash('sha1').update('corporate').digest('hex')}.json`;
    const token = (expiresAt: Date): string =>
      JSON.stringify({
        startUrl: 'https://corporate.example/start',
        region: 'us-east-1',
        accessToken: 't',
        expiresAt,
      });
    write(cache, token(new Date(Date.now() - 60_000)));
    const core = await start({ AWS_PROFILE: 'work' });
    expect(await call(core)).toEqual({
      success: false,
      code: 'credentials_expired',
      message: 'The AWS login of the profile "work" has expired.',
      hint: 'Run "aws sso login --profile work".',
    });
    write(cache, token(new Date(Date.now() + 3_600_000)));
    expect(await call(core)).toMatchObject({ success: true });
    expect(bedrock.calls.at(-1)?.accessKeyId).toMatch(/^ASIASSO/);
    expect(identity.asked).toContain('sso');
  });
});

describe('the caller', () => {
  it('is who AWS says, unless somebody was named', async () => {
    const { start } = await machine();
    const core = await start(environmentKeys);
    expect(core).toMatchObject({
      user: 'ada@example.com',
      caller: { caller_arn: 'arn:aws:sts::111122223333:assumed-role/Developer/ada@example.com' },
    });
    expect((await start({ ...environmentKeys, TIDYLLM_USER: 'grace' })).user).toBe('grace');
    expect((await start(environmentKeys, { user: 'alan' })).user).toBe('alan');
  });

  it('is not waited for when a credential process hangs', async () => {
    const { home, write } = await machine();
    write('.aws/config', '[default]\ncredential_process = sleep 25\n');
    const environment = { TIDYLLM_HOME: home, AWS_EC2_METADATA_DISABLED: 'true', AWS_REGION: 'us-east-1' };
    const startedAt = performance.now();
    const { code, stdout } = await tidyllm(['doctor'], { environment });
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    expect(code).toBe(6);
    expect(stdout).toMatch(/^AWS credentials +failed/m);
  });

  it('is waited for while a person types the code of an MFA device', async () => {
    const { write, start } = await machine();
    write('.aws/credentials', `[base]\n${keys}`);
    write(
      '.aws/config',
      '[profile guarded]\nrole_arn = arn:aws:iam::1:role/guarded\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/ada\n',
    );
    const core = await start({ AWS_PROFILE: 'guarded' }, { mfaCode: () => delay(2_000, '123456') });
    // AWS was asked with what the code gave.
    expect(core.caller.caller_arn).toMatch(/^arn:aws:sts::/);
  });

  it('is the account of this machine where AWS can’t be asked', async () => {
    const { identity, start } = await machine();
    await identity.close();
    const core = await start(environmentKeys);
    expect(core.caller.caller_arn).toBeUndefined();
    expect(core.user).not.toContain('@');
  });

  it.each([
    ['arn:aws:sts::1:assumed-role/AWSReservedSSO_Developer_0/ada@example.com', 'ada@example.com'],
    ['arn:aws:iam::1:user/people/ada', 'ada'],
    ['arn:aws-us-gov:iam::1:user/ada', 'ada'],
    ['arn:aws:sts::1:assumed-role/ec2/i-0123456789abcdef0', null],
    ['arn:aws:sts::1:assumed-role/x/aws-sdk-js-session-1700000000', null],
    ['arn:aws:sts::1:assumed-role/x/botocore-session-1700000000', null],
    ['arn:aws:iam::1:root', null],
  ])('%s is %s', (arn, name) => {
    expect(nameIn(arn)).toBe(name);
  });
});

describe('a corporate network', () => {
  it('is passed through the proxy that is set, except for what is named', async () => {
    const passed: string[] = [];
    const proxy = createServer((request, response) => {
      passed.push(request.url ?? '');
      const { hostname, port, pathname } = new URL(request.url ?? '');
      const onward = httpRequest(
        { hostname, port, path: pathname, method: request.method, headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      request.pipe(onward);
    });
    proxy.on('connect', (request, socket) => {
      passed.push(request.url ?? '');
      const [host = '', port = ''] = (request.url ?? '').split(':');
      const onward = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const { bedrock, start } = await machine();
    const proxied = { ...environmentKeys, HTTP_PROXY: address, TIDYLLM_MLFLOW_ENABLED: 'false' };
    expect(await call(await start(proxied))).toMatchObject({
      success: true,
    });
    expect(passed.some((url) => url.startsWith(bedrock.url))).toBe(true);
    passed.length = 0;
    await call(await start({ ...proxied, NO_PROXY: '127.0.0.1' }));
    expect(passed).toEqual([]);
  });
});
