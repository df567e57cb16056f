// Builds for production and packs the VSIX: npm run package [-- FILE], by default tidyllm-gateway-<version>.vsix
import { cp, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { capture } from './processes.mjs';
import { dependencies, environment, isMain, main, node24, root, ToolError } from './setup.mjs';

/** Never in the package. vsce would match each of their files against each pattern, which takes half a minute. */
const heavy = ['.git', '.cache', 'node_modules', 'dist', 'test-results'];

/**
 * Builds and packs the extension into a file; returns what the build tells about sizes. `.vscodeignore` says what
 * is packed.
 * @param {string} vsix
 * @param {{ scan?: boolean }} [options] whether to search the bundles for secrets: some seconds, for what is published
 */
export async function packageExtension(vsix, { scan = false } = {}) {
  await dependencies();
  const folder = await mkdtemp(join(tmpdir(), 'tidyllm-package-'));
  try {
    const filter = (path) => !heavy.includes(relative(root, path));
    await cp(root, folder, { recursive: true, filter });
    const sizes = await run(root, 'node', ['build.mjs', join(folder, 'dist')]);
    const unscanned = ['--allow-package-all-secrets', '--allow-package-env-file'];
    // There is no public repository yet that links and pictures of the README could point to.
    const publication = ['--allow-missing-repository', '--no-rewrite-relative-links'];
    const options = ['--no-dependencies', ...publication, ...(scan ? [] : unscanned)];
    await run(folder, 'vsce', ['package', ...options, '--out', vsix]);
    return sizes;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function manifest() {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${(bytes / 1024).toFixed(1).padStart(8)} kB`;
}

async function run(cwd, command, parameters) {
  const env = { ...environment(await node24()), NO_COLOR: '1' };
  const { code, output } = await capture(command, parameters, { cwd, env });
  if (code !== 0) throw new ToolError(`${command} ${parameters.join(' ')} failed.\n${output}`);
  return output;
}

if (isMain(import.meta.url))
  await main(async () => {
    const { name, version } = await manifest();
    const vsix = resolve(process.argv[2] ?? join(root, `${name}-${version}.vsix`));
    const sizes = await packageExtension(vsix, { scan: true });
    console.log(`${sizes}${kilobytes((await stat(vsix)).size)} ${basename(vsix)}`);
  });
