import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ChatResponse } from '../../src/chat/chatMode.ts';
import { readTools } from '../../src/chat/tools/readTools.ts';
import type { Approval } from '../../src/chat/tools/chatTool.ts';
import type { ToolUse } from '../../src/chat/turn.ts';
import type { BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

function workspace(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'src', 'jam.ts'), 'export const jam = 1;\nexport const plum = 2;\n');
  writeFileSync(join(folder, '.env'), 'KEY=SECRET\n');
  gitIn(folder, 'init', '--quiet');
  gitIn(folder, 'add', '--force', '.');
  gitIn(folder, 'commit', '--quiet', '--message', 'Jam is made');
  return folder;
}

function gitIn(folder: string, ...parameters: string[]): string {
  const person = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com'];
  return execFileSync('git', [...person, ...parameters], { cwd: folder, encoding: 'utf8' });
}

type Call = [name: string, input: object];

/** The model asks for these tools, an answer each, and then says what it was told. */
function asking(standIn: BedrockStandIn, rounds: readonly (readonly Call[])[]): void {
  standIn.behave = (_call, index) => {
    const uses = rounds[index];
    if (!uses) return { blocks: [{ text: 'Done.' }] };
    const blocks = uses.map(([name, input], at) => ({
      toolUse: { toolUseId: `use_${index}_${at}`, name, input },
    }));
    return { blocks: [{ text: `Look ${index}.` }, ...blocks] };
  };
}

interface Asked {
  response: ChatResponse;
  uses: ToolUse[];
  text: string;
}

async function ask(
  { core }: TestGateway,
  folder: string,
  {
    approve = () => Promise.resolve('once'),
    onUse,
    signal,
  }: {
    approve?: (use: ToolUse) => Promise<Approval | null>;
    onUse?: (use: ToolUse) => void;
    signal?: AbortSignal;
  } = {},
): Promise<Asked> {
  const uses: ToolUse[] = [];
  const calls = core.chat.calls(await core.chat.mode('agent'), {
    folders: [{ path: folder }],
    tools: {
      approve,
      problems: () => Promise.resolve('src/jam.ts:1 error: too sweet'),
      onUse: (use) => {
        uses.push({ ...use });
        onUse?.(use);
      },
    },
  });
  let text = '';
  const request = {
    prompt: 'What is jam?',
    auditReason: 'JIRA-1 look',
    modelId: 'claude-sonnet',
    maxTokens: 200,
  };
  const response = await calls.execute(request, {
    onEvent: (event) => (text += event.type === 'text' ? event.text : ''),
    ...(signal && { signal }),
  });
  return { response, uses, text };
}

/** The results that were sent with the last call. */
function results({ calls }: BedrockStandIn): string[] {
  const blocks = calls.at(-1)!.body.messages!.at(-1)!.content!;
  return blocks.flatMap(({ toolResult }) => (toolResult?.content ?? []).map(({ text = '' }) => text));
}

