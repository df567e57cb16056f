import { join } from 'node:path';
import { expect, it } from 'vitest';
import { WorkspaceIndex } from '../../../src/retrieval/workspaceIndex.ts';

const source = join(import.meta.dirname, '../../../src');

/** Questions about this program, each with the files that answer it. */
const questions: readonly [question: string, ...files: string[]][] = [
  [
    'Where is a model call refused because it is over budget?',
    'gateways/budgetRefusals.ts',
    'gateways/corporateLlm/corporateLlmGateway.ts',
    'ledger/capDecisions.ts',
  ],
  ['How is the delay before a retry computed?', 'gateways/aiProcessing/pacing.ts'],
  ['GatewayRegistry', 'gateways/registry.ts'],
  ['Which git options keep a hostile repository from running programs?', 'git.ts'],
  [
    'How is a torn tail of the journal repaired?',
    'ledger/recovery.ts',
    'ledger/lockedJournal.ts',
    'ledger/readJournal.ts',
    'ledger/journal.ts',
  ],
  ['cacheKeyOf', 'gateways/aiProcessing/cacheKey.ts'],
  ['Where are the suggested reasons made from the git branch?', 'chat/reasons.ts'],
  [
    'How are secrets redacted before content is stored?',
    'content/redaction.ts',
    'content/redactedContent.ts',
  ],
  ['What does UnifiedSessionManager do for each service?', 'sessions/unifiedSessionManager.ts'],
  ['How is the PDF page count found?', 'content/media.ts'],
  ['Where does the circuit breaker open and close?', 'gateways/aiProcessing/circuitBreaker.ts'],
  ['How does the extension compute the forecast of spending?', 'history/forecast.ts'],
  ['parse server-sent events', 'adapters/direct/serverSentEvents.ts'],
  ['How are CSV cells quoted?', 'csv.ts'],
  ['Which exit code belongs to each error?', 'errorCodes.ts'],
  [
    'How is the Markdown of an answer rendered in the webview?',
    'views/webviewKit/markdown.ts',
    'views/webviewKit/answer.tsx',
  ],
  ['What stops an answer that never ends or hangs?', 'adapters/answerWatchdog.ts'],
  [
    'How is the bill of AWS compared with the ledger?',
    'reconciliation/bill.ts',
    'reconciliation/compareModel.ts',
    'cli/reconcile.ts',
  ],
  ['settings that a workspace may only tighten', 'settings/workspaceRules.ts'],
  ['How are the words of a FLOW command matched with an agreement?', 'flow/matching.ts'],
];

it('finds the right file among the first five for nine in ten questions about this program', async () => {
  const index = new WorkspaceIndex([{ path: source }]);
  const { signal } = new AbortController();
  const missed: string[] = [];
  for (const [question, ...files] of questions) {
    const found = await index.search(question, 10, { signal });
    const first = [...new Set(found.map(({ path }) => path))].slice(0, 5);
    if (!first.some((path) => files.includes(path))) missed.push(`${question} → ${first.join(', ')}`);
  }
  expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(questions.length / 10);
});
