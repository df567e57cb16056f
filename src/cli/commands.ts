import { Command, Option } from 'commander';
import { version } from '../../package.json';
import { requestServiceTiers } from '../gateways/modelCalls.ts';
import type { FilterOptions } from './audit.ts';
import type { RaiseOptions } from './budget.ts';
import type { ChatOptions } from './chat.ts';
import { CommandRunner, type GlobalOptions } from './commandRunner.ts';
import type { CompareOptions } from './compare.ts';
import type { ComplianceReportOptions } from './complianceReport.ts';
import type { EmbedOptions } from './embed.ts';
import type { DecisionOptions, ExceptionOptions } from './exceptions.ts';
import type { EraseOptions } from './erase.ts';
import type { FlowRunOptions } from './flow.ts';
import { writeErrors, writeOutput } from './output.ts';
import type { QueryCommandOptions } from './query.ts';
import type { ReconcileCommandOptions } from './reconcile.ts';
import type { UsageOptions } from './usage.ts';
import type { WorkflowRunOptions } from './workflowRuns.ts';

/** A command starts with its own code only: that of all of them takes several times as long to load. */
const load = {
  audit: () => import('./audit.ts'),
  auditChain: () => import('./auditChain.ts'),
  budget: () => import('./budget.ts'),
  cache: () => import('./cache.ts'),
  chat: () => import('./chat.ts'),
  compare: () => import('./compare.ts'),
  compliance: () => import('./compliance.ts'),
  complianceReport: () => import('./complianceReport.ts'),
  doctor: () => import('./doctor.ts'),
  embed: () => import('./embed.ts'),
  exceptions: () => import('./exceptions.ts'),
  erase: () => import('./erase.ts'),
  flow: () => import('./flow.ts'),
  gatewayStats: () => import('./gatewayStats.ts'),
  health: () => import('./health.ts'),
  query: () => import('./query.ts'),
  reconcile: () => import('./reconcile.ts'),
  settings: () => import('./settings.ts'),
  status: () => import('./status.ts'),
  tracking: () => import('./tracking.ts'),
  usage: () => import('./usage.ts'),
  worker: () => import('./worker.ts'),
  workflow: () => import('./workflow.ts'),
  workflowRuns: () => import('./workflowRuns.ts'),
};

/** The commands and options of `tidyllm`, as docs/command-line.md has them. */
export const program = new Command('tidyllm')
  .description('Governed calls to language models: a reason, a budget and an audit record for each.')
  .version(version)
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

const globals = (): GlobalOptions => program.opts<GlobalOptions>();
const runner = new CommandRunner(globals);

/** An option that may be repeated. */
const repeatable = (value: string, all: string[] = []): string[] => [...all, value];

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
    .option('--use-class <name>', 'what the call is for, one of compliance.use_classes')
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
  .action((prompt: string | undefined, options: ChatOptions) =>
    runner.run(load.chat, ({ chat }, core, terminal) => chat(core, prompt, options, terminal), {
      alerts: true,
      failed: ({ unreachableJson }, error) => unreachableJson(error, options.model ?? '', globals().backend),
    }),
  );
withRequest(program.command('compare').description('ask several models the same and compare their answers'))
  .requiredOption('--models <names>', '2 to 8 models, separated by commas')
  .action((prompt: string | undefined, options: CompareOptions) =>
    runner.run(load.compare, ({ compare }, core, terminal) => compare(core, prompt, options, terminal), {
      alerts: true,
      failed: ({ notComparedJson }, error) => notComparedJson(error, options, globals().backend),
    }),
  );

program
  .command('embed')
  .description('embed a text with one governed call and print its vector')
  .argument('<text>', 'the text; - reads standard input')
  .option('--reason <text>', 'why the call is made (mandatory)')
  .option('-m, --model <name>', 'embedding model; Titan Text Embeddings V2 by default')
  .option('--dimensions <n>', 'length of the vector, for models that let it be chosen')
  .option('--input-type <type>', 'what the vector is for, for models that distinguish it')
  .option('--no-cache', 'ask a model even if the vector is cached')
  .option('--use-class <name>', 'what the call is for, one of compliance.use_classes')
  .action((text: string, options: EmbedOptions) =>
    runner.run(
      load.embed,
      ({ embedCommand }, core, terminal) => embedCommand(core, text, options, terminal),
      {
        alerts: true,
        failed: ({ notEmbeddedJson }, error) => notEmbeddedJson(error, options),
      },
    ),
  );

const budgets = program
  .command('budget')
  .description('spent, reserved and left today')
  .option('--day <day>', 'another day, YYYY-MM-DD')
  .action(({ day }: { day?: string }) =>
    runner.run(load.budget, ({ budget }, core, terminal) => budget(core, day, terminal)),
  );
