/** What reads the AWS configuration files. Apart from the rest of the SDK, which takes ten times as long to load. */
export {
  loadConfig,
  loadSharedConfigFiles,
  NODE_REGION_CONFIG_FILE_OPTIONS,
  NODE_REGION_CONFIG_OPTIONS,
} from '@smithy/core/config';
