import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type * as vscode from 'vscode';
import type { CoreHolder } from '../../../src/host/coreHolder.ts';
import { FlowLanguage } from '../../../src/host/flowLanguage/flowLanguage.ts';
import { temporaryFolder } from '../../support/temporary.ts';

interface Providers {
  lenses: vscode.CodeLensProvider;
  hover: vscode.HoverProvider;
  completion: vscode.CompletionItemProvider;
}

/** The editor as the test has it: its folder, what is open in it, and what the extension registered. */
const editor = vi.hoisted(() => ({
  folder: '',
  open: [] as unknown[],
  extensions: [] as string[],
  providers: new Map<string, unknown>(),
  diagnostics: new Map<string, { message: string; range: { line: number; character: number } }[]>(),
}));

vi.mock('vscode', async () => {
  const { fakeVscode } = await import('../../support/vscode.ts');
  const nothing = { dispose: () => undefined };
  const uri = (path: string) => ({ scheme: 'file', fsPath: path, toString: () => `file://${path}` });
  const register = (kind: string) => (_selector: unknown, provider: unknown) => {
    editor.providers.set(kind, provider);
    return nothing;
  };
  class Values {
    readonly values: unknown[];
    constructor(...values: unknown[]) {
      this.values = values;
    }
  }
  return {
    ...fakeVscode,
    Uri: { file: uri },
    Disposable: { from: () => nothing },
    RelativePattern: Values,
    MarkdownString: Values,
    SnippetString: Values,
    Hover: Values,
    Range: class {
      readonly line: number;
      readonly character: number;
      constructor(line: number, character: number) {
        [this.line, this.character] = [line, character];
      }
    },
    Diagnostic: class {
      readonly range: unknown;
      readonly message: string;
      constructor(range: unknown, message: string) {
        [this.range, this.message] = [range, message];
      }
    },
    DiagnosticSeverity: { Error: 0, Warning: 1 },
    CodeLens: class {
      readonly range: unknown;
      readonly command: unknown;
      constructor(range: unknown, command: unknown) {
        [this.range, this.command] = [range, command];
      }
    },
    CompletionItem: class {
      readonly label: string;
      constructor(label: string) {
        this.label = label;
      }
    },
    CompletionItemKind: {},
    extensions: { getExtension: (id: string) => (editor.extensions.includes(id) ? {} : undefined) },
    languages: {
      createDiagnosticCollection: () => ({
        ...nothing,
        clear: () => editor.diagnostics.clear(),
        set: (at: { fsPath: string }, found: never[]) => editor.diagnostics.set(at.fsPath, found),
      }),
      registerCodeLensProvider: register('lenses'),
      registerHoverProvider: register('hover'),
      registerCompletionItemProvider: register('completion'),
    },
    workspace: {
      ...fakeVscode.workspace,
      getConfiguration: () => ({ get: () => undefined }),
      get workspaceFolders() {
        return [{ uri: uri(editor.folder) }];
      },
      get textDocuments() {
        return editor.open;
      },
      createFileSystemWatcher: () => ({
        ...nothing,
        ...{ onDidCreate: () => nothing, onDidChange: () => nothing, onDidDelete: () => nothing },
      }),
      onDidOpenTextDocument: () => nothing,
      onDidChangeTextDocument: () => nothing,
      onDidSaveTextDocument: () => nothing,
      onDidCloseTextDocument: () => nothing,
    },
  };
});

const text = `agreements:
  - trigger: "[Ours]"
    flow_encoding: "@team#work!do@ours"
    expanded_meaning: Ours.
    action: ours
    real_implementation: budget_summary
  - trigger: "[Cost Analysis]"
    action: broken
    real_implementation: prompt
`;
const errors: unknown[] = [];
const log = { error: (error: unknown) => errors.push(error) } as unknown as vscode.LogOutputChannel;