budgets
  .command('raise')
  .description('set a higher cap for today')
  .requiredOption('--limit <usd>', 'the cap, in USD')
  .option('--reason <text>', 'why (mandatory)')
  .option('--for-user <id>', 'cap of a user instead of the whole ledger')
  .option('--model <name>', 'cap of a model')
  .option('--workspace <folder>', 'cap of a workspace folder')
  .action(({ forUser, ...options }: RaiseOptions & { forUser?: string }) =>
    runner.run(load.budget, ({ budgetRaise }, core, terminal) =>
      budgetRaise(core, { ...options, ...(forUser !== undefined && { user: forUser }) }, terminal),
    ),
  );
budgets
  .command('acknowledge')
  .description('allow calls today again after a call cost more than its reservation')
  .option('--reason <text>', 'why (mandatory)')
  .action((options: { reason?: string }) =>
    runner.run(load.budget, ({ budgetAcknowledge }, core, terminal) =>
      budgetAcknowledge(core, options, terminal),
    ),
  );

program
  .command('usage')
  .description('what calls cost, with a forecast for today and this month')
  .option('--by <property>', 'model, user, day, workspace, branch or hour', 'model')
  .option('--since <day>', 'first policy day, YYYY-MM-DD')
  .option('--until <day>', 'last policy day')
  .action((options: UsageOptions) =>
    runner.run(load.usage, ({ usage }, core, terminal) => usage(core, options, terminal)),
  );

const compliance = program.command('compliance').description('secrets, personal data and controls');
compliance
  .command('check')
  .description('what policy finds in a text, and would do with it; exit code 8 if it would keep it back')
  .argument('<file>', 'a text file; - reads standard input')
  .action((file: string) =>
    runner.run(load.compliance, ({ complianceCheck }, core, terminal) =>
      complianceCheck(core, file, terminal),
    ),
  );

compliance
  .command('report')
  .description('the controls of a level with what the recorded calls came to')
  .requiredOption('--level <level>', 'enterprise, sox, gdpr or ai_act')
  .option('--since <day>', 'first policy day, YYYY-MM-DD; the first of this month by default')
  .option('--until <day>', 'last policy day; today by default')
  .option('--format <format>', 'markdown or csv', 'markdown')
  .action((options: ComplianceReportOptions) =>
    runner.run(load.complianceReport, ({ complianceReportCommand }, core, terminal) =>
      complianceReportCommand(core, options, terminal),
    ),
  );

compliance
  .command('key')
  .description('the public key with which this user signs requests and approves those of others')
  .action(() =>
    runner.run(load.exceptions, ({ complianceKey }, core, terminal) =>
      Promise.resolve(complianceKey(core, terminal)),
    ),
  );

const exceptions = compliance
  .command('exception')
  .description('exceptions from policy, and all else that needs a second person');
exceptions
  .command('request')
  .description('ask for an exception; by default for what your last blocked call needs')
  .option('--reason <text>', 'why (mandatory)')
  .option('--rule <id>', 'rule whose findings may leave (repeatable)', repeatable, [])
  .option('--model <name>', 'denied model (repeatable)', repeatable, [])
  // The global --region is the one that calls go to.
  .option('--place <name>', 'denied region, or geography of a profile (repeatable)', repeatable, [])
  .option('--for <duration>', 'how long: 30m, 12h or 3d; a day by default, 30 days at most')
  .option('--until <day>', 'or to the end of this policy day, YYYY-MM-DD')
  .option('--out <file>', 'also write it to a file, for its approver')
  .action((options: ExceptionOptions) =>
    runner.run(load.exceptions, ({ exceptionRequest }, core, terminal) =>
      exceptionRequest(core, options, terminal),
    ),
  );
exceptions
  .command('list', { isDefault: true })
  .description('the requests of the last 30 days with their state')
  .action(() =>
    runner.run(load.exceptions, ({ exceptionList }, core, terminal) => exceptionList(core, terminal)),
  );
exceptions
  .command('show')
  .description('what a request allows, for whom and until when')
  .argument('<request>', 'id, or a file')
  .option('--out <file>', 'write it to a file, for its approver')
  .action((request: string, options: { out?: string }) =>
    runner.run(load.exceptions, ({ exceptionShow }, core, terminal) =>
      exceptionShow(core, request, options, terminal),
    ),
  );
