/** The parts of the AWS SDK that find credentials. Import it when they are needed: a start without it is faster. */
export {
  fromEnv,
  fromHttp,
  fromIni,
  fromInstanceMetadata,
  fromTokenFile,
} from '@aws-sdk/credential-providers';
