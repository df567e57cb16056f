import { withoutPassword } from '../withoutPassword.ts';
import type { Settings } from './schema.ts';
import { workspaceRules, type Tighten } from './workspaceRules.ts';

/** A variable of this program that loosens the files' settings. */
export interface LooseningVariable {
  name: string;
  /** Path of the setting. */
  key: string;
  value: string;
  instead: string;
}

/** The settings that govern calls; other variables are not checked. */
const governing =
  /^(ai|audit|bedrock|budget|compliance|models|prices|aws\.bedrock\.(bearer_token|endpoint))(\.|$)/;

/** Like `workspaceRules`, for the keys that a workspace may not set. */
const rules: Readonly<Record<string, Tighten>> = {
  ...workspaceRules,
  'audit.anchor.file': first,
  'audit.anchor.git': first,
  'audit.anchor.every_records': fewer,
  'audit.anchor.every_minutes': fewer,
  'audit.retention_days': (own: number, asked: number) => Math.max(own, asked),
};

/** The variables that loosen the files' settings, sorted by name. */
export function looseningVariables(
  variables: Iterable<readonly [name: string, path: readonly string[]]>,
  { files, effective }: { files: Settings; effective: Settings },
): LooseningVariable[] {
  return [...variables]
    .flatMap(([name, path]) => {
      const key = path.join('.');
      const [own, asked] = [at(files, path), at(effective, path)];
      if (!governing.test(key)) return [];
      const tightened = rules[key] ? rules[key](own as never, asked as never) : own;
      return isSame(tightened, asked) ? [] : [{ name, key, value: shown(asked), instead: shown(own) }];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Any value is tighter than none. */
function first(own: unknown, asked: unknown): unknown {
  return own ?? asked;
}

function fewer(own: number, asked: number): number {
  return Math.min(own, asked);
}

function at(settings: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (node as Record<string, unknown> | null)?.[key], settings);
}

/** Amounts have several spellings. */
function isSame(one: unknown, other: unknown): boolean {
  const [a, b] = [text(one), text(other)];
  return a === b || (amount.test(a) && amount.test(b) && Number(a) === Number(b));
}

const amount = /^[0-9]+(\.[0-9]+)?$/;

/** The value as the journal records it. */
function shown(value: unknown): string {
  return withoutPassword(text(value));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}
