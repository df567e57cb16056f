import type * as vscode from 'vscode';
import { ChatMemory } from '../../chat/chatMemory.ts';
import type { ComparisonSeed } from '../../host/askComparison.ts';
import { madeOnce, type Contribution } from '../../host/contribution.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { DisposableStore } from '../../host/disposables.ts';
import type { GitContext } from '../../host/gitContext.ts';
import type { ComparisonPanels, ComparisonPanelsDependencies } from './panel.ts';

interface ComparisonContributionDependencies extends ComparisonPanelsDependencies {
  storage: vscode.Memento;
  holder: CoreHolder;
  git: GitContext;
}

/** Comparisons of models: from the palette and the chat to an editor with the answers side by side. */
export function contributeComparison(dependencies: ComparisonContributionDependencies) {
  const { holder, git } = dependencies;
  const memory = new ChatMemory(dependencies.storage);
  const store = new DisposableStore();
  const panels = madeOnce<ComparisonPanels>(
    store,
    async () => new (await import('./panel.ts')).ComparisonPanels(dependencies),
  );

  /** Asks for what is missing and starts; resolves with whether it did. Its core stays open until the calls end. */
  const compare = (seed: ComparisonSeed = {}): Promise<boolean> => {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const running = holder.use(async (core) => {
      const { askComparison } = await import('../../host/askComparison.ts');
      const confirmed = await askComparison(core, { git, memory }, seed);
      const shown = confirmed && (await panels());
      resolve(confirmed !== null);
      if (confirmed && shown) await shown.run(confirmed);
    });
    running.catch(reject);
    return promise;
  };
  return {
    commands: { 'tidyllm.compareModels': () => compare() },
    compare,
    /** Called after a user's kept content was erased. */
    forget: async (user: string): Promise<void> => {
      if ((await holder.whenReady()).user === user) (await panels()).close();
    },
    dispose: () => store.dispose(),
  } satisfies Contribution & { compare: unknown; forget: unknown };
}
