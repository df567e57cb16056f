/**
 * What each folder may import besides itself and the shared files at the root of src.
 * Read from top to bottom it is the layering: settings, pricing ← ledger ← gateways ← health ← flow, chat ← core ← cli, host, views; workflow ← workflowRuns, beside chat.
 */
const mayImport = {
  settings: ['pricing'],
  pricing: ['settings'],
  ledger: ['settings', 'pricing'],
  history: ['settings', 'pricing', 'ledger', 'compliance'],
  approvals: ['settings', 'pricing', 'ledger', 'history'],
  queries: ['settings', 'pricing', 'ledger', 'history'],
  reconciliation: ['settings', 'pricing', 'ledger'],
  detection: [],
  content: ['settings', 'pricing', 'ledger', 'detection'],
  compliance: ['settings', 'pricing', 'ledger', 'content', 'detection'],
  retrieval: [],
  workflow: ['settings', 'pricing', 'detection', 'compliance'],
  gateways: ['settings', 'pricing', 'ledger', 'content', 'compliance'],
  tracking: ['settings', 'pricing', 'ledger', 'content', 'compliance', 'gateways'],
  health: ['settings', 'pricing', 'ledger', 'gateways', 'tracking'],
  flow: ['settings', 'pricing', 'ledger', 'history', 'content', 'compliance', 'gateways', 'health'],
  workflowRuns: [
    'settings',
    'pricing',
    'ledger',
    'history',
    'content',
    'compliance',
    'retrieval',
    'gateways',
    'flow',
    'workflow',
  ],
  workflowWorkers: ['content', 'gateways', 'workflowRuns'],
  chat: ['settings', 'pricing', 'ledger', 'content', 'compliance', 'retrieval', 'gateways', 'flow'],
  core: [
    'settings',
    'pricing',
    'ledger',
    'approvals',
    'content',
    'compliance',
    'gateways',
    'tracking',
    'health',
    'flow',
    'chat',
    'workflowRuns',
  ],
  sessions: ['settings', 'pricing', 'ledger', 'gateways'],
  adapters: ['settings', 'pricing', 'ledger', 'content', 'gateways', 'tracking', 'sessions'],
  cli: [
    'app',
    'workflow',
    'workflowWorkers',
    'settings',
    'pricing',
    'ledger',
    'content',
    'compliance',
    'history',
    'approvals',
    'queries',
    'reconciliation',
    'gateways',
    'tracking',
    'health',
    'flow',
    'chat',
    'core',
    'sessions',
    'workflowRuns',
  ],
  host: [
    'settings',
    'pricing',
    'ledger',
    'content',
    'compliance',
    'retrieval',
    'history',
    'approvals',
    'queries',
    'gateways',
    'tracking',
    'health',
    'flow',
    'chat',
    'core',
    'sessions',
    'views',
    'workflow',
    'workflowRuns',
  ],
  views: [
    'settings',
    'pricing',
    'ledger',
    'content',
    'compliance',
    'history',
    'approvals',
    'queries',
    'gateways',
    'tracking',
    'health',
    'flow',
    'chat',
    'core',
    'sessions',
    'host',
    'workflow',
    'workflowRuns',
  ],
};

const frontDoors = '^src/(extension|cli)\\.ts$';
const entryPoints =
  '^src/((extension|cli)\\.ts|ledger/verify(Part)?Worker\\.ts|history/historyWorker\\.ts|queries/queryWorker\\.ts|retrieval/searchWorker\\.ts|detection/detectionWorker\\.ts|flow/actions/security/secretsWorker\\.ts|views/[^/]+/webview/main\\.tsx)$';
const browserLibraries =
  'preact|marked|dompurify|highlight\\.js|zod|@vscode/codicons|@vscode-elements/elements|@dagrejs/dagre';