describe('a chat with tools', () => {
  test('reads what the model asks for, and the answers are one', async () => {
    const gateway = await gatewayOnStandIn();
    asking(gateway.standIn, [
      [['read_file', { path: 'src/jam.ts', first_line: 2 }]],
      [['list_problems', {}]],
    ]);
    const { response, uses, text } = await ask(gateway, workspace());
    expect(response).toMatchObject({ success: true, content: 'Done.' });
    expect(text).toBe('Look 0.\n\nLook 1.\n\nDone.');
    expect(uses.map(({ does, state }) => `${does}: ${state}`)).toEqual([
      'Read src/jam.ts: asked',
      'Read src/jam.ts: running',
      'Read src/jam.ts: done',
      'List the problems of the editor: asked',
      'List the problems of the editor: running',
      'List the problems of the editor: done',
    ]);
    expect(gateway.standIn.calls).toHaveLength(3);
    expect(results(gateway.standIn)).toEqual(['src/jam.ts:1 error: too sweet']);
    const settled = await recordsOf(gateway.core, 'SETTLE');
    expect(response.cost).toBe(settled.reduce((sum, one) => sum + BigInt(one.cost_micro_usd), 0n));
  });

  const toolNotes = async (gateway: TestGateway): Promise<unknown[]> => {
    const notes = await recordsOf(gateway.core, 'note');
    return notes.flatMap(({ topic, data, call_id }) => (topic === 'call.tool' ? { call_id, ...data } : []));
  };

  test('records each use with the call that asked for it: who allowed it, and what was read', async () => {
    const gateway = await gatewayOnStandIn();
    asking(gateway.standIn, [
      [
        ['git_diff', {}],
        ['list_files', {}],
      ],
      [
        ['read_file', { path: './src/jam.ts' }],
        ['search_workspace', { query: 'plum' }],
        ['read_file', { path: 'of/Jane Doe.txt' }],
      ],
    ]);
    const answers: (Approval | null)[] = ['once', null, 'conversation', 'conversation', 'conversation'];
    const folder = workspace();
    writeFileSync(join(folder, 'src', 'jam.ts'), 'export const plum = 5;\n');
    await ask(gateway, folder, { approve: () => Promise.resolve(answers.shift() ?? null) });
    const [first, second] = await recordsOf(gateway.core, 'SETTLE');
    const use = { user_id: gateway.core.user };
    const paths = ['src/jam.ts'];
    expect(await toolNotes(gateway)).toEqual([
      { ...use, call_id: first!.call_id, tool: 'git_diff', approval: 'once', paths },
      { ...use, call_id: first!.call_id, tool: 'list_files', approval: 'refused' },
      { ...use, call_id: second!.call_id, tool: 'read_file', approval: 'conversation', paths },
      { ...use, call_id: second!.call_id, tool: 'search_workspace', approval: 'conversation', paths },
      { ...use, call_id: second!.call_id, tool: 'read_file', approval: 'conversation' },
    ]);
  });

  test('records what was read before the question was stopped', async () => {
    const gateway = await gatewayOnStandIn();
    asking(gateway.standIn, [
      [
        ['read_file', { path: 'src/jam.ts' }],
        ['list_files', {}],
      ],
    ]);
    const stop = new AbortController();
    const { response } = await ask(gateway, workspace(), {
      signal: stop.signal,
      approve: ({ name }) => {
        if (name === 'list_files') stop.abort();
        return Promise.resolve(name === 'list_files' ? null : 'once');
      },
    });
    expect(response.status).toBe('cancelled');
    expect(await toolNotes(gateway)).toMatchObject([
      { tool: 'read_file', approval: 'once', paths: ['src/jam.ts'] },
    ]);
  });

  test('sends no result whose use could not be recorded', async () => {
    const gateway = await gatewayOnStandIn();
    asking(gateway.standIn, [[['read_file', { path: 'src/jam.ts' }]]]);
    const { response } = await ask(gateway, workspace(), {
      approve: async () => {
        const [segment = ''] = readdirSync(gateway.core.journal.directory).filter((one) =>
          one.endsWith('.journal'),
        );
        appendFileSync(join(gateway.core.journal.directory, segment), 'damage\n');
        return Promise.resolve('once');
      },
    });
    expect(gateway.standIn.calls).toHaveLength(1);
    expect(response).toMatchObject({ success: false, status: 'failed', error: { code: 'ledger_damaged' } });
  });

  test('records no name that a model made up', async () => {
    const gateway = await gatewayOnStandIn();
    asking(gateway.standIn, [
      [
        ['the patient Jane Doe has cancer', {}],
        ['Jane-Doe', {}],
        ['list_files', {}],
      ],
    ]);
    const { response } = await ask(gateway, workspace());
    expect(response.success).toBe(true);
    const notes = await recordsOf(gateway.core, 'note');
    expect(JSON.stringify(notes)).not.toContain('Jane');
    expect(notes).toContainEqual(
      expect.objectContaining({
        topic: 'answer.content',
        data: { tool_uses: ['unknown tool', 'unknown tool', 'list_files'] },
      }),
    );
    expect(await toolNotes(gateway)).toMatchObject([
      { tool: 'unknown tool', approval: 'refused' },
      { tool: 'unknown tool', approval: 'refused' },
      { tool: 'list_files', approval: 'once' },
    ]);
  });

  test('counts the characters that are sent of long results, and cuts the rest', async () => {
    const gateway = await gatewayOnStandIn();
    const folder = workspace();
    writeFileSync(join(folder, 'long.txt'), 'word '.repeat(2_000));
    const read: Call = ['read_file', { path: 'long.txt' }];
    asking(gateway.standIn, [[read, read, read]]);
    const { uses } = await ask(gateway, folder);
    const sent = results(gateway.standIn).map(
      (text) => text.replace(/\n… cut: the result is longer$/, '').length,
    );
    expect(sent.reduce((sum, one) => sum + one, 0)).toBe(16_000);
    expect(uses.flatMap(({ state, characters }) => (state === 'done' ? characters : []))).toEqual(sent);
  });

  test('tells the model what was refused, and runs nothing', async () => {
    const gateway = await gatewayOnStandIn();
    asking(gateway.standIn, [[['read_file', { path: 'src/jam.ts' }]]]);
    const { uses, response } = await ask(gateway, workspace(), { approve: () => Promise.resolve(null) });
    expect(uses.map(({ state }) => state)).toEqual(['asked', 'refused']);
    expect(results(gateway.standIn)).toEqual(['The user did not allow this.']);
    expect(response.success).toBe(true);
  });

  test('ends after six answers, and never costs more than its worst case', async () => {
    const gateway = await gatewayOnStandIn();
    asking(
      gateway.standIn,
      Array.from({ length: 20 }, (): Call[] => [['read_file', { path: 'src/jam.ts' }]]),
    );
    const folder = workspace();
    const { response } = await ask(gateway, folder);
    expect(gateway.standIn.calls).toHaveLength(6);
    expect(results(gateway.standIn)).toHaveLength(1);
    expect(JSON.stringify(gateway.standIn.calls.at(-1)!.body.messages!.at(-1))).toContain('Answer now');
    const mode = await gateway.core.chat.mode('agent');
    const tools = { approve: () => Promise.resolve(null) };
    const worst = gateway.core.chat.calls(mode, { folders: [{ path: folder }], tools }).worstCase({
      prompt: 'What is jam?',
      auditReason: 'JIRA-1 look',
      modelId: 'claude-sonnet',
      maxTokens: 200,
    });
    const reserved = await recordsOf(gateway.core, 'RESERVE');
    expect(reserved.reduce((sum, one) => sum + BigInt(one.reserved_micro_usd), 0n)).toBeLessThanOrEqual(
      worst,
    );
    expect(response.cost).toBeLessThanOrEqual(worst);
  });

  test.each(['waits for a person', 'runs'])('stops with the question while it %s', async (when) => {
    const gateway = await gatewayOnStandIn();
    asking(gateway.standIn, [
      [
        ['read_file', { path: 'src/jam.ts' }],
        ['list_files', {}],
      ],
    ]);
    const stop = new AbortController();
    const { response, uses } = await ask(gateway, workspace(), {
      signal: stop.signal,
      approve: () => {
        if (when === 'waits for a person') stop.abort();
        return Promise.resolve(when === 'runs' ? 'once' : null);
      },
      onUse: ({ state }) => {
        if (state === 'running') stop.abort();
      },
    });
    expect(gateway.standIn.calls).toHaveLength(1);
    expect(response).toMatchObject({ success: false, status: 'cancelled', error: { code: 'cancelled' } });
    expect(response.cost).toBeGreaterThan(0n);
    expect(uses.at(-1)).toMatchObject({ name: 'read_file', state: 'stopped' });
  });

  test('is refused where policy allows none or nobody can be asked', async () => {
    const gateway = await gatewayOnStandIn();
    const mode = await gateway.core.chat.mode('agent');
    expect(() => gateway.core.chat.calls(mode, { folders: [] })).toThrow('Tools need someone');
    const home = temporaryFolder();
    writeFileSync(join(home, 'settings.yaml'), 'chat: { tools: never }\n');
    const strict = await gatewayOnStandIn({ TIDYLLM_SETTINGS: join(home, 'settings.yaml') });
    await expect(ask(strict, workspace())).rejects.toThrow('Policy allows no tools');
    expect(strict.standIn.calls).toEqual([]);
  });
});

