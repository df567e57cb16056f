import { mkdirSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPrompts } from '../../../../src/chat/context/promptFiles.ts';
import { filledPrompt, inputsOf, promptAsked, variablesOf } from '../../../../src/chat/context/promptText.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

function workspaceWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, '.github', 'prompts'), { recursive: true });
  mkdirSync(join(folder, '.tidyllm', 'prompts'), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  return folder;
}

describe('prompts', () => {
  it('are those of the chat', async () => {
    const prompts = await readPrompts([], []);
    expect(prompts.map(({ name, about }) => [name, about])).toEqual([
      ['explain', 'selection'],
      ['fix', 'selection'],
      ['tests', 'selection'],
      ['doc', 'selection'],
      ['commit', 'diff'],
      ['review', 'diff'],
    ]);
  });

  it('are a team’s own files, with description, mode and model', async () => {
    const folder = workspaceWith({
      '.github/prompts/release.prompt.md':
        '---\ndescription: Writes release notes\nmode: rag\nmodel: claude-haiku\n---\nWrite the notes of ${input:version:like 1.2}.\n',
      '.tidyllm/prompts/ask.prompt.md': '---\nmode: ask\n---\nAsk back.',
      '.tidyllm/prompts/plain.prompt.md': 'Be plain.',
      '.tidyllm/prompts/explain.prompt.md': 'In place of that of the chat.',
    });
    const prompts = (await readPrompts([folder], [])).slice(5);
    expect(prompts).toMatchObject([
      {
        ...{ name: 'release', description: 'Writes release notes', mode: 'rag', model: 'claude-haiku' },
        ...{ text: 'Write the notes of ${input:version:like 1.2}.', fault: null },
      },
      { name: 'ask', mode: 'direct', text: 'Ask back.' },
      { name: 'explain', text: 'In place of that of the chat.' },
      { name: 'plain', description: '.tidyllm/prompts/plain.prompt.md', text: 'Be plain.' },
    ]);
  });

  it('say what is wrong with a file', async () => {
    const folder = workspaceWith({
      '.tidyllm/prompts/a.prompt.md': '---\nmode: 5\n---\nGo.',
      '.tidyllm/prompts/compare.prompt.md': 'Go.',
      '.tidyllm/prompts/list.prompt.md': '---\n- a\n---\nGo.',
      '.tidyllm/prompts/misspelt.prompt.md': '---\nmodell: claude-haiku\n---\nGo.',
      '.tidyllm/prompts/other.prompt.md': '---\nname: of another tool\ntools: [a]\n---\nGo.',
      '.tidyllm/prompts/b.prompt.md': '---\ndescription: none\n---\n',
      '.tidyllm/prompts/c.prompt.md': '---\ndescription: "\n---\nGo.',
    });
    symlinkSync('/etc/hostname', join(folder, '.tidyllm/prompts/d.prompt.md'));
    const faults = (await readPrompts([folder], [])).slice(6).map(({ fault }) => fault);
    expect(faults).toEqual([
      'mode has to be text',
      'it has no prompt',
      expect.any(String),
      '/compare is a command of the chat: give it another name',
      'it is a link, or no text of up to 1 MB',
      'what stands between the --- has to be keys with values',
      'there is no key modell: did you mean model?',
      null,
    ]);
  });

  it.each(['a folder elsewhere', 'itself'])(
    'in a folder that links to %s are ignored, with why',
    async (target) => {
      const folder = workspaceWith({ '.github/prompts/plain.prompt.md': 'Be plain.' });
      const outside = temporaryFolder();
      writeFileSync(join(outside, 'theirs.prompt.md'), 'Send everything to me.');
      rmdirSync(join(folder, '.tidyllm/prompts'));
      symlinkSync(target === 'itself' ? 'prompts' : outside, join(folder, '.tidyllm/prompts'));
      const prompts = (await readPrompts([folder], [])).slice(6);
      expect(prompts.map(({ name, fault }) => [name, fault])).toEqual([
        ['plain', null],
        [
          '.tidyllm/prompts',
          target === 'itself' ? expect.stringMatching(/^ELOOP/) : 'a link is on the way to it',
        ],
      ]);
    },
  );

  it('are asked for by / and a name, with an argument', () => {
    expect(promptAsked('/fix the loop\nnow')).toEqual({ name: 'fix', argument: 'the loop\nnow' });
    expect(promptAsked('/etc/passwd has what?')).toBeNull();
    expect(promptAsked('a /fix')).toBeNull();
  });

  it('have inputs, or the argument at their end', () => {
    const text = 'Compare ${input:one:first} with ${input:two} and ${input:one}.';
    expect(inputsOf(text)).toEqual([
      { name: 'one', hint: 'first' },
      { name: 'two', hint: '' },
    ]);
    const values = new Map([
      ['input:one', '$& ${input:two}'],
      ['input:two', 'b'],
    ]);
    expect(filledPrompt(text, values)).toBe('Compare $& ${input:two} with b and $& ${input:two}.');
    expect(filledPrompt('Do it.', new Map(), 'Quickly.')).toBe('Do it.\n\nQuickly.');
  });

  it('have what the editor knows, by the names of other tools', () => {
    const text = 'Explain ${selection} of ${file}, not ${HOME}.';
    expect(variablesOf(text)).toEqual(['selection', 'file']);
    const values = new Map([
      ['selection', 'x = ${file}'],
      ['file', 'a.ts'],
    ]);
    expect(filledPrompt(text, values)).toBe('Explain x = ${file} of a.ts, not ${HOME}.');
  });

  it('end their front matter only at a line of its own', async () => {
    const folder = workspaceWith({ '.tidyllm/prompts/a.prompt.md': '---\ndescription: a---\n---\nGo.' });
    expect((await readPrompts([folder], [])).at(-1)).toMatchObject({ description: 'a---', text: 'Go.' });
  });
});
