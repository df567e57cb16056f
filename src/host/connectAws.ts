import * as vscode from 'vscode';
import { findAwsProfiles, type AwsProfile } from './awsProfiles.ts';
import type { CoreHolder } from './coreHolder.ts';
import { showFailure } from './failures.ts';

const guide = 'https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-configure.html';
const checkTimeoutMs = 5_000;

type ConnectItem = vscode.QuickPickItem & { act?: () => unknown };

/** Lets the person choose an AWS profile or make one, reconnects, and says what came of it. */
export async function connectAws(holder: CoreHolder, log: vscode.LogOutputChannel): Promise<void> {
  const profiles = await findAwsProfiles(process.env);
  const current = vscode.workspace.getConfiguration('tidyllm').get<string>('profile');
  const useProfile = async (profile: AwsProfile | null): Promise<void> => {
    await reconnectWith(holder, profile);
    await showConnection(holder, log, profile);
  };
  const chosen = await vscode.window.showQuickPick<ConnectItem>(
    [
      separator(vscode.l10n.t('Profiles on this machine')),
      ...profiles.map((profile) => ({
        label: `$(account) ${profile.name}`,
        description: describe(profile, profile.name === current),
        act: () => useProfile(profile),
      })),
      {
        label: `$(search) ${vscode.l10n.t('What the AWS SDK finds')}`,
        description: vscode.l10n.t('environment variables, default profile, role of this machine'),
        act: () => useProfile(null),
      },
      separator(vscode.l10n.t('Make a profile in a terminal')),
      terminalItem(`$(key) ${vscode.l10n.t('Access keys')}`, ['configure']),
      terminalItem(`$(organization) ${vscode.l10n.t('Single sign-on')}`, ['configure', 'sso']),
      separator(vscode.l10n.t('More')),
      {
        label: `$(settings-gear) ${vscode.l10n.t('Open the setting')}`,
        description: 'tidyllm.profile',
        act: () => vscode.commands.executeCommand('workbench.action.openSettings', 'tidyllm.profile'),
      },
      {
        label: `$(link-external) ${vscode.l10n.t('Read how AWS credentials are set up')}`,
        act: () => vscode.env.openExternal(vscode.Uri.parse(guide)),
      },
    ],
    {
      title: vscode.l10n.t('Connect AWS'),
      placeHolder:
        profiles.length === 0
          ? vscode.l10n.t(
              'No profile was found: make one, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
            )
          : vscode.l10n.t('Choose the profile with which Bedrock is called'),
      matchOnDescription: true,
    },
  );
  await chosen?.act?.();
}

function separator(label: string): ConnectItem {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}

function describe({ kind, region }: AwsProfile, current: boolean): string {
  const kinds: Record<AwsProfile['kind'], string> = {
    sso: vscode.l10n.t('single sign-on'),
    role: vscode.l10n.t('role'),
    process: vscode.l10n.t('credential process'),
    keys: vscode.l10n.t('access keys'),
    other: '',
  };
  return [kinds[kind], region ?? '', current ? vscode.l10n.t('in use') : ''].filter(Boolean).join(' · ');
}

function terminalItem(label: string, parameters: string[]): ConnectItem {
  return { label, description: `aws ${parameters.join(' ')}`, act: () => runAws(parameters) };
}

/** Without a shell between, so that a profile's name needs no quoting. */
function runAws(parameters: string[]): void {
  const name = `aws ${parameters.join(' ')}`;
  vscode.window.createTerminal({ name, shellPath: 'aws', shellArgs: parameters }).show();
}

async function reconnectWith(holder: CoreHolder, profile: AwsProfile | null): Promise<void> {
  const configuration = vscode.workspace.getConfiguration('tidyllm');
  await configuration.update('profile', profile?.name, vscode.ConfigurationTarget.Global);
  if (configuration.get('backend') === 'mock') {
    await configuration.update('backend', undefined, vscode.ConfigurationTarget.Global);
  }
  // A change of the settings reconnects by itself; the same profile again needs it said.
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: vscode.l10n.t('Connecting to AWS') },
    () => holder.reconnect(),
  );
}

async function showConnection(
  holder: CoreHolder,
  log: vscode.LogOutputChannel,
  profile: AwsProfile | null,
): Promise<void> {
  const { backend, simulatedBecause } = await holder.whenReady();
  if (simulatedBecause !== null) {
    await vscode.window.showWarningMessage(vscode.l10n.t('Answers stay simulated. {0}', simulatedBecause));
    return;
  }
  const { error, latencyMs } = await backend.checkHealth(AbortSignal.timeout(checkTimeoutMs));
  if (error) {
    const logIn = ['sso', 'login', ...(profile ? ['--profile', profile.name] : [])];
    const remedy = { title: vscode.l10n.t('Log in'), apply: () => runAws(logIn) };
    await showFailure(log, error, error.code === 'credentials_expired' ? [remedy] : []);
    return;
  }
  await vscode.window.showInformationMessage(
    vscode.l10n.t(
      'Bedrock answered in {0} ms ({1}). Answers cost real money from now on.',
      Math.round(latencyMs ?? 0),
      backend.location,
    ),
  );
}
