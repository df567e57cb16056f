import { GatewayError, messageOf, systemCodeOf } from '../../../errors.ts';
import type { BackendInfo } from '../../../gateways/ports.ts';
import { isDirect } from '../../../health/checks.ts';
import type { Handshake, Sessions } from '../../../gateways/services.ts';
import type { LoadedSettings } from '../../../settings/loadSettings.ts';
import type { Environment } from '../../../settings/settingsDocument.ts';
import { withoutPassword } from '../../../withoutPassword.ts';
import type { Finding } from '../../report.ts';
import { textSection, type Checked } from './check.ts';

const dayMs = 86_400_000;
/** A certificate that expires within this time is a finding. */
const soonDays = 14;
const oldProtocols: readonly string[] = ['SSLv3', 'TLSv1', 'TLSv1.1'];
/** Handshake errors of a server that offers only old protocols. */
const tooOld = /^ERR_SSL_(TLSV1_ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL)$/;

export interface EndpointsToCheck {
  loaded: LoadedSettings;
  environment: Environment;
  backend: BackendInfo;
  sessions: Pick<Sessions, 'handshake' | 'checksCertificates'>;
}

interface Endpoint {
  name: string;
  url: string;
  setting: string;
}

interface Seen {
  name: string;
  result: string;
  evidence: string;
  finding: Finding | null;
}

/** Checks the connection to every configured service, with a handshake if it uses TLS. */
export async function checkEndpoints(sources: EndpointsToCheck, signal: AbortSignal): Promise<Checked> {
  const seen = [
    ...certificateChecks(sources),
    ...database(sources.loaded),
    ...(await Promise.all(endpointsOf(sources).map((endpoint) => look(endpoint, sources, signal)))),
  ];
  signal.throwIfAborted();
  return {
    findings: seen.flatMap(({ finding }) => finding ?? []),
    section: textSection(
      'endpoints',
      'Endpoints and TLS',
      'Connections within this machine may be unencrypted. Behind a proxy the handshake would be the proxy’s, so it is skipped.',
      ['What', 'Result', 'Evidence'],
      seen.map(({ name, result, evidence }) => [name, result, evidence]),
    ),
  };
}

function endpointsOf({ loaded: { settings, originOf }, environment, backend }: EndpointsToCheck): Endpoint[] {
  const { aws, s3, mlflow, telemetry } = settings;
  const all = environment['AWS_ENDPOINT_URL'] || null;
  const s3Region = s3.region ?? aws.region ?? backend.region;
  const sts = environment['AWS_ENDPOINT_URL_STS'] || all;
  const tracked = mlflow.enabled && originOf(['mlflow', 'tracking_uri']).source !== 'default';
  return [
    ...(isDirect(backend) ? [{ name: backend.name, url: backend.location, setting: 'ai' }] : []),
    ...(backend.id !== 'bedrock'
      ? []
      : [
          {
            name: 'Bedrock',
            url:
              (environment['AWS_ENDPOINT_URL_BEDROCK_RUNTIME'] || aws.bedrock.endpoint || all) ??
              `https://bedrock-runtime.${backend.region}.amazonaws.com`,
            setting: 'aws.bedrock.endpoint',
          },
        ]),
    ...(sts === null ? [] : [{ name: 'AWS STS', url: sts, setting: 'AWS_ENDPOINT_URL_STS' }]),
    ...(s3.bucket === null
      ? []
      : [
          {
            name: 'S3',
            url:
              (s3.endpoint || environment['AWS_ENDPOINT_URL_S3'] || all) ??
              `https://s3.${s3Region}.amazonaws.com`,
            setting: 's3.endpoint',
          },
        ]),
    ...(tracked ? [{ name: 'MLflow', url: mlflow.tracking_uri, setting: 'mlflow.tracking_uri' }] : []),
    ...(telemetry.otlp_endpoint === null
      ? []
      : [{ name: 'OpenTelemetry', url: telemetry.otlp_endpoint, setting: 'telemetry.otlp_endpoint' }]),
  ];
}

