import { startBedrockStandIn, type BedrockStandIn } from '../../standIn/bedrockStandIn.ts';
import { Editor, type EditorOptions } from './editor.ts';

/** With these variables the AWS SDK calls the stand-in. */
export function environmentOf(standIn: BedrockStandIn): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
  };
}

/** An editor whose Bedrock is the stand-in. */
export async function startOnStandIn(
  env: Record<string, string> = {},
  options: Omit<EditorOptions, 'env'> = {},
): Promise<{ editor: Editor; standIn: BedrockStandIn }> {
  const standIn = await startBedrockStandIn();
  const editor = await Editor.start({ ...options, env: { ...environmentOf(standIn), ...env } });
  return { editor, standIn };
}
