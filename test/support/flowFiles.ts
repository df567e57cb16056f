import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes `.tidyllm/flow.yaml` of a workspace folder. JSON is YAML as well. */
export function writeFlowFile(folder: string, ...agreements: readonly object[]): string {
  const path = join(folder, '.tidyllm', 'flow.yaml');
  mkdirSync(join(folder, '.tidyllm'), { recursive: true });
  writeFileSync(path, JSON.stringify({ agreements }, null, 2));
  return path;
}
