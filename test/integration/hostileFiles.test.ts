import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tidyllm } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

const chat = ['chat', '--reason', 'JIRA-1 files', 'hello'];
const singleSignOn = `[default]
sso_start_url = https://example.awsapps.com/start
sso_account_id = 123456789012
sso_role_name = team
sso_region = eu-central-1
`;

interface Machine {
  home: string;
  work: string;
  environment: Record<string, string>;
}

/** A place that the command reads, what has to be so that it does, and the command. */
interface Place {
  path: (machine: Machine) => string;
  environment?: (machine: Machine) => Record<string, string>;
  command?: readonly string[] | ((machine: Machine) => readonly string[]);
  /** What has to be there beforehand. */
  before?: (machine: Machine) => unknown;
}

const simulated = { TIDYLLM_AI_BACKENDS: 'mock' };

const onBedrock = {
  TIDYLLM_AI_BACKENDS: 'bedrock',
  ...{ AWS_ACCESS_KEY_ID: 'AKIASTANDIN', AWS_SECRET_ACCESS_KEY: 'secret' },
};

const places: Record<string, Place> = {
  'the user’s settings.yaml': { path: ({ home }) => join(home, 'settings.yaml') },
  'a named settings file': {
    path: ({ home }) => join(home, 'named.yaml'),
    environment: ({ home }) => ({ TIDYLLM_SETTINGS: join(home, 'named.yaml') }),
  },
  'a workspace’s settings.yaml': { path: ({ work }) => join(work, '.tidyllm', 'settings.yaml') },
  'settings that are checked': {
    path: ({ work }) => join(work, '.tidyllm', 'settings.yaml'),
    command: ['settings', 'validate', '.tidyllm/settings.yaml'],
  },
  'a workspace’s flow.yaml': {
    path: ({ work }) => join(work, '.tidyllm', 'flow.yaml'),
    command: ['flow', 'validate', '.tidyllm/flow.yaml'],
  },
  'the signing key': { path: ({ home }) => join(home, 'signing.pem') },
  'the AWS config': {
    path: ({ home }) => join(home, 'aws-config'),
    environment: () => ({ TIDYLLM_AI_BACKENDS: 'bedrock' }),
  },
  'the AWS credentials': {
    path: ({ home }) => join(home, 'aws-credentials'),
    environment: () => ({ TIDYLLM_AI_BACKENDS: 'bedrock' }),
  },
  'a login of single sign-on': {
    path: ({ home }) => join(home, '.aws', 'sso', 'cache', 'login.json'),
    before: ({ home }) => {
      writeFileSync(join(home, 'aws-config'), singleSignOn);
    },
    environment: () => ({ TIDYLLM_AI_BACKENDS: 'bedrock' }),
  },
  'a web identity': {
    path: ({ home }) => join(home, 'token'),
    environment: ({ home }) => ({
      ...{ AWS_WEB_IDENTITY_TOKEN_FILE: join(home, 'token'), TIDYLLM_AI_BACKENDS: 'bedrock' },
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/web',
    }),
  },
  'a bundle of certificates': {
    path: ({ home }) => join(home, 'bundle.pem'),
    environment: ({ home }) => ({
      ...{ AWS_CA_BUNDLE: join(home, 'bundle.pem'), ...onBedrock },
    }),
  },
  'an anchor': {
    path: ({ home }) => join(home, 'anchors.txt'),
    command: ({ home }) => ['audit', 'verify', '--anchor', join(home, 'anchors.txt')],
  },
  'a bill': {
    path: ({ home }) => join(home, 'bill.csv'),
    environment: () => onBedrock,
    command: ({ home }) => ['reconcile', '--reason', 'JIRA-1 bill', join(home, 'bill.csv')],
  },
  'the key of what is kept': {
    path: ({ home }) => {
      const folder = join(home, 'content', 'keys');
      return join(folder, readdirSync(folder)[0] ?? '');
    },
    before: ({ environment, work }) =>
      tidyllm(chat, { environment: { ...environment, ...simulated }, cwd: work }),
  },
};

const pipe = (path: string): void => void execFileSync('mkfifo', [path]);
const kinds: Record<string, (path: string) => void> = {
  'a pipe': pipe,
  'a link to a device': (path) => symlinkSync('/dev/zero', path),
  'a huge file': (path) => {
    writeFileSync(path, '');
    truncateSync(path, 3_000_000_000);
  },
};

describe.runIf(process.platform !== 'win32')(
  'what is no ordinary file is named, and neither read nor waited for',
  () => {
    it.each(Object.keys(places))('%s', async (name) => {
      const place = places[name];
      for (const [kind, make] of Object.entries(kinds)) {
        // A bill may be huge: it is read line by line.
        if (name === 'a bill' && kind === 'a huge file') continue;
        const home = temporaryFolder();
        const work = temporaryFolder();
        const environment = { ...isolatedEnvironment(home), ...simulated, TIDYLLM_AUDIT_CONTENT: 'full' };
        const machine = { home, work, environment };
        await place?.before?.(machine);
        const path = place?.path(machine) ?? '';
        mkdirSync(dirname(path), { recursive: true });
        rmSync(path, { force: true });
        make(path);
        const { command = chat } = place ?? {};
        const { code, stderr, stdout } = await tidyllm(
          typeof command === 'function' ? command(machine) : command,
          {
            environment: { ...environment, ...place?.environment?.(machine) },
            cwd: work,
          },
        );
        const told = stderr + stdout;
        expect({ kind, code, told }).not.toMatchObject({ code: 0 });
        expect(told).toMatch(kind === 'a huge file' ? /it is larger than \d+ bytes/ : /it is not a file/);
      }
    });

    it('a prompt may come from a pipe, and not from one without end', async () => {
      const home = temporaryFolder();
      const environment = { ...isolatedEnvironment(home), ...simulated };
      const endless = await tidyllm([...chat.slice(0, -1), '--file', '/dev/zero', 'hello'], { environment });
      expect(endless).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('larger than 50000000 bytes'),
      });
      const path = join(home, 'pipe');
      pipe(path);
      const asked = tidyllm([...chat.slice(0, -1), '--file', path, 'hello'], { environment });
      writeFileSync(path, 'what stands in the pipe');
      expect(await asked).toMatchObject({ code: 0 });
    });
  },
);