for (const [name, decision] of [
  ['approve', 'approved'],
  ['reject', 'rejected'],
] as const)
  exceptions
    .command(name)
    .description(`${name} another person’s request`)
    .argument('<request>', 'id, or a file that its requester sent')
    .option('--reason <text>', 'why (mandatory)')
    .option('--key <file>', 'your key, if it isn’t the one of this user')
    .option('--out <file>', 'where to write the signed file, for its requester')
    .action((request: string, options: DecisionOptions) =>
      runner.run(load.exceptions, ({ exceptionDecide }, core, terminal) =>
        exceptionDecide(core, decision, request, options, terminal),
      ),
    );
exceptions
  .command('import')
  .description('record the decision in a file that an approver signed')
  .argument('<file>', 'the file')
  .action((file: string) =>
    runner.run(load.exceptions, ({ exceptionImport }, core, terminal) =>
      exceptionImport(core, file, terminal),
    ),
  );
exceptions
  .command('revoke')
  .description('end a request or what it allows')
  .argument('<id>', 'id of the request')
  .option('--reason <text>', 'why (mandatory)')
  .action((id: string, options: { reason?: string }) =>
    runner.run(load.exceptions, ({ exceptionRevoke }, core, terminal) =>
      exceptionRevoke(core, id, options, terminal),
    ),
  );

const cache = program.command('cache').description('cached answers');
cache
  .command('status', { isDefault: true })
  .description('the files of the cache, by model')
  .action(() => runner.run(load.cache, ({ cacheStatus }, core, terminal) => cacheStatus(core, terminal)));
cache
  .command('stats')
  .description('the same with hits, misses and what they saved')
  .action(() => runner.run(load.cache, ({ cacheStats }, core, terminal) => cacheStats(core, terminal)));
cache
  .command('clear')
  .description('delete the answers of one model, or all')
  .argument('[model]', 'friendly name, model id, inference-profile id or ARN')
  .action((model: string | undefined) =>
    runner.run(load.cache, ({ cacheClear }, core, terminal) => cacheClear(core, model, terminal)),
  );

const tracking = program.command('tracking').description('calls on their way to MLflow and OpenTelemetry');
tracking
  .command('status', { isDefault: true })
  .description('what waits, what was refused or lost, and why')
  .action(() =>
    runner.run(load.tracking, ({ trackingStatus }, core, terminal) => trackingStatus(core, terminal)),
  );
tracking
  .command('send')
  .description('send what waits now, and once more what was refused')
  .action(() =>
    runner.run(load.tracking, ({ trackingSend }, core, terminal) => trackingSend(core, terminal)),
  );

const audit = program.command('audit').description('the audit history');
/** For calls the global --user names the caller; here it selects a user's calls. */
const userFilter = (): Pick<FilterOptions, 'user'> => {
  const { user } = globals();
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
    runner.run(load.audit, ({ auditList }, core, terminal) =>
      auditList(core, { ...options, ...userFilter() }, terminal),
    ),
  );
withFilters(audit.command('export').description('calls as a file, newest first'))
  .option('--format <format>', 'jsonl or csv', 'jsonl')
  .option('--out <file>', 'output file; default: standard output')
  .action((options: FilterOptions & { format: string; out?: string }) =>
    runner.run(load.audit, ({ auditExport }, core, terminal) =>
      auditExport(core, { ...options, ...userFilter() }, terminal),
    ),
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
    runner.run(load.query, ({ auditQuery }, core, terminal) => auditQuery(core, sql, options, terminal)),
  );
audit
  .command('show')
  .description('one call with all its records')
  .argument('<id>', 'call id or sequence number')
  .option('--content', 'include the stored prompt and answer')
  .action((id: string, options: { content?: boolean }) =>
    runner.run(load.audit, ({ auditShow }, core, terminal) => auditShow(core, id, options, terminal)),
  );
audit
  .command('erase')
  .description('permanently delete a user’s stored prompts and answers')
  .requiredOption('--subject <user>', 'user id, as in the audit records')
  .option('--reason <text>', 'why (mandatory)')
  .option('--yes', 'don’t ask')
  .action((options: EraseOptions) =>
    runner.run(load.erase, ({ auditErase }, core, terminal) => auditErase(core, options, terminal)),
  );
audit
  .command('verify')
  .description('check that no record was changed')
  .option('--from <day>', 'start with the segment of this day, YYYY-MM-DD')
  .option('--anchor <file>', 'file of checkpoints, or repository with anchors in its notes')
  .option('--key <id>', 'signing key that all other keys must descend from: key_id or public_key')
  .action((options: { from?: string; anchor?: string; key?: string }) =>
    runner.run(load.auditChain, ({ auditVerify }, core, terminal) => auditVerify(core, options, terminal), {
      settles: false,
    }),
  );