describe('a tool', () => {
  const run = async (name: string, input: object, folders: readonly string[]): Promise<string> => {
    const signal = new AbortController().signal;
    const context = { folders: folders.map((path) => ({ path })), signal };
    return readTools[name]!.run(input as never, context).then(
      ({ text }) => text,
      (error: unknown) => String(error),
    );
  };

  test('reads only files of the workspace: no keys, no links, nothing outside', async () => {
    const folder = workspace();
    const outside = temporaryFolder();
    writeFileSync(join(outside, 'secret.txt'), 'SECRET');
    symlinkSync(join(outside, 'secret.txt'), join(folder, 'link.txt'));
    symlinkSync(outside, join(folder, 'linked'));
    const paths = [
      '.env',
      '../secret.txt',
      join(outside, 'secret.txt'),
      'link.txt',
      'linked/secret.txt',
      'src/../.env',
      '.git/config',
    ];
    for (const path of paths) expect(await run('read_file', { path }, [folder])).toMatch(/^ToolFault/);
    expect(await run('list_files', {}, [folder])).not.toContain('.env');
    writeFileSync(join(folder, '.env'), 'KEY=OTHER SECRET\n');
    writeFileSync(join(folder, 'src', 'jam.ts'), 'export const jam = 3;\n');
    const diff = await run('git_diff', {}, [folder]);
    expect(diff).toContain('+export const jam = 3;');
    expect(diff).not.toContain('SECRET');
  });

  test('leaves out of a diff what was or became a key file, and what has or had a private key', async () => {
    const folder = workspace();
    const header = '-----BEGIN PRIVATE KEY-----';
    const body = Array.from({ length: 30 }, (_, index) => `line ${index} of a SECRET`).join('\n');
    const files = {
      '.pgpass': body,
      'plain.txt': body.replaceAll('line', 'row'),
      'old.txt': `${header}\n${body}`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), `${text}\n`);
    writeFileSync(join(folder, 'new.txt'), 'nothing yet\n');
    gitIn(folder, 'add', '--force', '.');
    gitIn(folder, 'commit', '--quiet', '--message', 'More');
    gitIn(folder, 'config', 'diff.renames', 'false');
    gitIn(folder, 'mv', '.pgpass', 'pass.txt');
    gitIn(folder, 'mv', 'plain.txt', 'kubeconfig');
    writeFileSync(join(folder, 'old.txt'), 'SECRET is gone\n');
    writeFileSync(join(folder, 'new.txt'), `${header}\nSECRET\n`);
    writeFileSync(join(folder, 'src', 'jam.ts'), 'export const jam = 3;\n');
    const diff = await run('git_diff', {}, [folder]);
    expect(diff).toContain('+export const jam = 3;');
    expect(diff).not.toContain('SECRET');
    expect(diff).not.toMatch(/pass\.txt|kubeconfig/);
    expect(await run('read_file', { path: 'new.txt' }, [folder])).toContain('has a private key');
  });

  test('shows new files in a diff as additions, but none that git ignores, that hold keys, or are no text', async () => {
    const folder = workspace();
    gitIn(folder, 'init', '--quiet');
    writeFileSync(join(folder, '.gitignore'), 'ignored.txt\n');
    gitIn(folder, 'add', '.');
    gitIn(folder, 'commit', '--quiet', '--message', 'All');
    writeFileSync(join(folder, 'new.txt'), 'one\ntwo');
    writeFileSync(join(folder, 'ignored.txt'), 'SECRET');
    writeFileSync(join(folder, '.env'), 'SECRET');
    writeFileSync(join(folder, 'data.bin'), Buffer.from([0, 1, 2]));
    expect(await run('git_diff', {}, [folder])).toBe(
      [
        'diff --git a/new.txt b/new.txt',
        'new file mode 100644',
        '--- /dev/null',
        '+++ b/new.txt',
        '@@ -0,0 +1,2 @@',
        '+one',
        '+two',
        '\\ No newline at end of file',
        '',
      ].join('\n'),
    );
  });

  test('says what is wrong with an input', async () => {
    const folder = workspace();
    expect(await run('read_file', {}, [folder])).toContain('"path" must be a text');
    expect(await run('read_file', { path: 'src/jam.ts', first_line: 0 }, [folder])).toContain('whole number');
    expect(await run('git_log', { most: 'x' }, [folder])).toContain('whole number');
    expect(await run('list_problems', {}, [folder])).toContain('no editor');
    expect(await run('read_file', { path: 'src/jam.ts', first_line: 10 }, [folder])).toBe(
      'ToolFault: src/jam.ts has 2 lines, so there is no line 10.',
    );
    expect(await run('read_file', { path: 'src/jam.ts', first_line: 2, last_line: 1 }, [folder])).toContain(
      '"last_line" must not be before',
    );
    expect(await run('read_file', { path: 'src/jam.ts', first_line: 2, last_line: 9 }, [folder])).toBe(
      'Lines 2 to 2 of 2:\nexport const plum = 2;',
    );
    expect(await run('git_diff', {}, [temporaryFolder()])).toContain('git can’t say');
  });

  test('finds, lists and reads the log', async () => {
    const folder = workspace();
    expect(await run('search_workspace', { query: 'plum' }, [folder])).toContain('src/jam.ts:1-');
    expect(await run('list_files', { folder: 'src' }, [folder])).toBe('src/jam.ts');
    expect(await run('git_log', { path: 'src/jam.ts' }, [folder])).toContain('Jam is made');
    expect(await run('read_file', { path: 'src/jam.ts' }, [folder])).toContain(
      'Lines 1 to 2 of 2:\nexport const jam',
    );
  });

  const programs: Record<
    string,
    (git: (...parameters: string[]) => void, folder: string, program: string) => void
  > = {
    'for differences': (git, folder, program) => {
      writeFileSync(join(folder, '.gitattributes'), '*.ts diff=evil\n');
      for (const key of ['diff.evil.textconv', 'diff.evil.command', 'diff.external'])
        git('config', key, `${program};`);
    },
    'to filter content': (git, folder, program) => {
      writeFileSync(join(folder, '.git', 'info', 'attributes'), '*.ts filter=evil\n');
      for (const key of ['clean', 'smudge', 'process'])
        git('config', `filter.evil.${key}`, `${program}; cat`);
      git('config', 'filter.evil.required', 'true');
    },
    'in an included file, with a name that is hard to write': (git, folder, program) => {
      writeFileSync(join(folder, '.git', 'info', 'attributes'), '*.ts filter=e=v.i.L\n');
      const included = join(folder, '.git', 'more');
      writeFileSync(included, `[FILTER "e=v.i.L"]\nCLEAN = "${program}; cat"\nrequired\n`);
      git('config', 'include.path', included);
    },
    'in the configuration of a submodule': (git, folder, program) => {
      const inner = temporaryFolder();
      const inSubmodule = (...parameters: string[]): string => gitIn(join(folder, 'inner'), ...parameters);
      gitIn(inner, 'init', '--quiet');
      writeFileSync(join(inner, 'a.txt'), 'one\n');
      gitIn(inner, 'add', '.');
      gitIn(inner, 'commit', '--quiet', '--message', 'inner');
      git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner, 'inner');
      git('commit', '--quiet', '--message', 'with a submodule');
      git('config', 'diff.ignoreSubmodules', 'none');
      git('config', 'diff.submodule', 'diff');
      inSubmodule('config', 'filter.evil.clean', `${program}; cat`);
      const attributes = inSubmodule('rev-parse', '--path-format=absolute', '--git-path', 'info/attributes');
      mkdirSync(dirname(attributes.trim()), { recursive: true });
      writeFileSync(attributes.trim(), '* filter=evil\n');
      writeFileSync(join(folder, 'inner', 'a.txt'), 'two\n');
    },
  };

  test.each(Object.keys(programs))('starts no program that the repository names %s', async (name) => {
    const folder = workspace();
    const marker = join(temporaryFolder(), 'ran');
    programs[name]!((...parameters) => void gitIn(folder, ...parameters), folder, `touch ${marker}`);
    writeFileSync(join(folder, 'src', 'jam.ts'), 'export const jam = 4;\n');
    expect(await run('git_diff', {}, [folder])).toContain('jam = 4');
    expect(await run('git_log', {}, [folder])).toContain('Jam is made');
    expect(await run('list_files', {}, [folder])).toContain('src/jam.ts');
    expect(existsSync(marker)).toBe(false);
  });

  test('neither lists nor compares the files of another folder that the repository names', async () => {
    const folder = workspace();
    const outside = temporaryFolder();
    mkdirSync(join(outside, 'src'));
    writeFileSync(join(outside, 'src', 'jam.ts'), 'SECRET\n');
    writeFileSync(join(outside, 'private.txt'), 'SECRET\n');
    gitIn(folder, 'config', 'core.worktree', outside);
    expect(await run('git_diff', {}, [folder])).toContain('git can’t say');
    const listed = await run('list_files', {}, [folder]);
    expect(listed).toContain('src/jam.ts');
    expect(listed).not.toContain('private.txt');
  });
});