/** @type {import('dependency-cruiser').IForbiddenRuleType[]} */
const layers = Object.entries(mayImport).map(([folder, others]) => ({
  name: `one-way-${folder}`,
  comment: `src/${folder} may import src/${folder}, ${others.map((other) => `src/${other}`).join(', ')} and shared files at the root of src: imports point one way, so that the core runs and is tested without what is above it.`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    path: '^src/',
    pathNot: [`^src/(${[folder, ...others].join('|')})/`, '^src/[^/]+$', '^src/adapters/'],
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layers,
    {
      name: 'front-doors-on-top',
      comment:
        'extension.ts and cli.ts stand on top of the rest, nothing imports them back. Take what you need as a constructor parameter.',
      severity: 'error',
      from: { path: '^src/', pathNot: frontDoors },
      to: { path: frontDoors },
    },
    {
      name: 'shared-files-at-the-bottom',
      comment: 'A file at the root of src is for everybody, so it may not import a folder.',
      severity: 'error',
      from: { path: '^src/[^/]+$', pathNot: frontDoors },
      to: { path: '^src/[^/]+/' },
    },
    {
      name: 'adapters-only-in-compose',
      comment: 'Adapters implement ports. src/app alone chooses them; everything else knows the port.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/adapters/', '^src/app/'] },
      to: { path: '^src/adapters/' },
    },
    {
      name: 'ledger-by-its-ports',
      comment:
        'Callers know the ports in src/ledger/contract.ts. src/app alone chooses the ledger behind them: another kind may stand there.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/app/' },
      to: { path: '^src/ledger/ledger\\.ts$' },
    },
    {
      name: 'one-door-to-a-model',
      comment:
        'Front doors know ModelCalls (src/gateways/modelCalls.ts) and no gateway: the registry hands out the highest level, so that no call passes one by. src/app alone makes gateways.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/gateways/', '^src/app/'] },
      to: { path: '^src/gateways/[^/]+/' },
    },
    {
      name: 'vscode-only-at-the-edge',
      comment:
        'vscode is imported only under src/host, src/views (not in a webview) and in src/extension.ts: the command line and the tests run the core without an editor.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/(host/|extension\\.ts$|views/(?!webviewKit/|[^/]+/webview/))',
      },
      to: { path: '^(vscode$|node_modules/@types/vscode/)' },
    },
    {
      name: 'no-direct-aws-calls',
      comment:
        'NO DIRECT AWS CALLS ALLOWED: only src/adapters and src/sessions import the AWS SDK. A model is called through the corporate gateway, which demands a reason, reserves the cost and writes the record.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(adapters|sessions)/' },
      to: { path: '^(node_modules/)?@(aws-sdk|smithy)/' },
    },
    {
      name: 'no-direct-network',
      comment:
        'NO DIRECT AWS CALLS ALLOWED: only src/adapters and src/sessions speak HTTP, so that there is no second way to a model.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(adapters|sessions)/' },
      to: { path: '^(node:)?(http|https|http2)$' },
    },
    {
      name: 'webview-stays-in-the-browser',
      comment:
        'A webview imports its own folder, the protocol.ts of its view, what the chat is made of, src/views/webviewKit and browser libraries: all else runs in the extension host.',
      severity: 'error',
      from: { path: '^src/views/([^/]+)/webview/' },
      to: {
        pathNot: [
          '^src/views/$1/(webview/|protocol\\.ts$)',
          '^src/views/webviewKit/',
          '^src/chat/(turn|chatModeIds|flowCommand|context/promptText)\\.ts$',
          `^node_modules/(${browserLibraries})/`,
        ],
      },
    },
    {
      name: 'product-without-tests',
      comment: 'The product does not import its tests and tools.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|tools)/' },
    },
    {
      name: 'no-cycles',
      comment: 'Files that import each other in a circle cannot be understood or tested one by one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'No front door, webview or worker leads to this file: wire it in or delete it.',
      severity: 'error',
      from: { path: entryPoints },
      to: { path: '^src/', pathNot: [entryPoints, '\\.d\\.ts$'], reachable: false },
    },
    {
      name: 'resolvable',
      comment: 'The imported module does not exist or is not in package.json.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^vscode$' },
    },
  ],
  options: {
    doNotFollow: { path: '^node_modules/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
    },
  },
};
