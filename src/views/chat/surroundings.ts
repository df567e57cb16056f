import { allowedUseClasses } from '../../compliance/useClass.ts';
import { reasonFromBranch } from '../../chat/reasons.ts';
import type { Core } from '../../core/core.ts';
import { GatewayError } from '../../errors.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import type { GitContext } from '../../host/gitContext.ts';
import { shownFailure } from '../../host/shownFailure.ts';
import { formatLeft } from '../moneyText.ts';
import type { Surroundings } from './protocol.ts';

/** What is around the conversation: the gateway, the budget, the modes of files, and a reason from the branch. */
export async function readSurroundings(
  { holder, git }: { holder: CoreHolder; git: GitContext },
  modelOf: () => Promise<string>,
): Promise<Surroundings> {
  const branch = await git.branch();
  const suggestedReason = branch === null ? null : reasonFromBranch(branch);
  const nothing = { model: '', budget: null, ownModes: [], suggestedReason, inMlflow: false };
  const { state } = holder;
  if (state.kind === 'starting') return { ...nothing, gateway: { state: 'starting' } };
  if (state.kind === 'failed')
    return { ...nothing, gateway: { state: 'failed', failure: shownFailure(state.error) } };
  const { modes } = await state.core.chat.modeFiles();
  return {
    gateway: { state: 'ready', simulatedBecause: state.core.simulatedBecause },
    model: await modelOf(),
    budget: await budgetOf(state.core),
    ownModes: modes.map(({ id, description = '' }) => ({ id, description })),
    suggestedReason,
    inMlflow: state.core.tracking.hasPages(),
    useClasses: allowedUseClasses(state.core.loaded.settings.compliance),
  };
}

/** Null while the ledger refuses calls; sending a question shows why. */
async function budgetOf(core: Core): Promise<Surroundings['budget']> {
  try {
    const { remaining, limit, level } = await core.budget();
    const shareLeft = limit === 0n ? 0 : Number((remaining * 1000n) / limit) / 1000;
    return { left: formatLeft(remaining), shareLeft, level };
  } catch (error) {
    if (GatewayError.is(error)) return null;
    throw error;
  }
}
