import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { controls } from '../../../src/compliance/controls.ts';
import { complianceLevels } from '../../../src/compliance/policy.ts';

it('every level has a page, and no other has one', () => {
  expect(readdirSync('docs/compliance').sort()).toEqual(
    complianceLevels.map((level) => `${level}.md`).sort(),
  );
});

it.each(complianceLevels)('docs/compliance/%s.md has every control of the level, and no other', (level) => {
  const text = readFileSync(`docs/compliance/${level}.md`, 'utf8');
  const named = [...text.matchAll(/^\| `([a-z0-9_.]+)`/gm)].map(([, id]) => id);
  expect(named).toEqual(controls.filter((control) => control.level === level).map(({ id }) => id));
});
