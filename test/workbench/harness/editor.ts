import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { expect, inject } from 'vitest';
import { calmSettings, folderUrl, startEditor, writeSettings } from '../../../tools/editor.mjs';
import { processes } from '../../../tools/processes.mjs';
import { copySample } from '../../../tools/sample.mjs';
import { patience } from '../../support/patience.ts';
import { EditorWindow } from './editorWindow.ts';
import { hostEnvironment } from './hostEnvironment.ts';

export interface EditorOptions {
  /** Environment of the extension host, for example AWS_ENDPOINT_URL_BEDROCK_RUNTIME. */
  env?: Record<string, string>;
  /** User settings besides the calm ones. */
  settings?: Record<string, unknown>;
  /** Whether every folder is trusted (the default), or the editor asks. */
  trust?: boolean;
  /** Whether VS Code has all the extensions it comes with; otherwise only those that ours works with. */
  everyExtension?: boolean;
}

export interface OpenOptions {
  viewport?: { width: number; height: number };
  /** Whether to wait for the extension's status item; needless where it must not start. */
  awaitExtension?: boolean;
  /** Prepares the page before the editor loads in it. */
  prepare?: (page: Page) => Promise<void>;
}

const themes = {
  dark: { name: 'Dark Modern', label: 'Dark Modern', marker: 'vs-dark', kind: 'vscode-dark' },
  light: { name: 'Light Modern', label: 'Light Modern', marker: 'vs', kind: 'vscode-light' },
  highContrast: {
    ...{ name: 'Default High Contrast', label: 'Dark High Contrast' },
    ...{ marker: 'hc-black', kind: 'vscode-high-contrast' },
  },
  highContrastLight: {
    ...{ name: 'Default High Contrast Light', label: 'Light High Contrast' },
    ...{ marker: 'hc-light', kind: 'vscode-high-contrast-light' },
  },
};

const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Every window of the running test file; a failed test leaves a picture of each. */
export const openWindows = new Set<EditorWindow>();

/** A running editor with the packaged extension, a browser, and all their state in one temporary folder. */
export class Editor {
  /** Holds everything below; deleted at the end. */
  readonly folder: string;
  /** TIDYLLM_HOME of the extension host. */
  readonly home: string;
  /** A copy of the sample project, a git repository on branch JIRA-123-fix-flaky-login-test. */
  readonly workspace: string;
  readonly url: string;
  readonly #server: Awaited<ReturnType<typeof startEditor>>;
  readonly #browser: BrowserContext;
  readonly #profile: string;

  private constructor(
    folder: string,
    server: Awaited<ReturnType<typeof startEditor>>,
    browser: BrowserContext,
  ) {
    this.folder = folder;
    this.home = join(folder, 'home');
    this.workspace = join(folder, 'workspace');
    this.url = server.url;
    this.#server = server;
    this.#browser = browser;
    this.#profile = join(folder, 'profile');
  }

  /** Starts an editor on a free port with a copy of the profile that holds the packaged extension. */
  static async start(options: EditorOptions = {}): Promise<Editor> {
    const folder = await mkdtemp(join(tmpdir(), 'tidyllm-editor-'));
    const profile = join(folder, 'profile');
    await cp(inject('profile'), profile, { recursive: true });
    await writeSettings(profile, {
      ...calmSettings,
      'workbench.colorTheme': themes.dark.name,
      ...options.settings,
    });
    await copySample(join(folder, 'workspace'));
    await mkdir(join(folder, 'home'));
    const server = await startEditor({
      profile,
      trust: options.trust ?? true,
      ...(!options.everyExtension && { entry: inject('leanEditor') }),
      env: { ...hostEnvironment(folder), ...options.env },
    });
    try {
      const browser = await chromium.launchPersistentContext(join(folder, 'browser'), {
        executablePath: inject('browser'),
        args: chromiumFlags,
      });
      await browser.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url });
      return new Editor(folder, server, browser);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Opens a folder, the sample by default, in a window of its own and waits until it can be used. */
  async open(folder = this.workspace, options: OpenOptions = {}): Promise<EditorWindow> {
    const page = await this.#browser.newPage();
    page.setDefaultTimeout(patience);
    await page.setViewportSize(options.viewport ?? { width: 1280, height: 800 });
    await options.prepare?.(page);
    const window = new EditorWindow(page);
    openWindows.add(window);
    page.on('close', () => openWindows.delete(window));
    await page.goto(folderUrl(this.url, folder));
    await page.locator('.monaco-workbench').waitFor();
    if (options.awaitExtension ?? true) await window.statusItem().waitFor();
    return window;
  }

  /**
   * Chooses a theme in an open window, as people do, and waits until its visible webviews have it too.
   * The first theme is the dark one; windows that are opened later have the one that was chosen last.
   */
  async changeTheme(window: EditorWindow, theme: keyof typeof themes): Promise<void> {
    const { name, label, marker, kind } = themes[theme];
    const settings = join(this.#profile, 'data', 'User', 'settings.json');
    const chosen = `"workbench.colorTheme": "${name}"`;
    if ((await readFile(settings, 'utf8')).includes(chosen)) return;
    await window.palette('Preferences: Color Theme');
    await window.page.locator('.quick-input-widget:visible input.input').fill(label);
    await window.choose(label);
    await window.page.locator(`.monaco-workbench.${marker}`).waitFor();
    for (const webview of await window.page.locator('iframe.webview.ready:visible').all()) {
      const view = webview.contentFrame().frameLocator('iframe#active-frame');
      await view.locator(`body[data-vscode-theme-kind="${kind}"]`).waitFor();
    }
    // The theme is previewed before it is chosen.
    await expect.poll(() => readFile(settings, 'utf8')).toContain(chosen);
  }

  /** A path as the workbench in the browser names it. */
  remoteUri(path: string): { scheme: string; authority: string; path: string } {
    return { scheme: 'vscode-remote', authority: new URL(this.url).host, path };
  }

  /** Process ids of the extension hosts, one for each open window. */
  extensionHosts(): number[] {
    return processes()
      .filter(({ group, command }) => group === this.#server.pid && command.includes('--type=extensionHost'))
      .map(({ pid }) => pid);
  }

  /** Kills every extension host at once, as a crash would, and returns their process ids. */
  killExtensionHosts(): number[] {
    const hosts = this.extensionHosts();
    if (hosts.length === 0) throw new Error('No extension host is running.');
    for (const pid of hosts) process.kill(pid, 'SIGKILL');
    return hosts;
  }

  /** What the editor's server printed. */
  log(): string {
    return this.#server.log();
  }

  /**
   * Ends the browser and the editor to the last process and deletes their files.
   * Call it in `afterAll` or `onTestFinished`, when the pictures of a failed test are taken.
   */
  async dispose(): Promise<void> {
    await this.#browser.close();
    await this.#server.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
