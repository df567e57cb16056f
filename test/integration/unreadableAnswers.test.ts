import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { tidyllm } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** A server in the place of AWS that answers everything with the same. */
async function serverThatAnswers(status: number, type: string, body: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it.each([
  [200, 'text/html', '<html><body>Log in to the proxy</body>'],
  [502, 'text/html', '<html><h1>Bad Gateway'],
  [403, 'application/json', '{ "message": '],
])(
  'an answer of %i with %s is explained without the SDK’s words for programmers',
  async (status, type, body) => {
    const address = await serverThatAnswers(status, type, body);
    const home = temporaryFolder();
    const keys = 'aws_access_key_id = AKIASTANDIN\naws_secret_access_key = secret\n';
    const role = 'role_arn = arn:aws:iam::123456789012:role/team\nsource_profile = keys\n';
    writeFileSync(join(home, 'aws-credentials'), `[keys]\n${keys}[role]\n${role}`);
    const environment = {
      ...isolatedEnvironment(home),
      ...{ AWS_ENDPOINT_URL: address, TIDYLLM_S3_BUCKET: 'bucket', TIDYLLM_S3_ENDPOINT: address },
    };
    const chat = ['chat', '--reason', 'JIRA-1 a test', 'hello'];
    const commands = [
      chat,
      ['--json', ...chat],
      ['doctor'],
      ['health'],
      ['flow', 'run', '[Integration Test]'],
    ];
    for (const profile of ['keys', 'role']) {
      for (const command of commands) {
        const run = tidyllm(['--profile', profile, ...command], { environment, cwd: home });
        const { stdout, stderr } = await run;
        expect(stdout + stderr).not.toMatch(/\$response|Deserialization|XML parse|Unexpected token/);
      }
    }
  },
  60_000,
);
