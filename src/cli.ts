import { Argument, Command, CommanderError, Option } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { auditExport, auditList, auditShow, type FilterOptions } from './cli/audit.ts';
import { auditAnchor, auditHead, auditReopen, auditRotateKey, auditVerify } from './cli/auditChain.ts';
import { budget, budgetAcknowledge, budgetRaise, type RaiseOptions } from './cli/budget.ts';
import { doctor } from './cli/doctor.ts';
import { health } from './cli/health.ts';
import { promptForMfaCode } from './cli/mfaCode.ts';
import { noteBudgetAlerts } from './cli/budgetAlerts.ts';
import { chat, unreachableJson } from './cli/chat.ts';
import type { ChatOptions } from './cli/chatRequest.ts';
import { flowHistory, flowList, flowReport, flowRun, flowValidate, type FlowRunOptions } from './cli/flow.ts';
import { auditErase, type EraseOptions } from './cli/erase.ts';
import { reconcileCommand, type ReconcileCommandOptions } from './cli/reconcile.ts';
import { settingsInit, settingsShow, settingsValidate } from './cli/settings.ts';
import { gateways, gatewayStats, status } from './cli/status.ts';
import { OutputFailed, outputFault, watchOutput, writeErrors, writeOutput } from './cli/output.ts';
import { requireWellReadArguments } from './cli/readText.ts';
import { errorJson, note, printError, printJson, type Terminal } from './cli/terminal.ts';
import { usage, type UsageOptions } from './cli/usage.ts';
import { compose } from './app/compose.ts';
import type { Core } from './core/core.ts';
import { requestServiceTiers } from './gateways/modelCalls.ts';
import { errorCodes } from './errorCodes.ts';
import { GatewayError, messageOf } from './errors.ts';
import { loadSettings, type SettingsOverrides } from './settings/loadSettings.ts';
import { projectFolderAround, workspaceFilesAround } from './settings/settingsPlaces.ts';
import { faultText } from './yamlDocument.ts';

interface GlobalOptions {
  settings?: string;
  profile?: string;
  region?: string;
  backend?: string;
  user?: string;
  json?: boolean;
  quiet?: boolean;
}

// On Windows cmd.exe, which the AWS SDK starts for a credential_process, would take programs of the working folder.
process.env['NoDefaultCurrentDirectoryInExePath'] = '1';

/** An option that may be given more than once. */
const repeatable = (value: string, all: string[] = []): string[] => [...all, value];

const program = new Command('tidyllm')
  .description('Governed calls to language models: a reason, a budget and an audit record for each.')
  .version(manifest.version)
  .option('--settings <file>', 'settings.yaml to use instead of the user’s own')
  .option('--profile <name>', 'AWS profile')
  .option('--region <region>', 'AWS region')
  .option('--backend <id>', 'bedrock or mock')
  .option('--user <id>', 'who is asking, for the audit record')
  .option('--json', 'print exactly one JSON document')
  .option('--quiet', 'print no messages')
  .exitOverride()
  .configureOutput({ writeOut: writeOutput, writeErr: writeErrors })
  .showHelpAfterError('(see --help)');

program
  .command('chat')
  .description('make one governed call and stream the answer')
  .argument('[prompt]', 'what to ask; - reads standard input')
  .option('--reason <text>', 'why the call is made (mandatory)')
  .option('--model <name>', 'friendly name, model id, inference-profile id or ARN')
  .option('--max-tokens <n>', 'longest answer')
  .option('--temperature <t>', '0 to 1, or none to leave it to the model')
  .addOption(new Option('--service-tier <tier>', 'how Bedrock serves it').choices(requestServiceTiers))
  .option('--mode <mode>', 'chat mode', 'direct')
  .option('--file <path>', 'text, image, PDF or Office file to send along (repeatable)', repeatable, [])
  .option('--messages <file>', 'a conversation in JSON, instead of a prompt')
  .option('--system <text>', 'what the model is told beforehand')
  .option('--tools <file>', 'tools that the model may ask for, in JSON')
  .option('--tool-choice <choice>', 'auto, any, none or the name of a tool')
  .option('--reasoning <effort>', 'low, medium, high or a number of tokens')
  .option('--schema <file>', 'JSON schema that the answer must fit')
  .option('--stop <text>', 'where the answer stops (repeatable)', repeatable, [])
  .option('--top-p <p>', 'above 0, to 1; takes the place of the temperature')
  .option('--guardrail <id:version>', 'guardrail of Bedrock to apply')
  .option('--fields <file>', 'further fields of the model, in JSON')
  .option('--no-stream', 'wait for the whole answer')
  .action((prompt: string | undefined, options: ChatOptions) => {
    const failed = (error: GatewayError): object =>
      unreachableJson(error, options.model ?? '', program.opts<GlobalOptions>().backend);
    return run(
      withAlerts((core, terminal) => chat(core, prompt, options, terminal)),
      failed,
    );
  });

