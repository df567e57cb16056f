import { Command, CommanderError, Option } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { auditExport, auditList, auditShow, type FilterOptions } from './cli/audit.ts';
import { auditAnchor, auditHead, auditReopen, auditRotateKey, auditVerify } from './cli/auditChain.ts';
import { budget, budgetAcknowledge, budgetRaise, type RaiseOptions } from './cli/budget.ts';
import { doctor } from './cli/doctor.ts';
import { health } from './cli/health.ts';
import { promptForMfaCode } from './cli/mfaCode.ts';
import { noteBudgetAlerts } from './cli/budgetAlerts.ts';
import { cacheClear, cacheStats, cacheStatus } from './cli/cache.ts';
import { chat, unreachableJson, type ChatOptions } from './cli/chat.ts';
import { compare, notComparedJson, type CompareOptions } from './cli/compare.ts';
import { complianceCheck } from './cli/compliance.ts';
import { complianceReportCommand, type ComplianceReportOptions } from './cli/complianceReport.ts';
import { embedCommand, notEmbeddedJson, type EmbedOptions } from './cli/embed.ts';
import { flowHistory, flowList, flowReport, flowRun, flowValidate, type FlowRunOptions } from './cli/flow.ts';
import { auditErase, type EraseOptions } from './cli/erase.ts';
import { auditQuery, type QueryCommandOptions } from './cli/query.ts';
import { reconcileCommand, type ReconcileCommandOptions } from './cli/reconcile.ts';
import { settingsInit, settingsShow, settingsValidate } from './cli/settings.ts';
import { gatewayStats } from './cli/gatewayStats.ts';
import { gateways, status } from './cli/status.ts';
import { OutputFailed, outputFault, watchOutput, writeErrors, writeOutput } from './cli/output.ts';
import { requireWellReadArguments } from './cli/readText.ts';
import { errorJson, note, printError, printJson, type Terminal } from './cli/terminal.ts';
import { trackingSend, trackingStatus } from './cli/tracking.ts';
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

// On Windows the AWS SDK starts cmd.exe for a credential_process, which would run programs of the working folder.
process.env['NoDefaultCurrentDirectoryInExePath'] = '1';

/** An option that may be repeated. */
const repeatable = (value: string, all: string[] = []): string[] => [...all, value];

const program = new Command('tidyllm')
  .description('Governed calls to language models: a reason, a budget and an audit record for each.')
  .version(manifest.version)
  .option('--settings <file>', 'settings.yaml to use instead of the user’s')
  .option('--profile <name>', 'AWS profile')
  .option('--region <region>', 'AWS region')
  .option('--backend <id>', 'anthropic, openai, compatible, bedrock, mlflow or mock')
  .option('--user <id>', 'user to record for calls')
  .option('--json', 'print exactly one JSON document')
  .option('--quiet', 'print no messages')
  .exitOverride()
  .configureOutput({ writeOut: writeOutput, writeErr: writeErrors })
  .showHelpAfterError('(see --help)');

/** The options of a request: `chat` sends it to one model, `compare` to several. */
const withRequest = (command: Command): Command =>
  command
    .argument('[prompt]', 'the prompt; - reads standard input')
    .option('--reason <text>', 'why the call is made (mandatory)')
    .option('--max-tokens <n>', 'maximum answer length, in tokens')
    .option('--temperature <t>', '0 to 1, or none to leave it to the model')
    .addOption(new Option('--service-tier <tier>', 'service tier of Bedrock').choices(requestServiceTiers))
    .option('--file <path>', 'text, image, PDF or Office file to attach (repeatable)', repeatable, [])
    .option('--messages <file>', 'a conversation in JSON, instead of a prompt')
    .option('--system <text>', 'system prompt')
    .option('--tools <file>', 'tools that the model may ask for, in JSON')
    .option('--tool-choice <choice>', 'auto, any, none or the name of a tool')
    .option('--reasoning <effort>', 'low, medium, high or a number of tokens')
    .option('--schema <file>', 'JSON schema that the answer must fit')
    .option('--stop <text>', 'stop sequence (repeatable)', repeatable, [])
    .option('--top-p <p>', 'above 0, up to 1; replaces the temperature')
    .option('--guardrail <id:version>', 'Bedrock guardrail to apply')
    .option('--fields <file>', 'additional model fields, in JSON')
    .option('--no-cache', 'ask a model even if the answer is cached')
    .option('--redact', 'redact what compliance policy would block')
    .option('--fallback <models>', 'none forbids fallback models');
