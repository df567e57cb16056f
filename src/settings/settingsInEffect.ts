import type { LoadedSettings, Origin } from './loadSettings.ts';
import { withoutPassword } from '../withoutPassword.ts';
import { secretPaths, settingKeys } from './schemaPaths.ts';

type Settings = LoadedSettings['settings'];

const hidden = '(set, not shown)';

/** One value in effect, safe to show. */
export interface SettingInEffect {
  /** Its path with dots. */
  key: string;
  value: unknown;
  origin: Origin;
}

/** Every value in effect with its origin, in schema order; secrets are hidden. */
export function settingsInEffect(loaded: LoadedSettings): SettingInEffect[] {
  const settings = withoutSecrets(loaded.settings);
  return settingKeys.map(({ path }) => ({
    key: path.join('.'),
    value: valueAt(settings, path),
    origin: loaded.originOf(path),
  }));
}

/** Settings safe to show: a secret only says that it is set, an address has no password. */
export function withoutSecrets(settings: Settings): Settings {
  const shown = structuredClone(settings);
  for (const path of secretPaths) {
    const values = valueAt(shown, path.slice(0, -1)) as Record<string, unknown>;
    const [key] = path.slice(-1);
    if (key !== undefined) values[key] = hiddenValue(values[key]);
  }
  return withoutPasswords(shown) as Settings;
}

/** Of a mapping the names are shown. */
function hiddenValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value === null ? null : hidden;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, hiddenValue(one)]));
}

function withoutPasswords(value: unknown): unknown {
  if (typeof value === 'string') return withoutPassword(value);
  if (Array.isArray(value)) return value.map(withoutPasswords);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutPasswords(item)]));
}

function valueAt(settings: Settings, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], settings);
}
