import type { JsonObject, Tool } from '../../content/messages.ts';
import type { AuditTrail } from '../../gateways/modelCalls.ts';
import type { SearchedFolder } from '../../retrieval/workspaceFiles.ts';
import type { ToolUse } from '../turn.ts';

/** What a tool works with. */
export interface ToolContext {
  /** The folders of the workspace. */
  folders: readonly SearchedFolder[];
  /** The problems that the editor shows, a line for each; left out where there is no editor. */
  problems?: () => Promise<string>;
  signal: AbortSignal;
}

/** What a tool gives. */
export interface ToolResult {
  text: string;
  /** Of the workspace's files whose content is in it, for the record of the use. */
  paths: readonly string[];
}

/** Something that a model may ask for. It only reads. */
export interface ChatTool {
  definition: Tool;
  /** What a use does, in a few words, for the person who allows it. */
  describe: (input: JsonObject) => string;
  /** Throws a `ToolFault` if the input can't be used. */
  run: (input: JsonObject, context: ToolContext) => Promise<ToolResult>;
}

/** How a person allowed the use of a tool. */
export type Approval = 'once' | 'conversation';

/** The use of a tool that was decided. */
export interface DecidedUse {
  /** Null for a name that a model made up, which is not recorded. */
  tool: string | null;
  approval: Approval | 'refused';
  /** Of the workspace's files whose content is in the result, as people know them. */
  paths: readonly string[];
}

/** Records the use of a tool with the call whose answer asked for it. Throws what the ledger throws. */
export type RecordToolUse = (call: AuditTrail, use: DecidedUse) => Promise<unknown>;

/** What the tools of a conversation are used with. */
export interface ToolPort extends Omit<ToolContext, 'signal'> {
  /** Asks a person, who may refuse; null is no. */
  approve: (use: ToolUse, signal: AbortSignal) => Promise<Approval | null>;
  recordUse: RecordToolUse;
  /** Told of each use, and of each change of it. */
  onUse?: (use: ToolUse) => void;
}

/** Why a tool has no result, for the model. */
export class ToolFault extends Error {
  override readonly name = 'ToolFault';
}

/** A text of the input. Throws a `ToolFault` if it is missing. */
export function textInput(input: JsonObject, name: string): string {
  const value = input[name];
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new ToolFault(`"${name}" must be a text.`);
}

/** A whole number of the input, from 1; `initial` if it is left out. Throws a `ToolFault`. */
export function numberInput(input: JsonObject, name: string, initial: number): number {
  const value = input[name] ?? initial;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value;
  throw new ToolFault(`"${name}" must be a whole number from 1.`);
}
