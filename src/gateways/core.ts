import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import type { LoadedSettings, SettingsOverrides } from '../settings/loadSettings.ts';
import type { ModelBackend } from './ports.ts';
import type { GatewayRegistry } from './registry.ts';

/** What the command line's global options, or VS Code's settings of the same names, say. */
export interface ComposeOptions extends SettingsOverrides {
  environment: Readonly<Record<string, string | undefined>>;
  backend?: string | undefined;
  user?: string | undefined;
}

/** A back-end without the way to a model. */
export type BackendInfo = Pick<ModelBackend, 'id' | 'simulated' | 'location' | 'region' | 'checkHealth'>;

/** The assembled product: what every front door works with. */
export interface Core {
  readonly loaded: LoadedSettings;
  readonly catalogue: ModelCatalogue;
  /** What is known of the back-end; only the corporate gateway can call it. */
  readonly backend: BackendInfo;
  /** Why answers are simulated; null when they are real. */
  readonly simulatedBecause: string | null;
  readonly ledger: Ledger;
  readonly registry: GatewayRegistry;
  /** Of today, or of a day YYYY-MM-DD. */
  budget(day?: string): Promise<BudgetStatus>;
  dispose(): Promise<void>;
}
