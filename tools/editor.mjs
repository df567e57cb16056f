import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { signal } from './processes.mjs';
import { cached, editor, environment, node24 } from './setup.mjs';

/** Editor settings that keep everything but the extension itself quiet. */
export const calmSettings = {
  'chat.disableAIFeatures': true,
  'editor.cursorBlinking': 'solid',
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'telemetry.telemetryLevel': 'off',
  'workbench.editor.useModal': 'off',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.reduceMotion': 'on',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
};

/** The extensions of VS Code itself that a window with ours needs: git, themes, and the languages of the samples. */
const neededExtensions =
  /^(node_modules|git|git-base|theme-.*|configuration-editing|json|javascript|typescript-basics|markdown-basics|yaml|python|html|css|shellscript|diff)$/;

/**
 * Makes the editor without most of VS Code's own extensions, once, and returns the script that starts it: all windows
 * read some hundred extensions otherwise, a quarter of their start.
 */
export async function leanEditor() {
  const entry = await editor();
  const whole = join(entry, '../../../../..');
  const list = createHash('sha256').update(neededExtensions.source).digest('hex').slice(0, 8);
  const folder = `${whole}-lean-${list}`;
  await cached(folder, 'Making the editor of the tests', async (temporary) => {
    await promisify(execFile)('cp', ['-al', `${whole}/.`, temporary]);
    const extensions = join(temporary, 'node_modules', 'code-server', 'lib', 'vscode', 'extensions');
    for (const { name } of (await readdir(extensions, { withFileTypes: true })).filter(
      (one) => one.isDirectory() && !neededExtensions.test(one.name),
    ))
      await rm(join(extensions, name), { recursive: true });
  });
  return join(folder, relative(whole, entry));
}

/** Writes the user settings of a profile: a folder with the editor's data and its extensions. */
export async function writeSettings(profile, settings) {
  const folder = join(profile, 'data', 'User');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'settings.json'), JSON.stringify(settings, null, 2));
}

/** Installs a VSIX into a profile. */
export async function installExtension(profile, vsix) {
  const entry = await editor();
  await promisify(execFile)('node', [entry, ...profileOptions(profile), '--install-extension', vsix], {
    env: editorEnvironment(await node24()),
  });
}

/**
 * Starts the editor on a profile, on any free port where none is given, and resolves once it answers at `url`.
 * It has a process group of its own, which `stop` ends to the last process.
 * @param {{ profile: string, entry?: string, port?: number, trust?: boolean, env?: Record<string, string> }} options
 */
export async function startEditor({ profile, entry, port = 0, trust = true, env = {} }) {
  const parameters = [
    ...['--import', new URL('uncompressed.mjs', import.meta.url).href],
    entry ?? (await editor()),
    ...['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`],
    ...['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override'],
    ...(trust ? ['--disable-workspace-trust'] : []),
    ...profileOptions(profile),
  ];
  const child = spawn('node', parameters, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...editorEnvironment(await node24()), ...env },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (log += data));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const killGroup = () => signal(-child.pid, 'SIGKILL');
  process.on('exit', killGroup);
  const stop = async () => {
    signal(-child.pid, 'SIGTERM');
    const patience = setTimeout(killGroup, 5000);
    await ended;
    clearTimeout(patience);
    killGroup();
    process.off('exit', killGroup);
  };
  const url = () => /HTTP server listening on (\S+?)\/?\s/.exec(log)?.[1];
  while (!(await healthy(url()))) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`The editor did not start.\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url: String(url()), pid: child.pid, ended, stop, log: () => log };
}

/** The address of a folder in a started editor. */
export function folderUrl(url, folder) {
  return `${url}/?folder=${encodeURI(pathToFileURL(folder).pathname)}`;
}

/** Returns the wanted port when it is free, otherwise any free one. */
export async function freePort(wanted = 0) {
  const server = createServer();
  const listening = new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  server.listen(wanted, '127.0.0.1');
  try {
    await listening;
  } catch (error) {
    if (wanted === 0) throw error;
    return freePort();
  }
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function profileOptions(profile) {
  return ['--user-data-dir', join(profile, 'data'), '--extensions-dir', join(profile, 'extensions')];
}

/** In a terminal of VS Code these variables would send the new editor's windows to that one. */
function editorEnvironment(bin) {
  return Object.fromEntries(Object.entries(environment(bin)).filter(([name]) => !name.startsWith('VSCODE_')));
}

async function healthy(url) {
  if (!url) return false;
  try {
    return (await fetch(`${url}/healthz`)).ok;
  } catch {
    return false;
  }
}