withRequest(program.command('chat').description('make one governed call and stream the answer'))
  .option('-m, --model <name>', 'friendly name, model id, inference-profile id or ARN')
  .option(
    '--mode <mode>',
    'direct, rag (answers from the files of this folder), hybrid (and from what the model knows), structured, or the name of a mode’s file',
    'direct',
  )
  .option('--signature <signature>', 'of the mode structured: a YAML file, or "question -> answer: type"')
  .option('--no-stream', 'wait for the whole answer')
  .action((prompt: string | undefined, options: ChatOptions) => {
    const failed = (error: GatewayError): object =>
      unreachableJson(error, options.model ?? '', program.opts<GlobalOptions>().backend);
    return run(
      withAlerts((core, terminal) => chat(core, prompt, options, terminal)),
      failed,
    );
  });
withRequest(program.command('compare').description('ask several models the same and compare their answers'))
  .requiredOption('--models <names>', '2 to 8 models, separated by commas')
  .action((prompt: string | undefined, options: CompareOptions) => {
    const failed = (error: GatewayError): object =>
      notComparedJson(error, options, program.opts<GlobalOptions>().backend);
    return run(
      withAlerts((core, terminal) => compare(core, prompt, options, terminal)),
      failed,
    );
  });

program
  .command('embed')
  .description('embed a text with one governed call and print its vector')
  .argument('<text>', 'the text; - reads standard input')
  .option('--reason <text>', 'why the call is made (mandatory)')
  .option('-m, --model <name>', 'embedding model; Titan Text Embeddings V2 by default')
  .option('--dimensions <n>', 'length of the vector, for models that let it be chosen')
  .option('--input-type <type>', 'what the vector is for, for models that distinguish it')
  .option('--no-cache', 'ask a model even if the vector is cached')
  .action((text: string, options: EmbedOptions) =>
    run(
      withAlerts((core, terminal) => embedCommand(core, text, options, terminal)),
      (error) => notEmbeddedJson(error, options),
    ),
  );

const budgets = program
  .command('budget')
  .description('spent, reserved and left today')
  .option('--day <day>', 'another day, YYYY-MM-DD')
  .action(({ day }: { day?: string }) => run((core, terminal) => budget(core, day, terminal)));
budgets
  .command('raise')
  .description('set a higher cap for today')
  .requiredOption('--limit <usd>', 'the cap, in USD')
  .option('--reason <text>', 'why (mandatory)')
  .option('--for-user <id>', 'cap of a user instead of the whole ledger')
  .option('--model <name>', 'cap of a model')
  .option('--workspace <folder>', 'cap of a workspace folder')
  .action(({ forUser, ...options }: RaiseOptions & { forUser?: string }) =>
    run((core, terminal) =>
      budgetRaise(core, { ...options, ...(forUser !== undefined && { user: forUser }) }, terminal),
    ),
  );
budgets
  .command('acknowledge')
  .description('allow calls today again after a call cost more than its reservation')
  .option('--reason <text>', 'why (mandatory)')
  .action((options: { reason?: string }) =>
    run((core, terminal) => budgetAcknowledge(core, options, terminal)),
  );

program
  .command('usage')
  .description('what calls cost, with a forecast for today and this month')
  .option('--by <property>', 'model, user, day, workspace, branch or hour', 'model')
  .option('--since <day>', 'first policy day, YYYY-MM-DD')
  .option('--until <day>', 'last policy day')
  .action((options: UsageOptions) => run((core, terminal) => usage(core, options, terminal)));

