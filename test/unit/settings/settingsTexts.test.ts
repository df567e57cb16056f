import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkSettingsText } from '../../../src/settings/loadSettings.ts';
import { settingsTemplate } from '../../../src/settings/settingsTexts.ts';

describe('the file to begin with', () => {
  it('changes nothing as it is', () => {
    expect(parse(settingsTemplate())).toBeNull();
  });

  it('is valid once the comment signs are removed', () => {
    const text = settingsTemplate().replace(/^# (?= *[\w-]+:)/gm, '');
    expect(Object.keys(parse(text) as object)).toContain('budget');
    const faults = checkSettingsText('settings.yaml', text, {}, 'user');
    expect(faults.filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});