async function look(endpoint: Endpoint, { sessions }: EndpointsToCheck, signal: AbortSignal): Promise<Seen> {
  const { name, url, setting } = endpoint;
  const shown = withoutPassword(url);
  const { protocol, hostname } = new URL(url);
  if (protocol === 'http:') {
    if (isLoopback(hostname)) return fine(name, 'stays here', shown);
    return faulty(name, 'not encrypted', {
      severity: 'problem',
      id: 'plain_http',
      title: `The connection to ${name} is not encrypted`,
      evidence: `${shown} is neither encrypted nor on this machine.`,
      remedy: `Use https in ${setting}.`,
    });
  }
  try {
    return judged(endpoint, await sessions.handshake(url, signal));
  } catch (error) {
    if (GatewayError.is(error) && tooOld.test(systemCodeOf(error.cause) ?? ''))
      return oldProtocol(endpoint, `${shown} offers no protocol that this machine accepts`);
    return faulty(name, 'no handshake', {
      severity: 'warning',
      id: 'no_handshake',
      title: `The certificate of ${name} can’t be checked`,
      evidence: messageOf(error),
      remedy: (GatewayError.is(error) && error.hint) || `Check ${setting}.`,
    });
  }
}

function oldProtocol({ name, setting }: Endpoint, evidence: string): Seen {
  return faulty(name, 'old protocol', {
    severity: 'problem',
    id: 'old_tls',
    title: `${name} uses an old TLS version`,
    evidence: `${evidence}.`,
    remedy: `Enable TLS 1.2 or later on the server of ${setting}.`,
  });
}

function judged(endpoint: Endpoint, { protocol, validUntil }: Handshake): Seen {
  const { name, url } = endpoint;
  const shown = withoutPassword(url);
  if (protocol === null) return fine(name, 'behind a proxy', `${shown} is behind a proxy: no handshake`);
  const daysLeft = validUntil && Math.floor((validUntil.getTime() - Date.now()) / dayMs);
  const evidence = `${shown} uses ${protocol}; its certificate has ${daysLeft ?? 'unknown'} days left`;
  if (oldProtocols.includes(protocol)) return oldProtocol(endpoint, evidence);
  if (daysLeft !== null && daysLeft < soonDays)
    return faulty(name, 'expires soon', {
      severity: 'warning',
      id: 'certificate_ends',
      title: `The certificate of ${name} expires soon`,
      evidence: `${evidence}.`,
      remedy: 'Ask the server’s operator to renew it.',
    });
  return fine(name, 'encrypted', evidence);
}

function certificateChecks({ environment, sessions }: EndpointsToCheck): Seen[] {
  const name = 'Certificate checks';
  const off = environment['NODE_TLS_REJECT_UNAUTHORIZED'] === '0' ? 'NODE_TLS_REJECT_UNAUTHORIZED=0' : null;
  const because = sessions.checksCertificates ? off : (off ?? 'http.proxyStrictSSL is false');
  if (because === null) return [fine(name, 'on', 'Untrusted certificates are refused')];
  return [
    faulty(name, 'off', {
      severity: 'problem',
      id: 'certificates_unchecked',
      title: 'Any certificate is accepted',
      evidence: `${because}: anyone in between can read and change everything.`,
      remedy: 'Turn it on, and set AWS_CA_BUNDLE or NODE_EXTRA_CA_CERTS to your company’s CA.',
    }),
  ];
}

function database({ settings: { postgres } }: LoadedSettings): Seen[] {
  const { host, ssl_mode: mode } = postgres;
  if (host === null) return [];
  const name = 'PostgreSQL';
  if (isLoopback(host) || host.startsWith('/'))
    return [fine(name, 'stays here', `ssl_mode ${mode} to ${host}`)];
  if (mode === 'disable' || mode === 'allow' || mode === 'prefer')
    return [
      faulty(name, 'may be unencrypted', {
        severity: 'problem',
        id: 'weak_ssl_mode',
        title: 'The connection to PostgreSQL may be unencrypted',
        evidence: `postgres.ssl_mode is ${mode}, and ${host} is another machine.`,
        remedy: 'Set postgres.ssl_mode to verify-full, or at least to require.',
      }),
    ];
  if (mode === 'require')
    return [
      faulty(name, 'encrypted, not verified', {
        severity: 'note',
        id: 'unproven_database',
        title: 'PostgreSQL’s certificate is not verified',
        evidence: `postgres.ssl_mode is require, which encrypts but accepts any certificate of ${host}.`,
        remedy: 'Set postgres.ssl_mode to verify-full.',
      }),
    ];
  return [fine(name, 'encrypted', `ssl_mode ${mode} to ${host}`)];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host) || host === '[::1]' || host === '::1';
}

function fine(name: string, result: string, evidence: string): Seen {
  return { name, result, evidence, finding: null };
}

function faulty(name: string, result: string, finding: Finding): Seen {
  return { name, result, evidence: finding.evidence, finding };
}