const compliance = program.command('compliance').description('secrets, personal data and controls');
compliance
  .command('check')
  .description('what policy finds in a text, and would do with it; exit code 8 if it would keep it back')
  .argument('<file>', 'a text file; - reads standard input')
  .action((file: string) => run((core, terminal) => complianceCheck(core, file, terminal)));

compliance
  .command('report')
  .description('the controls of a level with what the recorded calls came to')
  .requiredOption('--level <level>', 'enterprise, sox, gdpr or ai_act')
  .option('--since <day>', 'first policy day, YYYY-MM-DD; the first of this month by default')
  .option('--until <day>', 'last policy day; today by default')
  .option('--format <format>', 'markdown or csv', 'markdown')
  .action((options: ComplianceReportOptions) =>
    run((core, terminal) => complianceReportCommand(core, options, terminal)),
  );

const cache = program.command('cache').description('cached answers');
cache
  .command('status', { isDefault: true })
  .description('the files of the cache, by model')
  .action(() => run((core, terminal) => cacheStatus(core, terminal)));
cache
  .command('stats')
  .description('the same with hits, misses and what they saved')
  .action(() => run((core, terminal) => cacheStats(core, terminal)));
cache
  .command('clear')
  .description('delete the answers of one model, or all')
  .argument('[model]', 'friendly name, model id, inference-profile id or ARN')
  .action((model: string | undefined) => run((core, terminal) => cacheClear(core, model, terminal)));

const tracking = program.command('tracking').description('calls on their way to MLflow and OpenTelemetry');
tracking
  .command('status', { isDefault: true })
  .description('what waits, what was refused or lost, and why')
  .action(() => run(trackingStatus));
tracking
  .command('send')
  .description('send what waits now, and once more what was refused')
  .action(() => run(trackingSend));

const audit = program.command('audit').description('the audit history');
/** For calls the global --user names the caller; here it selects a user's calls. */
const userFilter = (): Pick<FilterOptions, 'user'> => {
  const { user } = program.opts<GlobalOptions>();
  return user === undefined ? {} : { user };
};
const withFilters = (command: Command): Command =>
  command
    .option('--from <when>', 'from this policy day, YYYY-MM-DD, or time, 2026-01-31T09:30Z')
    .option('--until <when>', 'to the end of this policy day, or before this time')
    .option('--model <name>', 'a model by name or id')
    .option('--outcome <outcome>', 'outcome (repeatable, or separated by commas)', repeatable)
    .option('--text <text>', 'text in the reason')
    .option('--workspace <folder>', 'calls in this folder')
    .option('--branch <name>', 'calls on this branch')
    .addHelpText('after', '\nThe global --user selects the calls of one user.');
withFilters(audit.command('list').description('calls, newest first'))
  .option('--limit <n>', 'how many', '20')
  .option('--cursor <c>', 'next_cursor of the previous page')
  .action((options: FilterOptions & { limit: string; cursor?: string }) =>
    run((core, terminal) => auditList(core, { ...options, ...userFilter() }, terminal)),
  );
withFilters(audit.command('export').description('calls as a file, newest first'))
  .option('--format <format>', 'jsonl or csv', 'jsonl')
  .option('--out <file>', 'output file; default: standard output')
  .action((options: FilterOptions & { format: string; out?: string }) =>
    run((core, terminal) => auditExport(core, { ...options, ...userFilter() }, terminal)),
  );
audit
  .command('query')
  .description('SQL over calls, days, runs and findings')
  .argument('[sql]', 'one SELECT statement')
  .option('--saved <name>', 'a saved query instead, or an example')
  .option('--since <day>', 'first policy day, YYYY-MM-DD')
  .option('--until <day>', 'last policy day')
  .option('--format <format>', 'csv or sqlite instead of a table')
  .option('--out <file>', 'output file; default: standard output')
  .action((sql: string | undefined, options: QueryCommandOptions) =>
    run((core, terminal) => auditQuery(core, sql, options, terminal)),
  );
