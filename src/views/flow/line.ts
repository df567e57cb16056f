import type * as vscode from 'vscode';
import type { FlowPlace } from '../../host/flowFile.ts';

/** A line of the FLOW view; its fields are the arguments of its buttons' commands. */
export interface Line {
  item: vscode.TreeItem;
  children: readonly Line[];
  agreement?: string;
  runId?: string;
  /** Absolute path of a workflow. */
  file?: string;
  place?: FlowPlace;
}
