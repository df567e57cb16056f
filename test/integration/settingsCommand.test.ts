import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

function folderWith(files: Readonly<Record<string, string>>): {
  home: string;
  environment: Record<string, string>;
} {
  const home = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), text);
  }
  return { home, environment: { ...isolatedEnvironment(home), TIDYLLM_USER: 'ada' } };
}

describe('tidyllm settings', () => {
  it('init makes a file that is valid as it is and with everything in it uncommented', async () => {
    const { home, environment } = folderWith({});
    const { code, document } = await tidyllmJson(['settings', 'init'], { environment });
    expect({ code, document }).toEqual({
      code: 0,
      document: { file: join(home, 'settings.yaml'), created: true },
    });
    const text = readFileSync(join(home, 'settings.yaml'), 'utf8');
    const [, body = ''] =
      text.split(/\n(?=\n)/, 2).length > 1 ? [null, text.slice(text.indexOf('\n\n'))] : [];
    writeFileSync(join(home, 'all.yaml'), body.replaceAll(/^# /gm, ''));
    for (const name of ['settings.yaml', 'all.yaml']) {
      const validated = await tidyllmJson(['settings', 'validate', join(home, name)], { environment });
      expect(validated.document['faults']).not.toContainEqual(expect.objectContaining({ severity: 'error' }));
      expect(validated.code).toBe(0);
    }
  });

  it('init leaves a file alone that is there', async () => {
    const { home, environment } = folderWith({ 'settings.yaml': 'budget: { daily_limit_usd: 5 }\n' });
    const { code, document } = await tidyllmJson(['settings', 'init'], { environment });
    expect({ code, document }).toMatchObject({ code: 2, document: { created: false } });
    expect(readFileSync(join(home, 'settings.yaml'), 'utf8')).toBe('budget: { daily_limit_usd: 5 }\n');
  });

  it('init --workspace makes the file of the folder', async () => {
    const { home, environment } = folderWith({});
    const { code } = await tidyllm(['settings', 'init', '--workspace'], { environment, cwd: home });
    expect(code).toBe(0);
    expect(existsSync(join(home, '.tidyllm/settings.yaml'))).toBe(true);
  });

  it('show says every value and where it comes from, but no secret', async () => {
    const { home, environment } = folderWith({
      'settings.yaml': 'budget: { daily_limit_usd: 50 }\npostgres: { db_password: "${DB}" }\n',
      'project/.tidyllm/settings.yaml': 'budget: { daily_limit_usd: 5 }\n',
      'project/src/x': '',
    });
    const options = {
      environment: { ...environment, DB: 'hunter2', TIDYLLM_BUDGET_TIMEZONE: 'Europe/Berlin' },
      cwd: join(home, 'project/src'),
    };
    const { code, document, stdout } = await tidyllmJson(['settings', 'show', '--origin'], options);
    expect(code).toBe(0);
    expect(document).toMatchObject({
      file: join(home, 'settings.yaml'),
      workspace_files: [join(home, 'project/.tidyllm/settings.yaml')],
      settings: { budget: { daily_limit_usd: '5', timezone: 'Europe/Berlin' } },
      origins: {
        'budget.daily_limit_usd': { source: 'workspace' },
        'budget.timezone': { source: 'environment' },
        'postgres.db_password': { source: 'file' },
        'aws.profile': { source: 'default' },
      },
    });
    expect(stdout).not.toContain('hunter2');
    const shown = await tidyllm(['settings', 'show', '--origin'], options);
    expect(shown.stdout).toMatch(/^budget\.daily_limit_usd +"5" +workspace +budget\.daily_limit_usd in /m);
    expect(shown.stdout).not.toContain('hunter2');
  });

  it('show says no password of an address', async () => {
    const { environment } = folderWith({
      'settings.yaml': 'mlflow: { tracking_uri: "http://ada:${SECRET}@127.0.0.1:9/" }\n',
    });
    const options = { environment: { ...environment, SECRET: 'hunter2' } };
    for (const command of ['settings show', 'settings show --origin', 'health mlflow', 'doctor']) {
      const { stdout } = await tidyllm(command.split(' '), options);
      expect(stdout).toContain('http://***@127.0.0.1:9');
      expect(stdout).not.toContain('hunter2');
    }
  });

  it('a workspace’s file can’t move the cursor by way of an error', async () => {
    const { home, environment } = folderWith({ '.tidyllm/settings.yaml': '"bud\\e]0;x\\aget": 1\n' });
    for (const command of ['settings show', 'settings validate .tidyllm/settings.yaml', 'doctor']) {
      const { stdout, stderr } = await tidyllm(command.split(' '), { environment, cwd: home });
      expect(stdout + stderr).toContain('unknown key');
      // eslint-disable-next-line no-control-regex -- they are what is looked for
      expect(stdout + stderr).not.toMatch(/[\u0007\u001b]/);
    }
  });

  it('validate names every fault at its place and exits with 2', async () => {
    const { home, environment } = folderWith({
      'bad.yaml': 'budget:\n  daly_limit_usd: 5\nretry: { attempts: 99 }\nteam: {}\n',
    });
    const file = join(home, 'bad.yaml');
    const { code, document } = await tidyllmJson(['settings', 'validate', file], { environment });
    expect(code).toBe(2);
    expect(document).toMatchObject({
      ok: false,
      faults: [
        {
          severity: 'error',
          file,
          line: 2,
          column: 3,
          message: expect.stringContaining('daily_limit_usd') as string,
        },
        { severity: 'error', file, line: 3, column: 10 },
        { severity: 'warning', line: 4 },
      ],
    });
    const { stderr } = await tidyllm(['settings', 'validate', file], { environment });
    expect(stderr).toContain(`${file}:2:3: unknown key "budget.daly_limit_usd"`);
  });

  it('validate holds a workspace’s file to what a workspace may say', async () => {
    const { home, environment } = folderWith({ '.tidyllm/settings.yaml': 'aws: { profile: other }\n' });
    const { code, stderr } = await tidyllm(['settings', 'validate', '.tidyllm/settings.yaml'], {
      environment,
      cwd: home,
    });
    expect(code).toBe(2);
    expect(stderr).toContain("1:8: aws.profile can't be set by a workspace");
  });

  it('a workspace’s file tightens the budget of calls that are made in it', async () => {
    const { home, environment } = folderWith({
      'project/.tidyllm/settings.yaml': 'budget: { daily_limit_usd: "0.000001" }\n',
    });
    const call = ['chat', '--reason', 'JIRA-1 test', 'hello'];
    expect((await tidyllm(call, { environment, cwd: join(home, 'project') })).code).toBe(3);
    expect((await tidyllm(call, { environment, cwd: home })).code).toBe(0);
  });
});