audit
  .command('show')
  .description('one call with all its records')
  .argument('<id>', 'call id or sequence number')
  .option('--content', 'include the stored prompt and answer')
  .action((id: string, options: { content?: boolean }) =>
    run((core, terminal) => auditShow(core, id, options, terminal)),
  );
audit
  .command('erase')
  .description('permanently delete a user’s stored prompts and answers')
  .requiredOption('--subject <user>', 'user id, as in the audit records')
  .option('--reason <text>', 'why (mandatory)')
  .option('--yes', 'don’t ask')
  .action((options: EraseOptions) => run((core, terminal) => auditErase(core, options, terminal)));
audit
  .command('verify')
  .description('check that no record was changed')
  .option('--from <day>', 'start with the segment of this day, YYYY-MM-DD')
  .option('--anchor <file>', 'file of checkpoints, or repository with anchors in its notes')
  .option('--key <id>', 'signing key that all other keys must descend from: key_id or public_key')
  .action((options: { from?: string; anchor?: string; key?: string }) =>
    runAsItIs((core, terminal) => auditVerify(core, options, terminal)),
  );
audit
  .command('head')
  .description('the head of the chain, with a signed checkpoint')
  .action(() => run(auditHead));
audit
  .command('anchor')
  .description('store the head outside the ledger now')
  .option('--to <path>', 'a file, or a git repository, instead of the configured anchors')
  .action(({ to }: { to?: string }) => run((core, terminal) => auditAnchor(core, to, terminal)));
audit
  .command('reopen')
  .description('reopen a closed ledger once it is intact')
  .option('--reason <text>', 'why (mandatory)')
  .option('--new-ledger', 'set the ledger aside and start a new one')
  .action((options: { reason?: string; newLedger?: boolean }) =>
    run((core, terminal) => auditReopen(core, options, terminal)),
  );
audit
  .command('rotate-key')
  .description('replace the key that signs checkpoints and policy changes')
  .action(() => run(auditRotateKey));

program
  .command('reconcile')
  .description('compare the ledger with an AWS cost export and record the differences')
  .argument('<file...>', 'Cost and Usage Report as CSV, legacy or CUR 2.0, with or without gzip')
  .option('--reason <text>', 'why (mandatory unless --dry-run)')
  .option('--map <name=model>', 'model for a name on the bill (repeatable)', repeatable, [])
  .option('--where <column=value>', 'only lines with this value (repeatable)', repeatable, [])
  .option('--final', 'treat every day of the export as complete')
  .option('--dry-run', 'compare without recording')
  .action((files: string[], options: ReconcileCommandOptions) =>
    run(withAlerts((core, terminal) => reconcileCommand(core, files, options, terminal))),
  );

const gatewayCommands = program
  .command('gateways')
  .description('known gateways and their state')
  .action(() => run(gateways));
gatewayCommands
  .command('stats')
  .description('their number, and what recorded calls came to by back-end and model')
  .option('--since <day>', 'first policy day, YYYY-MM-DD')
  .action((options: { since?: string }) => run((core, terminal) => gatewayStats(core, options, terminal)));

program
  .command('health')
  .description('services and gateways with their latency')
  .argument('[service]', 'one of bedrock, s3, postgres, mlflow')
  .option('--watch', 'repeat until interrupted')
  .action((service: string | undefined, options: { watch?: boolean }) =>
    runAsItIs((core, terminal) => health(core, service, options, terminal)),
  );
program
  .command('doctor')
  .description('what is wrong and how to fix it')
  .action(() => runAlone((terminal) => doctor(composeCore, terminal)));
program
  .command('status')
  .description('final validation: whether everything that is installed works')
  .action(() => runAsItIs(status));

