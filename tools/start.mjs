// Opens the packaged extension in an editor on a copy of sample/: npm start [-- --code] [-- --port N]
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  calmSettings,
  folderUrl,
  freePort,
  installExtension,
  startEditor,
  writeSettings,
} from './editor.mjs';
import { packageExtension } from './package.mjs';
import { copySample } from './sample.mjs';
import { cache, dependencies, editor, main, onPath, ToolError } from './setup.mjs';

const folder = join(cache, 'start');
const workspace = join(folder, 'workspace');
/** One port for every start: the browser keeps the editor's secrets and state by address. */
const usualPort = 8765;

await main(async () => {
  const { code, port } = readOptions();
  if (code && !onPath('code'))
    throw new ToolError(
      'There is no `code` on the PATH. In VS Code run "Shell Command: Install \'code\' command in PATH".',
    );
  await dependencies();
  if (!code) await editor();
  process.env.TIDYLLM_HOME ??= join(folder, 'home');
  await mkdir(process.env.TIDYLLM_HOME, { recursive: true });
  if (!existsSync(workspace)) await copySample(workspace);
  const vsix = join(folder, 'extension.vsix');
  await packageExtension(vsix);
  const profile = join(folder, code ? 'code' : 'profile');
  await rm(profile, { recursive: true, force: true });
  await writeSettings(profile, { ...calmSettings, 'workbench.startupEditor': 'readme' });
  if (code) openInCode(profile, vsix);
  else await openInBrowser(profile, vsix, port);
});

async function openInBrowser(profile, vsix, wanted) {
  await installExtension(profile, vsix);
  const port = await freePort(wanted ?? usualPort);
  if (wanted && port !== wanted) throw new ToolError(`Port ${wanted} is in use: choose another one.`);
  const server = await startEditor({ profile, port });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, server.stop);
  const url = folderUrl(server.url, workspace);
  console.log(`TidyLLM Gateway is open at ${url}`);
  openAddress(url);
  await server.ended;
}

function openInCode(profile, vsix) {
  const options = ['--user-data-dir', join(profile, 'data'), '--extensions-dir', join(profile, 'extensions')];
  execFileSync('code', [...options, '--install-extension', vsix, '--force']);
  console.log('TidyLLM Gateway is open in VS Code. Close its window to end.');
  execFileSync('code', [...options, '--disable-workspace-trust', '--new-window', '--wait', workspace], {
    stdio: 'inherit',
  });
}

/** Shows the address in a browser where there is a screen. */
function openAddress(url) {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const screen = process.platform === 'darwin' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (screen && onPath(command)) spawn(command, [url], { stdio: 'ignore', detached: true }).unref();
}

function readOptions() {
  const { values } = parseArgs({ options: { code: { type: 'boolean' }, port: { type: 'string' } } });
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536))
    throw new ToolError(`--port needs a number from 1 to 65535, not ${values.port}.`);
  return { code: values.code ?? false, port };
}