audit
  .command('head')
  .description('the head of the chain, with a signed checkpoint')
  .action(() => runner.run(load.auditChain, ({ auditHead }, core, terminal) => auditHead(core, terminal)));
audit
  .command('anchor')
  .description('store the head outside the ledger now')
  .option('--to <path>', 'a file, or a git repository, instead of the configured anchors')
  .action(({ to }: { to?: string }) =>
    runner.run(load.auditChain, ({ auditAnchor }, core, terminal) => auditAnchor(core, to, terminal)),
  );
audit
  .command('reopen')
  .description('reopen a closed ledger once it is intact')
  .option('--reason <text>', 'why (mandatory)')
  .option('--new-ledger', 'set the ledger aside and start a new one')
  .action((options: { reason?: string; newLedger?: boolean }) =>
    runner.run(load.auditChain, ({ auditReopen }, core, terminal) => auditReopen(core, options, terminal)),
  );
audit
  .command('rotate-key')
  .description('replace the key that signs checkpoints and policy changes')
  .action(() =>
    runner.run(load.auditChain, ({ auditRotateKey }, core, terminal) => auditRotateKey(core, terminal)),
  );

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
    runner.run(
      load.reconcile,
      ({ reconcileCommand }, core, terminal) => reconcileCommand(core, files, options, terminal),
      { alerts: true },
    ),
  );

const gatewayCommands = program
  .command('gateways')
  .description('known gateways and their state')
  .action(() => runner.run(load.status, ({ gateways }, core, terminal) => gateways(core, terminal)));
gatewayCommands
  .command('stats')
  .description('their number, and what recorded calls came to by back-end and model')
  .option('--since <day>', 'first policy day, YYYY-MM-DD')
  .action((options: { since?: string }) =>
    runner.run(load.gatewayStats, ({ gatewayStats }, core, terminal) =>
      gatewayStats(core, options, terminal),
    ),
  );

program
  .command('health')
  .description('services and gateways with their latency')
  .argument('[service]', 'one of bedrock, s3, postgres, mlflow')
  .option('--watch', 'repeat until interrupted')
  .action((service: string | undefined, options: { watch?: boolean }) =>
    runner.run(load.health, ({ health }, core, terminal) => health(core, service, options, terminal), {
      settles: false,
    }),
  );
program
  .command('doctor')
  .description('what is wrong and how to fix it')
  .action(() =>
    runner.runAlone(load.doctor, ({ doctor }, terminal) => doctor(() => runner.compose(), terminal)),
  );
program
  .command('status')
  .description('final validation: whether everything that is installed works')
  .action(() =>
    runner.run(load.status, ({ status }, core, terminal) => status(core, terminal), { settles: false }),
  );

const settings = program.command('settings').description('the configuration');
settings
  .command('show')
  .description('every value in effect, without secrets')
  .option('--origin', 'include the origin of each value')
  .action((options: { origin?: boolean }) =>
    runner.runAlone(load.settings, async ({ settingsShow }, terminal) =>
      settingsShow(await runner.settings(), options, terminal),
    ),
  );
settings
  .command('validate')
  .description('the faults of a settings file')
  .argument('<file>', 'settings.yaml of a user or of a workspace')
  .option('--workspace', 'validate as a workspace file, which may only tighten')
  .action((file: string, options: { workspace?: boolean }) =>
    runner.runAlone(load.settings, ({ settingsValidate }, terminal) =>
      settingsValidate(file, options, terminal),
    ),
  );
settings
  .command('init')
  .description('create a commented settings.yaml')
  .option('--workspace', 'create .tidyllm/settings.yaml in this folder')
  .action((options: { workspace?: boolean }) =>
    runner.runAlone(load.settings, ({ settingsInit }, terminal) =>
      settingsInit({ settingsFile: globals().settings, ...options }, terminal),
    ),
  );

const flow = program.command('flow').description('pre-approved operations by name');
flow
  .command('list')
  .description('built-in agreements, those of this user and of this folder')
  .action(() => runner.run(load.flow, ({ flowList }, core, terminal) => flowList(core, terminal)));
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
    runner.run(load.flow, ({ flowRun }, core, terminal) => flowRun(core, command, options, terminal), {
      alerts: true,
    }),
  );
flow
  .command('history')
  .description('the last runs, newest first')
  .option('--limit <n>', 'how many', '20')
  .action((options: { limit: string }) =>
    runner.run(load.flow, ({ flowHistory }, core, terminal) => flowHistory(core, options, terminal)),
  );
