import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAwsIdentityStandIn } from '../standIn/awsIdentity.ts';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { ChatView } from './harness/chatView.ts';
import { Editor } from './harness/editor.ts';
import type { EditorWindow } from './harness/editorWindow.ts';

const cache = `.aws/sso/cache/${createHash('sha1').update('corporate').digest('hex')}.json`;

const singleSignOn = {
  '.aws/config':
    '[sso-session corporate]\nsso_start_url = https://corporate.example/start\nsso_region = us-east-1\n[profile work]\nsso_session = corporate\nsso_account_id = 111122223333\nsso_role_name = Developer\n',
  [cache]: token('2020-01-01T00:00:00Z'),
};

function token(expiresAt: string): string {
  return JSON.stringify({
    startUrl: 'https://corporate.example/start',
    region: 'us-east-1',
    accessToken: 't',
    expiresAt,
  });
}

describe('AWS logins, on a machine whose home folder, sign-on and Bedrock are its own', () => {
  let home: string;
  let editor: Editor;
  let identity: Awaited<ReturnType<typeof startAwsIdentityStandIn>>;
  let bedrock: BedrockStandIn;
  let window: EditorWindow;

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'tidyllm-home-'));
    // The editor takes the PATH that a login shell has.
    write({ '.profile': `PATH='${join(home, 'bin')}'\n` });
    [identity, bedrock] = await Promise.all([startAwsIdentityStandIn(), startBedrockStandIn()]);
    editor = await Editor.start({
      env: {
        HOME: home,
        AWS_REGION: 'us-east-1',
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrock.url,
        AWS_ENDPOINT_URL_STS: identity.url,
        AWS_ENDPOINT_URL_SSO: identity.url,
        SHELL: '/bin/bash',
      },
    });
    window = await editor.open();
  });

  afterAll(async () => {
    await editor.dispose();
    await Promise.all([identity.close(), bedrock.close()]);
    rmSync(home, { recursive: true, force: true });
  });

  function write(files: Record<string, string>): void {
    for (const [name, content] of Object.entries(files)) {
      const path = join(home, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
  }

  /** Starts the gateway on these files of the home folder, and with a profile where one is named. */
  async function start(files: Record<string, string>, profile?: string): Promise<void> {
    // An open window follows the files, and its question for a code takes the place of any pick.
    await window.close();
    for (const path of [
      join(home, '.aws'),
      join(home, 'bin'),
      join(home, 'ran'),
      join(editor.home, 'settings.yaml'),
    ])
      rmSync(path, { recursive: true, force: true });
    write(files);
    if (existsSync(join(home, 'bin/aws'))) chmodSync(join(home, 'bin/aws'), 0o755);
    if (profile) writeFileSync(join(editor.home, 'settings.yaml'), `aws: { profile: ${profile} }\n`);
    window = await editor.open();
  }

  test('an expired single sign-on offers the login, which runs in a terminal, and the call goes through', async () => {
    const calls = bedrock.calls.length;
    const script = `#!/bin/sh\necho "$@" > '${join(home, 'ran')}'\n/bin/cp '${join(home, 'login.json')}' '${join(home, cache)}'\n`;
    await start({ ...singleSignOn, 'login.json': token('2099-01-01T00:00:00Z'), 'bin/aws': script }, 'work');
    const chat = await ChatView.open(window);
    await chat.ask('Hello?');
    const turn = await chat.ended();
    expect(await turn.innerText()).toContain('The AWS login of the profile "work" has expired.');
    await turn.getByRole('button', { name: 'Log In' }).click();
    await expect.poll(() => readOrEmpty(join(home, 'ran'))).toBe('sso login --profile work\n');
    await expect.poll(() => readFileSync(join(home, cache), 'utf8')).toContain('2099');
    await turn.getByRole('button', { name: 'Try Again' }).click();
    await expect.poll(() => bedrock.calls.length).toBe(calls + 1);
    await window.palette('TidyLLM: Connect AWS…');
    await window.quickPick('profile work').getByText('111122223333').waitFor();
  });

  test('without the AWS CLI the login says what to install and what to run', async () => {
    await start(singleSignOn, 'work');
    await window.palette('TidyLLM: Connect AWS…');
    await window.quickPick('The AWS login of the profile "work" has expired.').waitFor();
    await window.quickPick('Log In').click();
    const told = window.notification('aws sso login --profile work');
    await told.getByText('not on the PATH').waitFor();
    await told.getByRole('button', { name: 'Copy Command' }).click();
    await expect
      .poll(() => window.page.evaluate(() => navigator.clipboard.readText()))
      .toBe('aws sso login --profile work');
  });

  test('a window without credentials connects by itself when there are some', async () => {
    await start({});
    await window.showContainer();
    await window.treeItem('Health', /^Simulated answers/).waitFor();
    write({
      '.aws/credentials': '[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = secret\n',
    });
    await window.treeItem('Health', /^Bedrock, healthy/).waitFor();
  });

  test('a profile with an MFA device asks for its code, and does not ask again once that was declined', async () => {
    const files = {
      '.aws/credentials': '[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret\n',
      '.aws/config':
        '[profile role]\nrole_arn = arn:aws:iam::111122223333:role/Developer\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/ada\n',
    };
    await start(files, 'role');
    const box = window.page.locator('.quick-input-widget:visible');
    await box.getByText('Code of the MFA device arn:aws:iam::111122223333:mfa/ada').waitFor();
    await window.answer('12345');
    await box.getByText('Enter a code of six digits.').waitFor();
    await window.page.keyboard.press('Escape');
    const chat = await ChatView.open(window);
    await chat.ask('Hello?');
    expect(await (await chat.ended()).innerText()).toContain('No code was entered');
    await window.palette('TidyLLM: Reconnect');
    await box.getByText('Code of the MFA device').waitFor();
    await window.answer('123456');
    await chat.ask('And now?');
    expect(await (await chat.ended()).innerText()).not.toContain('No code was entered');
  });
});

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
