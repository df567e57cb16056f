import { expect, it } from 'vitest';
import { parseAwsProfiles } from '../../../src/host/awsProfiles.ts';

it('finds the profiles of both files and how they log in', () => {
  const config = `
[default]
region = eu-central-1

[profile dev]
sso_session = corp
region=us-east-1
s3 =
  max_concurrent_requests = 20

[sso-session corp]
sso_start_url = https://example.com/start

[profile "two words"]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = dev

# [profile commented]
[profile tool]
credential_process = /bin/get-credentials --for tool
`;
  const credentials = '[default]\r\naws_access_key_id = AKIA\r\naws_secret_access_key = secret\r\n[old]\r\n';
  expect(parseAwsProfiles(config, credentials)).toEqual([
    { name: 'default', region: 'eu-central-1', kind: 'keys' },
    { name: 'dev', region: 'us-east-1', kind: 'sso' },
    { name: 'old', region: null, kind: 'other' },
    { name: 'tool', region: null, kind: 'process' },
    { name: 'two words', region: null, kind: 'role' },
  ]);
});
