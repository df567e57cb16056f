import * as vscode from 'vscode';
import type { CredentialSource, CredentialStatus } from '../gateways/services.ts';
import { logInToAws } from './awsLogin.ts';
import { findAwsProfiles, type AwsProfile } from './awsProfiles.ts';
import type { CoreHolder } from './coreHolder.ts';
import { showFailure } from './failures.ts';
import { runAws } from './runAws.ts';

const guide = 'https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-configure.html';
const checkTimeoutMs = 5_000;

type ConnectItem = vscode.QuickPickItem & { act?: () => unknown };

/** Lets the user select or create an AWS profile, reconnects, and shows the result. */
export async function connectAws(holder: CoreHolder, log: vscode.LogOutputChannel): Promise<void> {
  const profiles = await findAwsProfiles(process.env);
  const itemsWith = (status: CredentialStatus | null): ConnectItem[] => [
    ...inUse(status, holder, log),
    separator(vscode.l10n.t('Profiles on this machine')),
    ...profiles.map((profile) => ({
      label: `$(account) ${profile.name}`,
      description: describe(profile, profile.name === status?.found?.profile),
      act: () => useProfile(holder, log, profile),
    })),
    {
      label: `$(search) ${vscode.l10n.t('Default credentials of the AWS SDK')}`,
      description: vscode.l10n.t('environment variables, default profile, role of this machine'),
      act: () => useProfile(holder, log, null),
    },
    separator(vscode.l10n.t('Create a profile in a terminal')),
    terminalItem(`$(key) ${vscode.l10n.t('Access keys')}`, ['configure']),
    terminalItem(`$(organization) ${vscode.l10n.t('Single sign-on')}`, ['configure', 'sso']),
    separator(vscode.l10n.t('More')),
    {
      label: `$(settings-gear) ${vscode.l10n.t('Open the Setting')}`,
      description: 'tidyllm.profile',
      act: () => vscode.commands.executeCommand('workbench.action.openSettings', 'tidyllm.profile'),
    },
    {
      label: `$(link-external) ${vscode.l10n.t('Read How to Set Up AWS Credentials')}`,
      act: () => vscode.env.openExternal(vscode.Uri.parse(guide)),
    },
  ];
  const chosen = await pick(itemsWith, credentialStatus(holder), {
    title: vscode.l10n.t('Connect AWS'),
    placeholder:
      profiles.length === 0
        ? vscode.l10n.t(
            'No profile was found. Create one, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
          )
        : vscode.l10n.t('Select the AWS profile for Bedrock'),
  });
  await chosen?.act?.();
}

/** Shows the items at once, and updates them when the credentials in use are known. */
async function pick(
  itemsWith: (status: CredentialStatus | null) => ConnectItem[],
  status: Promise<CredentialStatus | null>,
  texts: { title: string; placeholder: string },
): Promise<ConnectItem | undefined> {
  const input = vscode.window.createQuickPick<ConnectItem>();
  try {
    Object.assign(input, { ...texts, matchOnDescription: true, busy: true, items: itemsWith(null) });
    const ended = new Promise<ConnectItem | undefined>((resolve) => {
      input.onDidAccept(() => resolve(input.activeItems[0]));
      input.onDidHide(() => resolve(undefined));
    });
    input.show();
    const known = status.then((found) => {
      input.items = itemsWith(found);
      input.busy = false;
    });
    return await Promise.race([ended, known.then(() => ended)]);
  } finally {
    input.dispose();
  }
}

/** The credentials in use; null while there is no gateway. */
async function credentialStatus(holder: CoreHolder): Promise<CredentialStatus | null> {
  return holder.state.kind === 'ready' ? holder.use(({ sessions }) => sessions.credentialStatus()) : null;
}

/** The source in use, and what to do if it doesn't work. */
function inUse(
  status: CredentialStatus | null,
  holder: CoreHolder,
  log: vscode.LogOutputChannel,
): ConnectItem[] {
  if (!status?.found) return [];
  const { found, error, arn, expiresAt } = status;
  const time = new Intl.DateTimeFormat(vscode.env.language, { timeStyle: 'short' });
  const expires = expiresAt === null ? '' : vscode.l10n.t('until {0}', time.format(new Date(expiresAt)));
  const canLogIn = error?.remedy.some(({ kind }) => kind === 'log_in_to_aws');
  return [
    separator(vscode.l10n.t('In use')),
    {
      label: `$(${error ? 'error' : 'pass'}) ${found.detail}`,
      description: [sourceText(found.source), arn ?? '', expires].filter(Boolean).join(' · '),
      ...(error && { detail: error.message }),
      act: () => showConnection(holder, log),
    },
    ...(canLogIn
      ? [
          {
            label: `$(sign-in) ${vscode.l10n.t('Log In')}`,
            description: error?.hint ?? '',
            act: () => logInToAws(holder, found.profile),
          },
        ]
      : []),
  ];
}

function sourceText(source: CredentialSource): string {
  const texts: Record<CredentialSource, string> = {
    iam_role: vscode.l10n.t('role of this machine, which has priority'),
    environment: vscode.l10n.t('environment, which has priority over profiles'),
    profile: vscode.l10n.t('profile'),
    settings: vscode.l10n.t('settings.yaml, because nothing else was found'),
  };
  return texts[source];
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

async function useProfile(
  holder: CoreHolder,
  log: vscode.LogOutputChannel,
  profile: AwsProfile | null,
): Promise<void> {
  await reconnectWith(holder, profile);
  await showConnection(holder, log);
}

async function reconnectWith(holder: CoreHolder, profile: AwsProfile | null): Promise<void> {
  const configuration = vscode.workspace.getConfiguration('tidyllm');
  await configuration.update('profile', profile?.name, vscode.ConfigurationTarget.Global);
  if (configuration.get('backend') === 'mock') {
    await configuration.update('backend', undefined, vscode.ConfigurationTarget.Global);
  }
  // A changed setting reconnects by itself; selecting the same profile doesn't.
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: vscode.l10n.t('Connecting to AWS') },
    () => holder.reconnect(),
  );
}

async function showConnection(holder: CoreHolder, log: vscode.LogOutputChannel): Promise<void> {
  const { backend, simulatedBecause } = await holder.whenReady();
  if (simulatedBecause !== null) {
    await vscode.window.showWarningMessage(vscode.l10n.t('Answers stay simulated. {0}', simulatedBecause));
    return;
  }
  const { error, latencyMs } = await backend.checkHealth(AbortSignal.timeout(checkTimeoutMs));
  if (error) {
    await showFailure(log, error);
    return;
  }
  await vscode.window.showInformationMessage(
    vscode.l10n.t(
      'Bedrock responded in {0} ms ({1}). Answers cost real money from now on.',
      Math.round(latencyMs ?? 0),
      backend.location,
    ),
  );
}
