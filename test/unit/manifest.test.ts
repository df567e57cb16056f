import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { commandIds } from '../../src/host/commandIds.ts';
import { settingsSchema } from '../../src/settings/schema.ts';

interface Manifest {
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  contributes: {
    commands: { command: string }[];
    menus: Record<string, { command: string }[]>;
    keybindings: { command: string; when?: string }[];
    configuration: { properties: Record<string, { scope: string }> };
  };
}

const text = readFileSync('package.json', 'utf8');
const manifest = JSON.parse(text) as Manifest;
const { commands, menus, keybindings, configuration } = manifest.contributes;

describe('the manifest', () => {
  it('declares the commands that the code registers', () => {
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

  it('lets no workspace choose its settings', () => {
    const { properties } = configuration;
    expect(Object.entries(properties).filter(([, { scope }]) => scope !== 'machine')).toEqual([]);
    expect(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations.sort()).toEqual(
      Object.keys(properties).sort(),
    );
  });
});

describe('the example of settings.yaml', () => {
  const example = readFileSync('media/settings.example.yaml', 'utf8');

  it('changes nothing as it is', () => {
    expect(parse(example)).toBeNull();
  });

  it('is valid once the comment signs are removed', () => {
    const settings: unknown = parse(example.replace(/^# (?=[a-z ]+[a-z_.-]+:)/gm, ''));
    expect(Object.keys(settings as object)).toContain('budget');
    expect(settingsSchema.safeParse(settings).error).toBeUndefined();
  });
});
