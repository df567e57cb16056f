import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { soxRetentionDays } from '../compliance/controls.ts';
import { levelsOf } from '../compliance/policy.ts';
import type { ComposeOptions } from '../core/core.ts';
import { embeddingModel } from '../gateways/embeddingModels.ts';
import { otherHomes } from '../ledger/otherHomes.ts';
import type { LedgerMode } from '../ledger/records.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import type { LoadedSettings } from '../settings/loadSettings.ts';
import type { Settings } from '../settings/schema.ts';
import { userDirectories } from '../settings/settingsPlaces.ts';
import { statePlaces } from '../statePlaces.ts';
import type { Fault } from '../yamlDocument.ts';

/** Warnings about valid settings: about single files, and about their combination. */
export function settingsWarnings(
  options: ComposeOptions,
  loaded: LoadedSettings,
  catalogue: ModelCatalogue,
  mode: LedgerMode,
): Fault[] {
  return [
    ...loaded.warnings,
    ...namedSettings(options, loaded).map(settingsElsewhere),
    ...unknownModels(loaded.settings, catalogue),
    ...shortRetention(loaded.settings),
    ...budgetsElsewhere(options, mode),
  ];
}

/** Unknown model names, which have no effect. */
function unknownModels({ budget, models, chat, compliance }: Settings, catalogue: ModelCatalogue): Fault[] {
  const isUnknown = (name: string): boolean => catalogue.idOf(name) === null;
  const caps = Object.keys(budget.per_model_usd).filter((name) => name !== 'default' && isUnknown(name));
  const unused = Object.keys(models).filter(isUnknown);
  const permitted = [...compliance.models_allowed, ...compliance.models_denied].filter(isUnknown);
  const bases = Object.entries(models).filter(([, { base }]) => isUnknown(base));
  const embedding = chat.retrieval_embeddings;
  const embedsNot = embedding !== null && !embeddingModel(catalogue.baseIdOf(embedding));
  return [
    ...(embedsNot && !catalogue.modelIdOf(embedding).startsWith('arn:')
      ? [
          `chat.retrieval_embeddings: "${embedding}" is no known embedding model, so sources are ordered by words`,
        ]
      : []),
    ...caps.map((name) => `budget.per_model_usd: model "${name}" is unknown, so its cap has no effect`),
    ...permitted.map((name) => `compliance: model "${name}" is unknown, so it permits or forbids nothing`),
    ...unused.map((name) => `models: model "${name}" is unknown, so its base has no effect`),
    ...bases.map(([name, { base }]) => `models."${name}".base: model "${base}" is unknown`),
  ].map((message) => ({ severity: 'warning', message, place: null }));
}

/** Records that a level of compliance wants to be kept longer. */
function shortRetention({ audit, compliance }: Settings): Fault[] {
  if (!levelsOf(compliance).includes('sox') || audit.retention_days >= soxRetentionDays) return [];
  const message = `audit.retention_days is ${audit.retention_days}, and compliance level sox asks for ${soxRetentionDays} (seven years)`;
  return [{ severity: 'warning', message, place: null }];
}

/** A settings file that replaces this user's own, as `NAME=path`. */
export function namedSettings(
  { settingsFile }: ComposeOptions,
  { file, userFile }: LoadedSettings,
): string[] {
  if (file === null || file === userFile || !existsSync(userFile)) return [];
  return [`${settingsFile === undefined ? 'TIDYLLM_SETTINGS' : 'settings'}=${file}`];
}

function settingsElsewhere(named: string): Fault {
  const message = `${named} replaces this user's own settings; the audit records say so`;
  return { severity: 'warning', message, place: null };
}

/** A second TIDYLLM_HOME is a second budget. Simulated calls don't count. */
function budgetsElsewhere({ environment }: ComposeOptions, mode: LedgerMode): Fault[] {
  if (mode === 'simulated') return [];
  const { state } = userDirectories(environment);
  const { state: registry } = userDirectories({ ...environment, TIDYLLM_HOME: undefined });
  return otherHomes(statePlaces.homes(registry), state, standardHomes()).map((home) => ({
    severity: 'warning',
    message: `calls of this account are also recorded in ${home}, which has a separate budget (TIDYLLM_HOME)`,
    place: null,
  }));
}

/** The default folder of this account's state, without regard to HOME and XDG_STATE_HOME. */
function standardHomes(): string[] {
  const place = { linux: '.local/state/tidyllm', darwin: 'Library/Application Support/tidyllm' };
  const below = place[process.platform as keyof typeof place] as string | undefined;
  try {
    return below === undefined ? [] : [join(userInfo().homedir, below)];
  } catch {
    return [];
  }
}
