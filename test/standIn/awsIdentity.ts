import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { faultOfTime } from './bedrockStandIn.ts';

export interface AwsIdentityStandIn {
  url: string;
  /** What was asked, such as `AssumeRole arn:…` or `GetCallerIdentity AKIA…`, in order. */
  asked: string[];
  /** How long the credentials that it gives are valid. */
  validForMs: number;
  /** How far its clock is ahead of this computer's, in milliseconds. */
  clockAheadMs: number;
  /** Status and exception with which the portal of single sign-on refuses; null while it doesn't. */
  portalRefusal: [status: number, exception: string, message: string] | null;
  /** Whether this machine has a role. */
  hasRole: boolean;
  close: () => Promise<void>;
}

/**
 * Speaks the wire protocols of the places that AWS credentials come from to the real AWS SDK: instance
 * metadata (version 2), a container's credentials, STS and the portal of single sign-on.
 */
export async function startAwsIdentityStandIn(): Promise<AwsIdentityStandIn> {
  let given = 0;
  const standIn: AwsIdentityStandIn = {
    url: '',
    asked: [],
    validForMs: 3_600_000,
    clockAheadMs: 0,
    portalRefusal: null,
    hasRole: true,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const keys = (source: string): { id: string; secret: string; token: string; expiration: Date } => ({
    id: `ASIA${source.toUpperCase()}${++given}`,
    secret: 'secret',
    token: `token-${source}`,
    expiration: new Date(Date.now() + standIn.clockAheadMs + standIn.validForMs),
  });
  const server = createServer((request, response) => {
    void answer(request, response, standIn, keys);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  standIn.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return standIn;
}

type Keys = (source: string) => { id: string; secret: string; token: string; expiration: Date };

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  standIn: AwsIdentityStandIn,
  keys: Keys,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://stand-in');
  const now = Date.now() + standIn.clockAheadMs;
  response.setHeader('date', new Date(now).toUTCString());
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
  };
  const json = (body: object): void => send(200, 'application/json', JSON.stringify(body));
  if (pathname === '/latest/api/token') {
    standIn.asked.push('metadata');
    send(standIn.hasRole ? 200 : 404, 'text/plain', 'metadata-token');
    return;
  }
  if (pathname.startsWith('/latest/meta-data/iam/security-credentials/')) {
    if (!standIn.hasRole) {
      send(404, 'text/plain', '');
      return;
    }
    if (pathname.endsWith('/')) {
      send(200, 'text/plain', 'developer');
      return;
    }
    const { id, secret, token, expiration } = keys('instance');
    json({
      ...{ Code: 'Success', AccessKeyId: id, SecretAccessKey: secret, Token: token },
      Expiration: expiration.toISOString(),
    });
    return;
  }
  if (pathname === '/container') {
    standIn.asked.push('container');
    const { id, secret, token, expiration } = keys('container');
    json({
      AccessKeyId: id,
      SecretAccessKey: secret,
      Token: token,
      Expiration: expiration.toISOString(),
    });
    return;
  }
  if (pathname === '/federation/credentials') {
    standIn.asked.push('sso');
    if (standIn.portalRefusal) {
      const [status, exception, message] = standIn.portalRefusal;
      response.setHeader('x-amzn-errortype', exception);
      send(status, 'application/json', JSON.stringify({ message }));
      return;
    }
    const { id, secret, token, expiration } = keys('sso');
    json({
      roleCredentials: {
        ...{ accessKeyId: id, secretAccessKey: secret, sessionToken: token },
        expiration: expiration.getTime(),
      },
    });
    return;
  }
  const wrongTime = faultOfTime(String(request.headers['x-amz-date'] ?? ''), now);
  if (wrongTime !== null) {
    standIn.asked.push('refused for its time');
    const fault = `<Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>${wrongTime}</Message></Error>`;
    send(403, 'text/xml', `<ErrorResponse>${fault}</ErrorResponse>`);
    return;
  }
  sts(request, await text(request), standIn, keys, (status, body) => send(status, 'text/xml', body));
}

function sts(
  request: IncomingMessage,
  body: string,
  standIn: AwsIdentityStandIn,
  keys: Keys,
  send: (status: number, xml: string) => void,
): void {
  const form = new URLSearchParams(body);
  const action = form.get('Action') ?? '';
  const key = /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const result = (content: string): void =>
    send(
      200,
      `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${content}</${action}Result></${action}Response>`,
    );
  if (action === 'GetCallerIdentity') {
    standIn.asked.push(`${action} ${key}`);
    result(
      `<Arn>arn:aws:sts::111122223333:assumed-role/Developer/ada@example.com</Arn><UserId>A:ada</UserId><Account>111122223333</Account>`,
    );
    return;
  }
  const role = form.get('RoleArn') ?? '';
  const code = form.get('TokenCode');
  standIn.asked.push(`${action} ${role} with ${key || 'a web token'}${code ? ` and code ${code}` : ''}`);
  if (role.endsWith('/denied')) {
    send(
      403,
      '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>',
    );
    return;
  }
  const { id, secret, token, expiration } = keys(role.split('/').at(-1) ?? 'role');
  result(
    `<AssumedRoleUser><Arn>${role}</Arn><AssumedRoleId>A:x</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>${id}</AccessKeyId><SecretAccessKey>${secret}</SecretAccessKey><SessionToken>${token}</SessionToken><Expiration>${expiration.toISOString()}</Expiration></Credentials>`,
  );
}
