import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { controls } from '../../../src/compliance/controls.ts';

const text = readFileSync('docs/compliance.md', 'utf8');

it('docs/compliance.md has every control under its level, and no other', () => {
  for (const level of new Set(controls.map((control) => control.level))) {
    const section = text.split(`### ${level}\n`)[1]?.split(/^##/m)[0] ?? '';
    const named = [...section.matchAll(/^\| `([a-z0-9_.]+)`/gm)].map(([, id]) => id);
    expect(named).toEqual(controls.filter((control) => control.level === level).map(({ id }) => id));
  }
});