const budgets = program
  .command('budget')
  .description('what today has spent, holds and has left')
  .option('--day <day>', 'another day, YYYY-MM-DD')
  .action(({ day }: { day?: string }) => run((core, terminal) => budget(core, day, terminal)));
budgets
  .command('raise')
  .description('set a higher cap for today')
  .requiredOption('--limit <usd>', 'the cap, in USD')
  .option('--reason <text>', 'why (mandatory)')
  .option('--for-user <id>', 'the cap of a user instead of the whole ledger’s')
  .option('--model <name>', 'the cap of a model')
  .option('--workspace <folder>', 'the cap of a workspace folder')
  .action(({ forUser, ...options }: RaiseOptions & { forUser?: string }) =>
    run((core, terminal) =>
      budgetRaise(core, { ...options, ...(forUser !== undefined && { user: forUser }) }, terminal),
    ),
  );
budgets
  .command('acknowledge')
  .description('let today take calls again after one cost more than was reserved')
  .option('--reason <text>', 'why (mandatory)')
  .action((options: { reason?: string }) =>
    run((core, terminal) => budgetAcknowledge(core, options, terminal)),
  );

program
  .command('usage')
  .description('what calls came to, and what today and this month will')
  .option('--by <property>', 'model, user, day, workspace, branch or hour', 'model')
  .option('--since <day>', 'first policy day, YYYY-MM-DD')
  .option('--until <day>', 'last policy day')
  .action((options: UsageOptions) => run((core, terminal) => usage(core, options, terminal)));

const audit = program.command('audit').description('the audit history');
/** The global --user, which says who asks where a call is made, chooses a user's calls here. */
const userFilter = (): Pick<FilterOptions, 'user'> => {
  const { user } = program.opts<GlobalOptions>();
  return user === undefined ? {} : { user };
};
const withFilters = (command: Command): Command =>
  command
    .option('--from <when>', 'calls of this policy day, YYYY-MM-DD, or time, 2026-01-31T09:30Z, and after')
    .option('--until <when>', 'calls to the end of this policy day, or before this time')
    .option('--model <name>', 'a model by name or id')
    .option('--outcome <outcome>', 'how they ended (repeatable, or with commas)', repeatable)
    .option('--text <text>', 'a part of the reason')
    .option('--workspace <folder>', 'made in this folder')
    .option('--branch <name>', 'made on this branch')
    .addHelpText('after', '\nThe global --user chooses the calls of one user.');
withFilters(audit.command('list').description('calls, newest first'))
  .option('--limit <n>', 'how many', '20')
  .option('--cursor <c>', 'next_cursor of the page before')
  .action((options: FilterOptions & { limit: string; cursor?: string }) =>
    run((core, terminal) => auditList(core, { ...options, ...userFilter() }, terminal)),
  );
withFilters(audit.command('export').description('calls as a file, newest first'))
  .option('--format <format>', 'jsonl or csv', 'jsonl')
  .option('--out <file>', 'where to; standard output when left out')
  .action((options: FilterOptions & { format: string; out?: string }) =>
    run((core, terminal) => auditExport(core, { ...options, ...userFilter() }, terminal)),
  );
audit
  .command('show')
  .description('one call with all its records')
  .argument('<id>', 'call id or sequence number')
  .option('--content', 'with what was kept of its prompt and answer')
  .action((id: string, options: { content?: boolean }) =>
    run((core, terminal) => auditShow(core, id, options, terminal)),
  );
audit
  .command('erase')
  .description('delete what was kept of a user’s prompts and answers, for good')
  .requiredOption('--subject <user>', 'user id as the audit records have it')
  .option('--reason <text>', 'why (mandatory)')
  .option('--yes', 'don’t ask')
  .action((options: EraseOptions) => run((core, terminal) => auditErase(core, options, terminal)));
audit
  .command('verify')
  .description('check that no record was changed')
  .option('--from <day>', 'begin with the segment that holds this day, YYYY-MM-DD')
  .option('--anchor <file>', 'file of checkpoints, or repository with anchors in its notes')
  .option('--key <id>', 'signing key that all of it has to descend from: key_id or public_key')
  .action((options: { from?: string; anchor?: string; key?: string }) =>
    runAsItIs((core, terminal) => auditVerify(core, options, terminal)),
  );
audit
  .command('head')
  .description('where the chain stands, with a signed checkpoint')
  .action(() => run(auditHead));