let path: string;
beforeEach(() => {
  editor.folder = temporaryFolder();
  vi.stubEnv('TIDYLLM_HOME', editor.folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  Object.assign(editor, { open: [], extensions: [] });
  path = join(editor.folder, '.tidyllm', 'flow.yaml');
  mkdirSync(join(editor.folder, '.tidyllm'));
  writeFileSync(path, text);
});

/** The features once the files were checked. */
async function start(): Promise<Providers> {
  const holder = { state: { kind: 'starting' }, onDidChange: () => ({ dispose: () => undefined }) };
  const language = new FlowLanguage(holder as unknown as CoreHolder, log);
  onTestFinished(() => language.dispose());
  const providers = Object.fromEntries(editor.providers) as unknown as Providers;
  await new Promise<void>((resolve) => providers.lenses.onDidChangeCodeLenses!(() => resolve()));
  return providers;
}

function opened(content: string, isDirty: boolean): vscode.TextDocument {
  const document = {
    uri: { scheme: 'file', toString: () => `file://${path}` },
    isDirty,
    getText: () => content,
    getWordRangeAtPosition: () => ({ end: { character: 0 } }),
    lineAt: () => ({ text: '' }),
  };
  editor.open = [document];
  return document as unknown as vscode.TextDocument;
}

async function lensesOf({ lenses }: Providers, document: vscode.TextDocument) {
  const found = await lenses.provideCodeLenses(document, undefined as never);
  return found!.map(({ command }) => [command!.title, command!.command, command!.arguments]);
}

describe('a flow.yaml in the editor', () => {
  it('has its faults at their lines, of what is not saved too', async () => {
    await start();
    const onDisk = editor.diagnostics.get(path)!;
    expect(onDisk.map(({ range, message }) => [range.line, message])).toEqual([
      [6, 'flow_encoding is missing'],
      [6, 'expanded_meaning is missing'],
      [6, '[Cost Analysis] is already used: [Cost Analysis] is built in'],
      [8, 'prompt is missing: it says what the prompt is'],
    ]);
    opened(text.slice(0, text.indexOf('  - trigger: "[Cost')).replace('budget', 'bugdet'), true);
    await start();
    expect(editor.diagnostics.get(path)!.map(({ message }) => message)).toEqual([
      expect.stringContaining('did you mean "budget_summary"?'),
    ]);
    expect(errors).toEqual([]);
  });

  it('has a lens above each agreement: to run it, or with its problems', async () => {
    const providers = await start();
    expect(await lensesOf(providers, opened(text, false))).toEqual([
      ['$(play) Run [Ours]', 'tidyllm.runFlow', [{ agreement: 'ours' }]],
      ['$(error) 4 problems', 'workbench.actions.view.problems', undefined],
    ]);
  });

  it('asks to save what isn’t saved before it runs', async () => {
    const providers = await start();
    const [[title, command]] = (await lensesOf(providers, opened(text, true))) as [[string, string]];
    expect([title, command]).toEqual(['$(save) Save to Run [Ours]', 'workbench.action.files.save']);
  });

  it('leaves meaning and completion to the YAML extension where that is installed', async () => {
    const providers = await start();
    const document = opened(text, false);
    const ask = () => [
      providers.hover.provideHover(document, { line: 1, character: 6 } as never, undefined as never),
      providers.completion.provideCompletionItems(
        document,
        { line: 2, character: 4 } as never,
        undefined as never,
        undefined as never,
      ),
    ];
    const [hover, completion] = ask();
    expect(hover).not.toBeNull();
    expect(completion).toContainEqual(expect.objectContaining({ label: 'fallback' }));
    editor.extensions = ['redhat.vscode-yaml'];
    expect(ask()).toEqual([null, []]);
  });

  it('has nothing in other files', async () => {
    const providers = await start();
    const document = opened(text, false);
    path = join(editor.folder, 'other.yaml');
    const other = opened(text, false);
    expect(other).not.toBe(document);
    expect(await lensesOf(providers, other)).toEqual([]);
  });
});
