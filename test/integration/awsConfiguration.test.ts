import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
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
    // Who calls is asked last, in the region of the settings; a busy machine may be late for that, and the call goes on.
    const asked = [...new Set([...hosts, 'sts.us-east-1.amazonaws.com:443'])];
    const seen = [...new Set(net.hosts)];
    expect(seen.length).toBeGreaterThanOrEqual(hosts.length);
    expect(seen).toEqual(asked.slice(0, seen.length));
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

  const signOn: Record<string, string> = {
    ...{ sso_start_url: 'https://corporate.example/start', sso_region: 'eu-central-1' },
    ...{ sso_account_id: '111122223333', sso_role_name: 'Developer' },
  };
  const without = (key: string): string =>
    Object.entries(signOn)
      .flatMap(([name, value]) => (name === key ? [] : [`${name} = ${value}\n`]))
      .join('');
  const role = 'role_arn = arn:aws:iam::1:role/x\n';
  /** The file that is named, what it holds, and what is said of it; the profile is always "work". */
  const faults: [what: string, file: 'config' | 'credentials', content: string, said: RegExp][] = [
    ...Object.keys(signOn).flatMap<(typeof faults)[number]>((key) => [
      [`single sign-on without ${key}`, 'config', `[profile work]\n${without(key)}`, missing(key)],
      [`an empty ${key}`, 'config', `[profile work]\n${without(key)}${key} =\n`, missing(key)],
    ]),
    ...['sso_account_id', 'sso_role_name'].map<(typeof faults)[number]>((key) => [
      `a session and no ${key}`,
      'config',
      `${session('corporate', 'eu-central-1')}${sessionProfile('corporate').replace(new RegExp(`${key}.*\n`), '')}`,
      missing(key),
    ]),
    [
      'another region than that of the session',
      'config',
      `${session('corporate', 'eu-central-1')}${sessionProfile('corporate', 'sso_region = us-east-1\n')}`,
      /sso_region of \[profile work\] is another than that of \[sso-session corporate\]/,
    ],
    [
      'a role without a source',
      'config',
      `[profile work]\n${role}`,
      /role_arn of \[profile work\] has no source beside it: source_profile, credential_source or/,
    ],
    [
      'a role with two sources',
      'config',
      `[profile work]\n${role}source_profile = base\ncredential_source = Environment\n[profile base]\n${keys}`,
      /role_arn of \[profile work\] has source_profile and credential_source beside it/,
    ],
    [
      'a wrong credential_source',
      'config',
      `[profile work]\n${role}credential_source = Ec2\n`,
      /credential_source of \[profile work\] is "Ec2", and can only be Environment, Ec2InstanceMetadata, EcsContainer/,
    ],
    [
      'a source that is its own',
      'config',
      `[profile work]\n${role}source_profile = work\n`,
      /source_profile of \[profile work\] leads in a circle: work → work/,
    ],
    [
      'sources in a circle',
      'config',
      `[profile work]\n${role}source_profile = b\n[profile b]\n${role}source_profile = work\n`,
      /source_profile of \[profile work\] leads in a circle: b → work → b/,
    ],
    [
      'a source with half a key',
      'config',
      `[profile work]\n${role}source_profile = b\n[profile b]\naws_access_key_id = AKIA\n`,
      /aws_secret_access_key of \[profile b\] is missing beside aws_access_key_id/,
    ],
    [
      'a token that isn’t there',
      'config',
      `[profile work]\n${role}web_identity_token_file = /nope\n`,
      /web_identity_token_file of \[profile work\] names \/nope, which is not there/,
    ],
    ...(
      [
        ['aws_access_key_id', 'aws_secret_access_key'],
        ['aws_secret_access_key', 'aws_access_key_id'],
        ['aws_session_token', 'aws_access_key_id'],
        ['web_identity_token_file', 'role_arn'],
        ['source_profile', 'role_arn'],
        ['credential_source', 'role_arn'],
      ] as const
    ).flatMap<(typeof faults)[number]>(([there, key]) => [
      [`only ${there}`, 'config', `[profile work]\n${there} = base\n`, missing(key)],
      [`only ${there} of credentials`, 'credentials', `[work]\n${there} = base\n`, missing(key, 'work')],
    ]),
    [
      'nothing of a login',
      'config',
      '[profile work]\noutput = json\n',
      /\[profile work\] says nothing of a login/,
    ],
    ...['[work]', '[profile work', '[Profile work]', '[profile  work]', '[ profile work ]'].map<
      (typeof faults)[number]
    >((header) => [
      `the header ${header}`,
      'config',
      `[default]\nregion = us-east-1\n${header}\n${keys}`,
      /config: line 3, \[.*work.* is not read as the profile "work"\. Write \[profile work\]/,
    ]),
    ...['[profile work]', '[work', '[ work ]'].map<(typeof faults)[number]>((header) => [
      `the header ${header} of credentials`,
      'credentials',
      `${header}\n${keys}`,
      /credentials: line 1, \[.*work.* is not read as the profile "work"\. Write \[work\]/,
    ]),
    [
      'a header with nothing under it',
      'config',
      `[profile work]\naws_access_key_id: AKIA\n[profile base]\n${keys}`,
      /line 1, \[profile work\] has nothing under it\. Write its keys.*key = value/,
    ],
    [
      'a header of a session that isn’t closed',
      'config',
      `[sso-session corporate\nsso_region = eu-central-1\n${sessionProfile('corporate')}`,
      /line 1, \[sso-session corporate is not read as the sso-session "corporate"\. Write \[sso-session corporate\]/,
    ],
    [
      'a profile that is nowhere',
      'config',
      `[profile a]\n${keys}[profile b]\n${keys}`,
      /There is no profile "work" in .*config or .*credentials \(which is not there\)\. .*AWS_PROFILE.*Profiles there: a, b\./,
    ],
    [
      'a file in UTF-16',
      'config',
      '\ufeff[profile work]',
      /There is no profile "work" in .*config \(which is not in UTF-8 \(line 1\)\)/,
    ],
  ];
  function missing(key: string, section = 'profile work'): RegExp {
    return new RegExp(`${key} of \\[${section}\\] is missing.*Add ${key} to that file`);
  }
  it.each(faults)('%s is named with file, section and key, by us', async (what, file, content, said) => {
    const { home, write, start } = await machine();
    write(`.aws/${file}`, content);
    if (what.includes('UTF-16')) writeFileSync(join(home, '.aws/config'), Buffer.from(content, 'utf16le'));
    const { code, message, hint } = await call(await start({ AWS_PROFILE: 'work' }));
    expect(code).toBe('credentials_missing');
    expect(`${message} ${hint}`).toMatch(said);
    expect(message).toContain(join(home, '.aws', file));
    expect(`${message} ${hint}`).not.toMatch(/Required parameters|Could not resolve|ENOENT|https:|secret\b/);
  });

  it.each(['[default', '[default]]', '[ default ]'])(
    'a default profile under %s is no reason to take the next source',
    async (header) => {
      const { write, start } = await machine();
      write('.aws/config', `${header}\n${keys}`);
      const core = await start();
      expect(core.backend.simulated).toBe(false);
      expect((await call(core)).message).toMatch(/line 1, .* is not read as the profile "default"/);
    },
  );

  it.each([
    ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    ['AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID'],
    ['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_ROLE_ARN'],
  ])('only %s in the environment is named with what is missing', async (there, absent) => {
    const { start } = await machine();
    const { code, message, hint } = await call(await start({ [there]: 'x' }));
    expect({ code, message }).toEqual({
      ...{ code: 'credentials_missing', message: `${there} is set, and ${absent} is not.` },
    });
    expect(hint).toContain(`Set ${absent} as well`);
  });

  it('a token of the environment that isn’t there is named with its variable', async () => {
    const { start } = await machine();
    const environment = { AWS_WEB_IDENTITY_TOKEN_FILE: '/nope', AWS_ROLE_ARN: 'arn:aws:iam::1:role/x' };
    expect((await call(await start(environment))).message).toBe(
      'AWS_WEB_IDENTITY_TOKEN_FILE names /nope, which is not there.',
    );
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