flow
  .command('report')
  .description('the report of a run')
  .argument('<run>', 'run id, from flow history')
  .option('--compare <run>', 'earlier run to compare with')
  .option('--out <file>', 'write it to a file: JSON for *.json, otherwise Markdown')
  .action((runId: string, options: { compare?: string; out?: string }) =>
    runner.run(load.flow, ({ flowReport }, core, terminal) => flowReport(core, runId, options, terminal)),
  );
flow
  .command('validate')
  .description('the faults of an agreement file')
  .argument('<file>', 'flow.yaml of a user or of a workspace')
  .action((file: string) =>
    runner.runAlone(load.flow, ({ flowValidate }, terminal) =>
      flowValidate(file, () => runner.compose(), terminal),
    ),
  );

program
  .command('worker')
  .description('make calls of other machines’ workflows, through the team’s database')
  .action(() =>
    runner.run(load.worker, ({ worker }, core, terminal) => worker(core, terminal), { alerts: true }),
  );

const workflow = program.command('workflow').description('files of steps that depend on each other');
workflow
  .command('analyze')
  .description('where the time of a workflow goes')
  .argument('<file>', 'workflow in YAML or JSON')
  .action((file: string) =>
    runner.run(load.workflow, ({ workflowAnalyze }, core, terminal) => workflowAnalyze(core, file, terminal)),
  );
workflow
  .command('optimize')
  .description('propose a plan that ends sooner')
  .argument('<file>', 'workflow in YAML or JSON')
  .option('--level <level>', '0 none, 1 what changes no result, 2 also models that the file allows')
  .option('--write', 'change the file')
  .action((file: string, options: { level?: string; write?: boolean }) =>
    runner.run(load.workflow, ({ workflowOptimize }, core, terminal) =>
      workflowOptimize(core, file, options, terminal),
    ),
  );
workflow
  .command('fix')
  .description('propose what mends the errors of a workflow')
  .argument('<file>', 'workflow in YAML or JSON')
  .option('--write', 'change the file')
  .action((file: string, options: { write?: boolean }) =>
    runner.run(load.workflow, ({ workflowFix }, core, terminal) =>
      workflowFix(core, file, options, terminal),
    ),
  );
workflow
  .command('validate')
  .description('the rules of a workflow’s compliance levels; exit code 8 if one fails')
  .argument('<file>', 'workflow in YAML or JSON')
  .action((file: string) =>
    runner.run(load.workflow, ({ workflowValidate }, core, terminal) =>
      workflowValidate(core, file, terminal),
    ),
  );
workflow
  .command('export')
  .description('a workflow as a diagram, or as a state machine of AWS')
  .argument('<file>', 'workflow in YAML or JSON')
  .option('--format <format>', 'mermaid, or asl for Amazon States Language', 'mermaid')
  .action((file: string, options: { format: string }) =>
    runner.run(load.workflow, ({ workflowExport }, core, terminal) =>
      workflowExport(core, file, options, terminal),
    ),
  );
workflow
  .command('run')
  .description('run the steps of a workflow, each step of a model as a governed call')
  .argument('<file>', 'workflow in YAML or JSON')
  .option('--reason <text>', 'why it runs; mandatory')
  .option('--input <name=value>', 'an input of the workflow; may be repeated', repeatable, [])
  .option('--approve <sha256>', 'approves the command of an agreement that a step runs')
  .option('--on <place>', 'postgres: workers make the calls, through the team’s database')
  .action((file: string, options: WorkflowRunOptions) =>
    runner.run(
      load.workflowRuns,
      ({ workflowRun }, core, terminal) => workflowRun(core, file, options, terminal),
      { alerts: true },
    ),
  );
workflow
  .command('resume')
  .description('go on with a run that was stopped or failed; no paid step is made again')
  .argument('<run>', 'id of the run')
  .option('--repeat <step>', 'do this step again although it was begun; may be repeated', repeatable, [])
  .option('--approve <sha256>', 'approves the command of an agreement that a step runs')
  .option('--on <place>', 'postgres: workers make the calls, through the team’s database')
  .action((run: string, options: { repeat: string[]; approve?: string; on?: string }) =>
    runner.run(
      load.workflowRuns,
      ({ workflowResume }, core, terminal) => workflowResume(core, run, options, terminal),
      { alerts: true },
    ),
  );
workflow
  .command('history')
  .description('the runs of workflows, newest first')
  .argument('[file]', 'only those of this workflow')
  .option('--limit <number>', 'how many', '20')
  .action((file: string | undefined, options: { limit: string }) =>
    runner.run(load.workflowRuns, ({ workflowHistory }, core, terminal) =>
      workflowHistory(core, file, options, terminal),
    ),
  );
