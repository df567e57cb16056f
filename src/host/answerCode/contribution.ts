import type * as vscode from 'vscode';
import { appliedNote, type AppliedCode } from '../../chat/apply/appliedNote.ts';
import { namedFile } from '../../chat/apply/namedFile.ts';
import { GatewayError } from '../../errors.ts';
import type { Contribution } from '../contribution.ts';
import { madeOnce } from '../contribution.ts';
import type { CoreHolder } from '../coreHolder.ts';
import { DisposableStore } from '../disposables.ts';
import { showFailure } from '../failures.ts';
import type { CodeReviews } from './codeReviews.ts';

/** Code of an answer, with the record of the call; null if that isn't tracked. */
export interface AnswerCode {
  code: string;
  answer: string;
  record: { ledger: string; callId: string } | null;
}

/** What people do with the code of an answer. */
export interface AnswerCodeActions {
  /** Inserts it at the caret of the active editor. */
  insert: (code: AnswerCode) => Promise<void>;
  /** Shows it as a diff of its file. Resolves with whether a person was asked for the file. */
  apply: (code: AnswerCode) => Promise<boolean>;
}

/** Code of answers, in files of the workspace. */
export function contributeAnswerCode({ holder, log }: { holder: CoreHolder; log: vscode.LogOutputChannel }) {
  const store = new DisposableStore();
  const reviews = madeOnce<CodeReviews>(
    store,
    async () => new (await import('./codeReviews.ts')).CodeReviews(),
  );
  /** Notes with the call that a file took its code. The file has it already, so a failure is only said. */
  const note = async (record: AnswerCode['record'], applied: AppliedCode): Promise<void> => {
    if (!record) return;
    const { callId, ledger: ledgerId } = record;
    try {
      await holder.use(({ ledger, user }) => ledger.note({ callId, ledgerId }, appliedNote(user, applied)));
    } catch (error) {
      void showFailure(log, notRecorded(error, applied));
    }
  };
  const actions: AnswerCodeActions = {
    insert: async ({ code, record }) => {
      const { insertCode } = await import('./insertCode.ts');
      const applied = await insertCode(code);
      if (applied) await note(record, applied);
    },
    apply: async ({ code, answer, record }) => {
      const { chooseFile } = await import('./chooseFile.ts');
      const chosen = await chooseFile(namedFile(answer, code));
      const onApplied = (applied: AppliedCode) => note(record, applied);
      if (chosen) await (await reviews()).propose({ file: chosen.uri, code, onApplied });
      return chosen?.asked ?? true;
    },
  };
  return {
    ...actions,
    commands: {
      'tidyllm.acceptChange': async (at?: unknown, index?: unknown) => (await reviews()).accept(at, index),
      'tidyllm.rejectChange': async (at?: unknown, index?: unknown) => (await reviews()).reject(at, index),
      'tidyllm.acceptAllChanges': async () => (await reviews()).acceptAll(),
      'tidyllm.rejectAllChanges': async () => (await reviews()).rejectAll(),
    },
    dispose: () => store.dispose(),
  } satisfies Contribution & AnswerCodeActions;
}

function notRecorded(error: unknown, { path }: AppliedCode): unknown {
  if (!GatewayError.is(error)) return error;
  const message = `${path} took code of the answer, but that was not recorded. ${error.message}`;
  const { hint, remedy } = error;
  return new GatewayError(error.code, message, { hint, remedy, cause: error });
}
