import { withoutPassword } from '../withoutPassword.ts';
import type { Settings } from './schema.ts';
import { workspaceRules, type Tighten } from './workspaceRules.ts';

/** A variable of this program that governs more loosely than the files do. */
export interface LooseningVariable {
  name: string;
  /** Path of the setting. */
  key: string;
  value: string;
  instead: string;
}

/** What governs calls: what else a variable sets is a person's own affair. */
const governing =
  /^(ai|audit|bedrock|budget|compliance|models|prices|aws\.bedrock\.(bearer_token|endpoint))(\.|$)/;

/** As `workspaceRules`, for what a workspace may not set at all. */
const rules: Readonly<Record<string, Tighten>> = {
  ...workspaceRules,
  'audit.anchor.file': first,
  'audit.anchor.git': first,
  'audit.anchor.every_records': fewer,
  'audit.anchor.every_minutes': fewer,
  'audit.retention_days': (own: number, asked: number) => Math.max(own, asked),
};

/** Of the variables that set something, those that loosen what the files say, in the order of their names. */
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

/** Any tightens where there was none. */
function first(own: unknown, asked: unknown): unknown {
  return own ?? asked;
}

function fewer(own: number, asked: number): number {
  return Math.min(own, asked);
}

function at(settings: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (node as Record<string, unknown> | null)?.[key], settings);
}

/** Amounts may be written in several ways. */
function isSame(one: unknown, other: unknown): boolean {
  const [a, b] = [text(one), text(other)];
  return a === b || (amount.test(a) && amount.test(b) && Number(a) === Number(b));
}

const amount = /^[0-9]+(\.[0-9]+)?$/;

/** It goes into the journal. */
function shown(value: unknown): string {
  return withoutPassword(text(value));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}
