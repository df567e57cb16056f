import * as vscode from 'vscode';
import type { Place } from '../remedies.ts';
import { affectsComposition } from './configuration.ts';
import type { Contribution } from './contribution.ts';
import type { CoreHolder } from './coreHolder.ts';
import { DisposableStore } from './disposables.ts';
import { logInToAws } from './awsLogin.ts';
import { connectAws } from './connectAws.ts';
import { inBackground } from './failures.ts';
import { onApiKeyChange, setApiKey } from './setApiKey.ts';
import { SettingsFile } from './settingsFile.ts';
import { SettingsInEffectDocument } from './settingsInEffectDocument.ts';
import { tellOfSettingsFaults } from './settingsNotice.ts';
import { WalkthroughProgress } from './walkthroughProgress.ts';

interface Dependencies {
  holder: CoreHolder;
  secrets: vscode.SecretStorage;
  /** Fires after the agreement files were read. */
  onFlowFiles: () => void;
  log: vscode.LogOutputChannel;
}

/** The settings and credentials of the core: their files, faults and changes. */
export function contributeSettings({ holder, secrets, onFlowFiles, log }: Dependencies) {
  const store = new DisposableStore();
  const reconnect = (): void => void holder.reconnect();
  const settingsFile = store.add(new SettingsFile(reconnect));
  const settingsInEffect = store.add(new SettingsInEffectDocument(holder));
  store.add(
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (affectsComposition(change)) reconnect();
    }),
  );
  store.add(onApiKeyChange(secrets, reconnect));
  store.add(vscode.workspace.onDidGrantWorkspaceTrust(reconnect));
  store.add(vscode.workspace.onDidChangeWorkspaceFolders(reconnect));
  store.add(tellOfSettingsFaults(holder, log));
  store.add(new WalkthroughProgress(holder, log));
  store.add(holder.onDidChange(() => settingsFile.follow()));
  const first = holder.onDidChange(() => {
    first.dispose();
    inBackground(log, followFiles(store, holder, onFlowFiles, log));
  });
  return {
    commands: {
      'tidyllm.reconnect': async () => (await import('./reconnect.ts')).reconnect(holder),
      'tidyllm.connectAws': () => connectAws(holder, log),
      'tidyllm.setApiKey': () => setApiKey(secrets),
      'tidyllm.logInToAws': () => logInToAws(holder),
      'tidyllm.openSettingsFile': (from?: { place?: Place }) => settingsFile.open(from?.place),
      'tidyllm.openWorkspaceSettingsFile': () => settingsFile.openOfWorkspace(),
      'tidyllm.showSettings': () => settingsInEffect.open(),
    },
    settingsFile,
    dispose: () => store.dispose(),
  } satisfies Contribution & { settingsFile: unknown };
}

/** Parts that load the schema and the AWS SDK, which the gateway's first start has loaded anyway. */
async function followFiles(
  store: DisposableStore,
  holder: CoreHolder,
  onFlowFiles: () => void,
  log: vscode.LogOutputChannel,
): Promise<void> {
  const [{ SettingsDiagnostics }, { FlowLanguage }, { followAwsLogins }] = await Promise.all([
    import('./settingsDiagnostics.ts'),
    import('./flowLanguage/flowLanguage.ts'),
    import('./followAwsLogins.ts'),
  ]);
  store.add(new SettingsDiagnostics(holder, log));
  store.add(store.add(new FlowLanguage(holder, log)).onDidCheck(onFlowFiles));
  store.add(followAwsLogins(holder, log));
}