audit
  .command('anchor')
  .description('keep the head outside the ledger, now')
  .option('--to <path>', 'a file, or a repository for its notes, instead of the configured anchors')
  .action(({ to }: { to?: string }) => run((core, terminal) => auditAnchor(core, to, terminal)));
audit
  .command('reopen')
  .description('let a ledger that was closed take calls again, once it is whole')
  .option('--reason <text>', 'why (mandatory)')
  .option('--new-ledger', 'set it aside, and begin a new one in its place')
  .action((options: { reason?: string; newLedger?: boolean }) =>
    run((core, terminal) => auditReopen(core, options, terminal)),
  );
audit
  .command('rotate-key')
  .description('let a new key sign checkpoints and policy changes from here on')
  .action(() => run(auditRotateKey));

program
  .command('reconcile')
  .description('compare the ledger with an AWS cost export and record the differences')
  .argument('<file...>', 'Cost and Usage Report as CSV, legacy or CUR 2.0, with or without gzip')
  .option('--reason <text>', 'why (mandatory unless --dry-run)')
  .option('--map <name=model>', 'a model as the bill names it (repeatable)', repeatable, [])
  .option('--where <column=value>', 'only lines with this value (repeatable)', repeatable, [])
  .option('--final', 'take every day of the export as complete')
  .option('--dry-run', 'compare only')
  .action((files: string[], options: ReconcileCommandOptions) =>
    run(withAlerts((core, terminal) => reconcileCommand(core, files, options, terminal))),
  );

program
  .command('gateways')
  .description('known gateways and their state')
  .addArgument(new Argument('[what]', 'for counts').choices(['stats']))
  .action((what: string | undefined) =>
    run((core, terminal) =>
      what ? Promise.resolve(gatewayStats(core, terminal)) : gateways(core, terminal),
    ),
  );

program
  .command('health')
  .description('services and gateways with their latency')
  .argument('[service]', 'one of bedrock, s3, postgres, mlflow')
  .option('--watch', 'again and again, until interrupted')
  .action((service: string | undefined, options: { watch?: boolean }) =>
    runAsItIs((core, terminal) => health(core, service, options, terminal)),
  );
program
  .command('doctor')
  .description('what is wrong and how to mend it')
  .action(() => runAlone((terminal) => doctor(composeCore, terminal)));
program
  .command('status')
  .description('the final validation: whether everything that is installed works')
  .action(() => runAsItIs(status));

const settings = program.command('settings').description('the configuration');
settings
  .command('show')
  .description('every value in effect; secrets are not shown')
  .option('--origin', 'and where it comes from')
  .action((options: { origin?: boolean }) =>
    runAlone(async (terminal) =>
      settingsShow(await loadSettings(process.env, overrides()), options, terminal),
    ),
  );
settings
  .command('validate')
  .description('what is wrong with a settings file')
  .argument('<file>', 'settings.yaml of a user or of a workspace')
  .option('--workspace', 'as a workspace’s file, which may only tighten')
  .action((file: string, options: { workspace?: boolean }) =>
    runAlone((terminal) => settingsValidate(file, options, terminal)),
  );
settings
  .command('init')
  .description('make a commented settings.yaml to begin with')
  .option('--workspace', 'make .tidyllm/settings.yaml of this folder')
  .action((options: { workspace?: boolean }) =>
    runAlone((terminal) =>
      settingsInit({ settingsFile: program.opts<GlobalOptions>().settings, ...options }, terminal),
    ),
  );

const flow = program.command('flow').description('pre-approved operations by name');
flow
  .command('list')
  .description('the agreements that are built in, of this user and of this folder')
  .action(() => run(flowList));
flow
  .command('run')
  .description('run the agreement that a command means')
  .argument('<command>', 'a trigger such as "[Cost Analysis]", with NAME=VALUE after it')
  .option('--param <name=value>', 'a parameter (repeatable)', repeatable, [])
  .option('--approve <sha256>', 'approve the command line of this definition, as flow list --json names it')
  .option('--out <file>', 'write the report there: JSON for *.json, otherwise Markdown')
  .action((command: string, options: FlowRunOptions) =>
    run(withAlerts((core, terminal) => flowRun(core, command, options, terminal))),
  );
flow
  .command('history')
  .description('the last runs, newest first')
  .option('--limit <n>', 'how many', '20')
  .action((options: { limit: string }) => run((core, terminal) => flowHistory(core, options, terminal)));