const settings = program.command('settings').description('the configuration');
settings
  .command('show')
  .description('every value in effect, without secrets')
  .option('--origin', 'include the origin of each value')
  .action((options: { origin?: boolean }) =>
    runAlone(async (terminal) =>
      settingsShow(await loadSettings(process.env, overrides()), options, terminal),
    ),
  );
settings
  .command('validate')
  .description('the faults of a settings file')
  .argument('<file>', 'settings.yaml of a user or of a workspace')
  .option('--workspace', 'validate as a workspace file, which may only tighten')
  .action((file: string, options: { workspace?: boolean }) =>
    runAlone((terminal) => settingsValidate(file, options, terminal)),
  );
settings
  .command('init')
  .description('create a commented settings.yaml')
  .option('--workspace', 'create .tidyllm/settings.yaml in this folder')
  .action((options: { workspace?: boolean }) =>
    runAlone((terminal) =>
      settingsInit({ settingsFile: program.opts<GlobalOptions>().settings, ...options }, terminal),
    ),
  );

const flow = program.command('flow').description('pre-approved operations by name');
flow
  .command('list')
  .description('built-in agreements, those of this user and of this folder')
  .action(() => run(flowList));
flow
  .command('run')
  .description('run the agreement that matches a command')
  .argument('<command>', 'a trigger such as "[Cost Analysis]", with NAME=VALUE after it')
  .option('--param <name=value>', 'a parameter (repeatable)', repeatable, [])
  .option(
    '--approve <sha256>',
    'approve the command line of this definition, with its SHA-256 from flow list --json',
  )
  .option('--out <file>', 'write the report to a file: JSON for *.json, otherwise Markdown')
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
  .description('the report of a run')
  .argument('<run>', 'run id, from flow history')
  .option('--compare <run>', 'earlier run to compare with')
  .option('--out <file>', 'write it to a file: JSON for *.json, otherwise Markdown')
  .action((runId: string, options: { compare?: string; out?: string }) =>
    run((core, terminal) => flowReport(core, runId, options, terminal)),
  );
flow
  .command('validate')
  .description('the faults of an agreement file')
  .argument('<file>', 'flow.yaml of a user or of a workspace')
  .action((file: string) => runAlone((terminal) => flowValidate(file, terminal)));

/** Settings from the global options. Workspace files of the working folder and its parents may only tighten. */
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

/** A command that makes calls or corrects their cost, then reports which caps have reached an alert. */
function withAlerts(command: CoreCommand): CoreCommand {
  return async (core, terminal) => {
    const exitCode = await command(core, terminal);
    await noteBudgetAlerts(core, terminal);
    return exitCode;
  };
}

/** Runs a command that must see the ledger as it is, and doesn't change it. */
function runAsItIs(command: CoreCommand): Promise<void> {
  return run(command, undefined, false);
}

function unexpected(error: unknown): GatewayError {
  return new GatewayError('internal_error', `An unexpected error occurred: ${messageOf(error)}`, {
    cause: error,
  });
}

/** Settles what dead processes left open, so that reports are correct. An unwritable ledger is only noted. */
async function settleOrphans(core: Core, terminal: Terminal): Promise<void> {
  try {
    if (await core.ledger.head()) await core.ledger.recover();
  } catch (error) {
    note(terminal, messageOf(error));
  }
}

/** Waits until everything printed is written. */
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
  // commander has already reported the error on stderr; help and version are not failures.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
  if (error.exitCode !== 0 && process.argv.includes('--json')) {
    const hint = 'See --help.';
    printJson({ error: errorJson(new GatewayError('invalid_request', error.message, { hint })) });
  }
}
// Abandoned work, such as a hanging credential process, must not keep the command running.
await flushed(process.stdout);
const fault = outputFault();
if (fault) {
  printError(fault);
  // The output fault may have cancelled the command; any other error takes precedence.
  if ([0, errorCodes.cancelled.exitCode].includes(Number(process.exitCode ?? 0)))
    process.exitCode = fault.exitCode;
}
await flushed(process.stderr);
process.exit();
