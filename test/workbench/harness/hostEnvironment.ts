import { join } from 'node:path';
import { singleCalls } from '../../support/singleCalls.ts';

/** AWS variables of the machine must not reach a test. */
const noCredentials = {
  AWS_PROFILE: '',
  AWS_ACCESS_KEY_ID: '',
  AWS_SECRET_ACCESS_KEY: '',
  AWS_SESSION_TOKEN: '',
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** Environment of an extension host that keeps all its state in a folder. */
export function hostEnvironment(folder: string): Record<string, string> {
  return {
    ...noCredentials,
    ...singleCalls,
    TIDYLLM_HOME: join(folder, 'home'),
    XDG_STATE_HOME: join(folder, 'state'),
  };
}