flow
  .command('report')
  .description('what a run found')
  .argument('<run>', 'its id, from flow history')
  .option('--compare <run>', 'an earlier run, to say what is different')
  .option('--out <file>', 'write it there: JSON for *.json, otherwise Markdown')
  .action((runId: string, options: { compare?: string; out?: string }) =>
    run((core, terminal) => flowReport(core, runId, options, terminal)),
  );
flow
  .command('validate')
  .description('what is wrong with a file of agreements')
  .argument('<file>', 'flow.yaml of a user or of a workspace')
  .action((file: string) => runAlone((terminal) => flowValidate(file, terminal)));

/** What the global options say about settings. Files around the working folder may only tighten. */
function overrides(): SettingsOverrides {
  const { settings: settingsFile, profile, region } = program.opts<GlobalOptions>();
  return { settingsFile, profile, region, workspaceFiles: workspaceFilesAround(process.cwd()) };
}

function composeCore(): Promise<Core> {
  const { backend, user } = program.opts<GlobalOptions>();
  return compose({
    environment: process.env,
    ...overrides(),
    backend,
    user,
    mfaCode: promptForMfaCode,
    folders: [projectFolderAround(process.cwd())],
  });
}

/** Runs a command that needs no core, and keeps its exit code. */
async function runAlone(command: (terminal: Terminal) => number | Promise<number>): Promise<void> {
  const terminal = terminalOf();
  try {
    requireWellReadArguments(process.argv.slice(2));
    process.exitCode = await command(terminal);
  } catch (thrown) {
    fail(thrown, terminal);
  }
}

function terminalOf(): Terminal {
  const { json, quiet } = program.opts<GlobalOptions>();
  return { json: json ?? false, quiet: quiet ?? false };
}

function fail(
  thrown: unknown,
  terminal: Terminal,
  document: (error: GatewayError) => object = (error) => ({ error: errorJson(error) }),
): void {
  if (thrown instanceof OutputFailed) return;
  const error = GatewayError.is(thrown) ? thrown : unexpected(thrown);
  if (terminal.json) printJson(document(error));
  else printError(error);
  process.exitCode = error.exitCode;
}

/** Runs a command on a composed core and keeps its exit code. */
async function run(
  command: CoreCommand,
  failed?: (error: GatewayError) => object,
  settleFirst = true,
): Promise<void> {
  const terminal = terminalOf();
  let core: Core | null = null;
  try {
    requireWellReadArguments(process.argv.slice(2));
    core = await composeCore();
    for (const warning of core.loaded.warnings) note(terminal, `Warning: ${faultText(warning)}`);
    if (core.loaded.unused.length > 0) {
      note(
        terminal,
        `Not used by this version: ${core.loaded.unused.join(', ')} in ${core.loaded.file ?? 'settings'}.`,
      );
    }
    if (settleFirst) await settleOrphans(core, terminal);
    process.exitCode = await command(core, terminal);
  } catch (thrown) {
    fail(thrown, terminal, failed);
  } finally {
    await core?.dispose();
  }
}

type CoreCommand = (core: Core, terminal: Terminal) => Promise<number>;

/** A command that makes calls or corrects what they cost, and then says which caps have reached an alert. */
function withAlerts(command: CoreCommand): CoreCommand {
  return async (core, terminal) => {
    const exitCode = await command(core, terminal);
    await noteBudgetAlerts(core, terminal);
    return exitCode;
  };
}

/** Runs a command that must see the ledger as it lies, and leaves it so. */
function runAsItIs(command: CoreCommand): Promise<void> {
  return run(command, undefined, false);
}

function unexpected(error: unknown): GatewayError {
  return new GatewayError('internal_error', `Something unexpected failed: ${messageOf(error)}`, {
    cause: error,
  });
}

/** Ends what dead processes left open, so that reports are right. A ledger that can't be written is only noted. */
async function settleOrphans(core: Core, terminal: Terminal): Promise<void> {
  try {
    if (await core.ledger.head()) await core.ledger.recover();
  } catch (error) {
    note(terminal, messageOf(error));
  }
}

/** Waits until what was printed is out. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

watchOutput();
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // commander has already said what is wrong on stderr; help and version are not failures.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
  if (error.exitCode !== 0 && process.argv.includes('--json')) {
    const hint = 'See --help.';
    printJson({ error: errorJson(new GatewayError('invalid_request', error.message, { hint })) });
  }
}
// What nobody waits for any more, such as a credential process that hangs, must not keep the command.
await flushed(process.stdout);
const fault = outputFault();
if (fault) {
  printError(fault);
  // What it did may have stopped because of that; what went wrong besides is told first.
  if ([0, errorCodes.cancelled.exitCode].includes(Number(process.exitCode ?? 0)))
    process.exitCode = fault.exitCode;
}
await flushed(process.stderr);
process.exit();
