import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer as createProxy, request as httpRequest } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readBySdk, readHere } from '../../src/sessions/awsVariables.ts';
import { call, machine, type Machine } from '../support/awsMachine.ts';
import { tidyllmJson } from '../support/commandLine.ts';

const keys = 'aws_access_key_id = AKIAFILE\naws_secret_access_key = secret\n';
const environmentKeys = { AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'secret' };
const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../fixtures', name));

const session = (name: string, region: string): string =>
  `[sso-session ${name}]\nsso_start_url = https://corporate.example/start\nsso_region = ${region}\n`;
const sessionProfile = (name: string, more = ''): string =>
  `[profile work]\nsso_session = ${name}\nsso_account_id = 111122223333\nsso_role_name = Developer\n${more}`;

/** Writes the token that a log-in of this session, or at this start address, leaves. */
function logIn({ write }: Machine, name: string, more: object = {}): void {
  const expiresAt = new Date(Date.now() + 3_600_000);
  const token = { startUrl: 'https://corporate.example/start', region: 'x', accessToken: 't', expiresAt };
  const file = `.aws/sso/cache/${createHash('sha1').update(name).digest('hex')}.json`;
  write(file, JSON.stringify({ ...token, ...more }));
}

/** A proxy that leads every secure address to the stand-in of AWS's log-ins, and notes which were asked for. */
async function internet({ identity }: Machine): Promise<{ url: string; hosts: string[] }> {
  const hosts: string[] = [];
  const listening = async (server: Server): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  };
  const certificate = { key: fixture('localhost.key.pem'), cert: fixture('localhost.certificate.pem') };
  const front = createSecureServer(certificate, (request, response) => {
    const { method, url, headers } = request;
    const onward = httpRequest(`${identity.url}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, connection: 'close' });
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  const port = await listening(front);
  const proxy = createProxy();
  proxy.on('connect', (request, socket: Socket) => {
    hosts.push(request.url ?? '');
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    for (const one of [socket, onward]) one.on('error', () => undefined);
    onTestFinished(() => {
      socket.destroy();
      onward.destroy();
    });
  });
  return { url: `http://127.0.0.1:${await listening(proxy)}`, hosts };
}

describe('each client that logs in keeps its own region', () => {
  const role = 'role_arn = arn:aws:iam::1:role/developer\n';
  it.each<[string, string, string[]]>([
    [
      'single sign-on with a session',
      `${session('corporate', 'eu-central-1')}${sessionProfile('corporate', 'region = us-west-2\n')}`,
      ['portal.sso.eu-central-1.amazonaws.com:443'],
    ],
    [
      'single sign-on without one',
      '[profile work]\nsso_start_url = https://corporate.example/start\nsso_region = ap-southeast-2\nsso_account_id = 1\nsso_role_name = Developer\n',
      ['portal.sso.ap-southeast-2.amazonaws.com:443'],
    ],
    [
      'a role of a profile with a region',
      `[profile base]\n${keys}[profile work]\n${role}source_profile = base\nregion = sa-east-1\n`,
      ['sts.sa-east-1.amazonaws.com:443'],
    ],
    [
      'a role of a profile without one, in that of the settings',
      `[profile base]\n${keys}[profile work]\n${role}source_profile = base\n`,
      ['sts.us-east-1.amazonaws.com:443'],
    ],
    [
      'a role through single sign-on, each in its own',
      `${session('corporate', 'eu-north-1')}${sessionProfile('corporate').replace('work', 'base')}[profile work]\n${role}source_profile = base\nregion = ca-central-1\n`,
      ['portal.sso.eu-north-1.amazonaws.com:443', 'sts.ca-central-1.amazonaws.com:443'],
    ],
    [
      'a web identity of a profile with a region',
      `[profile work]\n${role}web_identity_token_file = TOKEN\nregion = eu-west-3\n`,
      ['sts.eu-west-3.amazonaws.com:443'],
    ],
  ])('%s', async (_which, config, hosts) => {
    const whole = await machine();
    const { home, write, start, bedrock } = whole;
    const net = await internet(whole);
    write('token', 'a.web.token');
    write('.aws/config', config.replace('TOKEN', join(home, 'token')));
    logIn(whole, 'corporate');
    logIn(whole, 'https://corporate.example/start');
    const core = await start(
      {
        ...{ AWS_PROFILE: 'work', AWS_ENDPOINT_URL_STS: '', AWS_ENDPOINT_URL_SSO: '' },
        ...{ HTTPS_PROXY: net.url, TIDYLLM_USER: 'ada' },
      },
      { network: { strictCertificates: false } },
    );
    expect(await call(core)).toMatchObject({ success: true });
    expect([...new Set(net.hosts)]).toEqual(hosts);
    expect(bedrock.calls[0]?.authorization).toContain('/us-east-1/bedrock/');
  });

  it('a token of single sign-on that is renewed', async () => {
    const whole = await machine();
    const net = await internet(whole);
    whole.write('.aws/config', `${session('renewed', 'eu-central-1')}${sessionProfile('renewed')}`);
    const soon = new Date(Date.now() + 60_000);
    const client = { clientId: 'c', clientSecret: 's', refreshToken: 'r' };
    logIn(whole, 'renewed', { expiresAt: soon, registrationExpiresAt: soon, ...client });
    const environment = { AWS_PROFILE: 'work', AWS_ENDPOINT_URL_SSO: '', HTTPS_PROXY: net.url };
    await call(await whole.start(environment, { network: { strictCertificates: false } }));
    expect(net.hosts).toContain('oidc.eu-central-1.amazonaws.com:443');
    expect(net.hosts.filter((host) => host.includes('us-east-1'))).toEqual([]);
  });
});

describe('the portal of single sign-on', () => {
  it.each([
    [
      401,
      'UnauthorizedException',
      'Session token not found or invalid',
      /Run "aws sso login --profile work"/,
    ],
    [403, 'ForbiddenException', 'No access', /sso_account_id and sso_role_name/],
  ])('that refuses with %i says what to do', async (status, exception, message, hint) => {
    const whole = await machine();
    whole.write('.aws/config', `${session('corporate', 'eu-central-1')}${sessionProfile('corporate')}`);
    logIn(whole, 'corporate');
    whole.identity.portalRefusal = [status, exception, message];
    expect((await call(await whole.start({ AWS_PROFILE: 'work' }))).hint).toMatch(hint);
  });
});

describe('a default profile', () => {
  const options = [
    ...['cli_pager=less', 'cli_auto_prompt=on', 'region=eu-west-1', 'output=json', 'retry_mode=standard'],
    ...['max_attempts=2', 's3 =\n  max_concurrent_requests = 20', 'endpoint_url=http://localhost:4566'],
    ...['sso_region=eu-west-1', 'use_fips_endpoint=false', 'ca_bundle=/none.pem', 'defaults_mode=standard'],
    ...[
      'sts_regional_endpoints=regional',
      'parameter_validation=false',
      'services=local',
      'role_session_name=x',
    ],
    'something_new=1',
  ];
  it.each(options)('that only says %j leaves the next source to log in', async (option) => {
    const { bedrock, write, start } = await machine();
    write('.aws/config', `[default]\n${option}\n`);
    write(
      'settings.yaml',
      'aws: { credentials: { access_key_id: "${MINE}", secret_access_key: "${MINE}" } }\n',
    );
    const core = await start({ MINE: 'AKIASETTINGS' });
    expect((await core.sessions.credentialStatus()).found?.source).toBe('settings');
    await call(core);
    expect(bedrock.calls[0]?.accessKeyId).toBe('AKIASETTINGS');
  });

  it.each([
    ...[
      'aws_access_key_id=AKIA',
      'aws_secret_access_key=s',
      'credential_process=/none',
      'role_arn=arn:aws:iam::1:role/x',
    ],
    ...['sso_session=x', 'sso_start_url=https://x', 'web_identity_token_file=/none', 'login_session=x'],
    ...['source_profile=x', 'credential_source=Environment', 'sso_account_id=1', 'sso_role_name=x'],
  ])('that says %s is taken, and reported where it doesn’t work', async (option) => {
    const { write, start } = await machine();
    write('.aws/config', `[default]\n${option}\n`);
    const core = await start();
    expect((await core.sessions.credentialStatus()).found?.source).toBe('profile');
    expect((await core.sessions.credentialStatus()).error).not.toBeNull();
  });
});

describe('what stands wrong in the files', () => {
  it.each<[string, string, RegExp]>([
    [
      'a session whose name has spaces',
      `${session("'FOO BAR'", 'eu-central-1')}${sessionProfile('FOO BAR')}`,
      /\.aws\/config: \[sso-session 'FOO BAR'\] can’t be read: its name may have no spaces.*sso_session of its profiles/,
    ],
    [
      'a session that isn’t there',
      sessionProfile('gone'),
      /\.aws\/config: sso_session of \[profile work\] names "gone", and there is no \[sso-session gone\]/,
    ],
    [
      'a session without its region',
      `${session('corporate', 'x').replace('sso_region = x\n', '')}${sessionProfile('corporate')}`,
      /\.aws\/config: sso_region of \[sso-session corporate\] is missing/,
    ],
    [
      'a session whose region is in quotes',
      `${session('corporate', '"eu-central-1"')}${sessionProfile('corporate')}`,
      /sso_region of \[sso-session corporate\] has quotes/,
    ],
    [
      'a session whose region can’t be one',
      `${session('corporate', 'eu central 1')}${sessionProfile('corporate')}`,
      /sso_region of \[sso-session corporate\] is no AWS region: "eu central 1"/,
    ],
    [
      'a profile whose name has spaces',
      `[profile 'work']\n[profile "my work"]\n${keys}`,
      /\.aws\/config: \[profile "my work"\] can’t be read/,
    ],
    [
      'a role in quotes',
      `[profile work]\nrole_arn = "arn:aws:iam::1:role/x"\nsource_profile = base\n[profile base]\n${keys}`,
      /role_arn of \[profile work\] has quotes/,
    ],
    [
      'a source that isn’t there',
      '[profile work]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = gone\n',
      /source_profile of \[profile work\] names "gone", which is no profile/,
    ],
    [
      'a fault in the source of a source',
      `[profile work]\nrole_arn = a\nsource_profile = b\n[profile b]\nrole_arn = c\nsource_profile = c\n[profile c]\nregion = 'x'\n`,
      /region of \[profile c\] has quotes/,
    ],
  ])('%s is named with file, section and key', async (_what, config, said) => {
    const { write, start } = await machine();
    write('.aws/config', config);
    const profile = config.includes('my work') ? 'my work' : 'work';
    const { code, message, hint } = await call(await start({ AWS_PROFILE: profile }));
    expect(code).toBe('credentials_missing');
    expect(`${message} ${hint}`).toMatch(said);
  });

  it('a region in quotes, where nothing else says one', async () => {
    const { write, start } = await machine();
    write('.aws/config', `[default]\nregion = "eu-west-1"\n${keys}`);
    await expect(start({ AWS_REGION: '' })).rejects.toThrow(
      /region of the profile default in .*\.aws\/config is no AWS region: ""eu-west-1""/,
    );
  });

  it('secrets in them are not shown', async () => {
    const { write, start } = await machine();
    write('.aws/credentials', '[default]\naws_access_key_id = AKIA\naws_secret_access_key = HID DEN\n');
    expect((await call(await start())).message).not.toContain('DEN');
  });
});

describe('variables of AWS', () => {
  const around = ['\r', '\n', ' ', '\t'].map((stray) => (value: string) => `${value}${stray}`);
  const forms = [...around, (value: string) => ` ${value}`, (value: string) => `"${value}"`];

  it.each(['AWS_REGION', 'AWS_DEFAULT_REGION'])('%s counts without what stands around it', async (name) => {
    for (const form of [...forms, (value: string) => `'${value}'`]) {
      const { bedrock, start } = await machine();
      const core = await start({ ...environmentKeys, AWS_REGION: '', [name]: form('eu-west-1') });
      expect(core.backend.region).toBe('eu-west-1');
      expect(bedrock.calls).toEqual([]);
    }
  });

  it.each(['eu west', 'eu\u00a0west-1', 'eu-west-1/', 'EU', 'eu-west-1 # mine', 'é'])(
    'a region %j is named as a fault of the settings',
    async (region) => {
      const { home, start } = await machine();
      await expect(start({ ...environmentKeys, AWS_REGION: region })).rejects.toThrow(
        /AWS_REGION: aws\.region must be an AWS region such as "eu-central-1"/,
      );
      const environment = { TIDYLLM_HOME: home, AWS_REGION: region };
      const { code, document } = await tidyllmJson(['budget'], { environment });
      expect(code).toBe(2);
      expect(document).toMatchObject({ error: { code: 'settings_invalid' } });
    },
  );

  it('the name of a profile counts without what stands around it', async () => {
    for (const form of forms) {
      const { bedrock, write, start } = await machine();
      write('.aws/config', `[profile work]\n${keys}`);
      await call(await start({ AWS_PROFILE: form('work') }));
      expect(bedrock.calls[0]?.accessKeyId).toBe('AKIAFILE');
    }
  });

  const endpoints = ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_BEDROCK_RUNTIME', 'AWS_ENDPOINT_URL_STS'];
  it.each([...readBySdk, ...endpoints])('%s is refused by name with anything around it', async (name) => {
    const { start } = await machine();
    for (const form of forms) {
      await expect(start({ ...environmentKeys, [name]: form('x') })).rejects.toMatchObject({
        code: 'settings_invalid',
        message: expect.stringContaining(`The environment variable ${name} holds`) as string,
        hint: expect.stringContaining(name) as string,
      });
    }
  });

  it('are all known that the AWS SDK reads', () => {
    const folders = ['@aws-sdk', '@smithy'].flatMap((scope) => {
      const modules = join(import.meta.dirname, '../../node_modules', scope);
      return readdirSync(modules).map((name) => join(modules, name, 'dist-es'));
    });
    const read = folders.flatMap(namesIn);
    const others = [
      // Of AWS Lambda, of the SDK's own warnings, and parts of other names.
      ...['AWS_EXECUTION_ENV', 'AWS_LAMBDA_FUNCTION_NAME', 'AWS_ENDPOINT_URL', 'AWS_BEARER_TOKEN_'],
      'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED',
    ];
    const known = [...readHere, ...readBySdk, ...others];
    expect([...new Set(read)].filter((name) => !known.includes(name))).toEqual([]);
  });
});

/** Variables that the code under a folder names. */
function namesIn(folder: string): string[] {
  let files: string[];
  try {
    files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  return files
    .filter((name) => name.endsWith('.js') && !/models|schemas|commands/.test(name))
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      return [...text.matchAll(/["'`]((?:AWS)_[A-Z\d_]+)["'`$]/g)].map(([, found = '']) => found);
    });
}
