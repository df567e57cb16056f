// Builds for production and packs the VSIX: tidyllm-gateway-<version>.vsix
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { capture } from './processes.mjs';
import { dependencies, environment, isMain, main, node24, root } from './setup.mjs';

/**
 * Builds and packs the extension.
 * @param {string} [vsix] where to; by default at the root of the project
 */
export async function packageExtension(vsix) {
  await dependencies();
  const { name, version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  vsix ??= join(root, `${name}-${version}.vsix`);
  const sizes = await run('node', ['esbuild.mjs']);
  await run('vsce', ['package', '--no-dependencies', '--allow-missing-repository', '--out', vsix]);
  return { vsix, sizes };
}

async function run(command, parameters) {
  const env = { ...environment(await node24()), NO_COLOR: '1' };
  const { code, output } = await capture(command, parameters, { cwd: root, env });
  if (code !== 0) throw new Error(`${command} ${parameters.join(' ')} failed.\n${output}`);
  return output;
}

if (isMain(import.meta.url))
  await main(async () => {
    const { vsix, sizes } = await packageExtension();
    console.log(`${sizes}${vsix}`);
  });
