import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandIds } from '../../src/host/commandIds.ts';

interface Manifest {
  extensionKind: string[];
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  contributes: {
    commands: { command: string }[];
    menus: Record<string, { command: string }[]>;
    keybindings: { command: string; when?: string }[];
    configuration: { properties: Record<string, { scope: string }> };
    yamlValidation: { fileMatch: string[]; url: string }[];
    jsonValidation: { fileMatch: string; url: string }[];
  };
}

const text = readFileSync('package.json', 'utf8');
const manifest = JSON.parse(text) as Manifest;
const packaged = readFileSync('.vscodeignore', 'utf8').split('\n');
const { commands, menus, keybindings, configuration } = manifest.contributes;

describe('the manifest', () => {
  it('declares the commands that the code knows', () => {
    expect(commands.map(({ command }) => command).sort()).toEqual([...commandIds].sort());
  });

  it('offers only its own commands in menus and keys', () => {
    const used = [...Object.values(menus).flat(), ...keybindings].map(({ command }) => command);
    expect(used.filter((command) => !(commandIds as readonly string[]).includes(command))).toEqual([]);
  });

  it('has every text in package.nls.json, and no other text is there', () => {
    const used = [...text.matchAll(/"%([^%"]+)%"/g)].map(([, key]) => key);
    const known = Object.keys(JSON.parse(readFileSync('package.nls.json', 'utf8')) as object);
    expect([...new Set(used)].sort()).toEqual(known.sort());
  });

  it('runs where the files, credentials and programs of a remote workspace are', () => {
    expect(manifest.extensionKind).toEqual(['workspace']);
  });

  it('lets no workspace choose its settings', () => {
    const { properties } = configuration;
    expect(Object.entries(properties).filter(([, { scope }]) => scope !== 'machine')).toEqual([]);
    expect(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations.sort()).toEqual(
      Object.keys(properties).sort(),
    );
  });

  it.each(['settings.yaml', 'flow.yaml'])('has a schema for %s wherever it is', (name) => {
    const validation = manifest.contributes.yamlValidation.find(({ fileMatch }) =>
      fileMatch.every((glob) => glob.endsWith(`/${name}`)),
    );
    expect(existsSync(validation!.url)).toBe(true);
    expect(packaged).toContain(`!${validation!.url.split('/')[1]}/**`);
    const places = [
      '/home/ada/project/.tidyllm/',
      '/home/ada/.config/tidyllm/',
      '/Users/ada/Library/Preferences/tidyllm/',
      'C:/Users/ada/AppData/Roaming/tidyllm/Config/',
    ];
    const known = (path: string): boolean =>
      validation!.fileMatch.some((glob) => path.endsWith(glob.replace('**', '')));
    expect(places.filter((path) => !known(`${path}${name}`))).toEqual([]);
    expect(known(`/home/ada/other/${name}`)).toBe(false);
  });

  it('has one schema for workflows in YAML and in JSON', () => {
    const { yamlValidation, jsonValidation } = manifest.contributes;
    const matches = [
      ...yamlValidation.flatMap(({ fileMatch, url }) => fileMatch.map((glob) => ({ glob, url }))),
      ...jsonValidation.map(({ fileMatch, url }) => ({ glob: fileMatch, url })),
    ].filter(({ glob }) => glob.startsWith('**/.tidyllm/workflows/'));
    expect(matches.map(({ glob }) => glob.split('.').at(-1)).sort()).toEqual(['json', 'yaml', 'yml']);
    const [url, ...others] = new Set(matches.map((one) => one.url));
    expect(others).toEqual([]);
    expect(existsSync(url!)).toBe(true);
  });
});
