import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { command, tidyllm, tidyllmJson } from '../support/commandLine.ts';
import type { CallOptions } from '../../src/gateways/modelCalls.ts';
import { gatewayOnStandIn, isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

const words = 'Grüße, 世界 – 😀👩‍💻 𝒳!\nsecond line\r\n';

function utf16(text: string, bigEndian: boolean): Buffer {
  const bytes = Buffer.from(text, 'utf16le');
  return bigEndian ? bytes.swap16() : bytes;
}

function utf32(text: string, bigEndian: boolean): Buffer {
  const bytes = Buffer.concat(
    Array.from(text, (character) => {
      const four = Buffer.alloc(4);
      four.writeUInt32LE(character.codePointAt(0) ?? 0);
      return four;
    }),
  );
  return bigEndian ? bytes.swap32() : bytes;
}

/** How a text may lie in a file, by what it is called. */
const readable: Record<string, Buffer> = {
  'UTF-8': Buffer.from(words),
  'UTF-8 with a mark': Buffer.from(`\ufeff${words}`),
  'UTF-16, little-endian': utf16(`\ufeff${words}`, false),
  'UTF-16, big-endian': utf16(`\ufeff${words}`, true),
  'UTF-32, little-endian': utf32(`\ufeff${words}`, false),
  'UTF-32, big-endian': utf32(`\ufeff${words}`, true),
};

const unreadable: Record<string, Buffer> = {
  'UTF-16 without a mark, little-endian': utf16('hello world', false),
  'UTF-16 without a mark, big-endian': utf16('hello world', true),
  'UTF-32 without a mark': utf32('hello', false),
  'Latin-1': Buffer.from('Grüße', 'latin1'),
  'half of UTF-8': Buffer.from('😀').subarray(0, 3),
  'half of UTF-16': Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('a\ud83d', 'utf16le')]),
  'half of UTF-32': utf32('\ufeffhello', false).subarray(0, -1),
  'no code point of UTF-32': Buffer.from([0xff, 0xfe, 0, 0, 0xff, 0xff, 0xff, 0x7f]),
  'a picture': Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
};

async function onStandIn(): Promise<{
  environment: Record<string, string>;
  home: string;
  standIn: BedrockStandIn;
}> {
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const home = temporaryFolder();
  const environment = {
    ...isolatedEnvironment(home),
    ...{ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret', TIDYLLM_USER: 'ada' },
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
  };
  return { environment, home, standIn };
}

const ask = ['chat', '--reason', 'JIRA-1 text'];

describe('arguments that are no UTF-8', () => {
  const chatOf = (reason: string, prompt: string): string => `chat --reason ${reason} ${prompt}`;
  /** Bytes as `printf` of a shell makes them; everything else gives no raw bytes to a command. */
  const raw = (octal: string): string => `"$(printf '${octal}')"`;

  it.each<[what: string, args: string, named: string]>([
    ['a prompt in Latin-1', chatOf('JIRA-1', raw('Gr\\374\\337e')), 'An argument'],
    ['a prompt that was cut', chatOf('JIRA-1', raw('\\360\\237\\230')), 'An argument'],
    ['a prompt with a U+FFFD of its own', chatOf('JIRA-1', raw('a\\357\\277\\275')), 'An argument'],
    ['a reason in Latin-1', chatOf(raw('J\\374rgen'), 'hello'), 'The value of --reason'],
    ['a reason behind =', `chat --reason=${raw('J\\374rgen')} hello`, 'The value of --reason'],
    ['a user', `--user ${raw('J\\374rgen')} chat --reason JIRA-1 hello`, 'The value of --user'],
    ['a reason of a cap', `budget raise --limit 9 --reason ${raw('\\374')}`, 'The value of --reason'],
  ])('%s: refused before anything is sent or recorded', async (_what, args, named) => {
    const { environment, home, standIn } = await onStandIn();
    const { status, stdout } = spawnSync('sh', ['-c', `"$NODE" "$COMMAND" --json ${args}`], {
      env: {
        PATH: process.env['PATH'],
        HOME: home,
        NODE: process.execPath,
        COMMAND: command,
        ...environment,
      },
      encoding: 'utf8',
    });
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      error: {
        code: 'invalid_request',
        message: expect.stringMatching(new RegExp(`^${named} is not text in UTF-8`)) as string,
        hint: expect.stringMatching(/standard input \(-\) or --file/) as string,
      },
    });
    expect(standIn.calls).toEqual([]);
    expect(existsSync(join(home, 'ledger'))).toBe(false);
  });
});

describe('text that is sent', () => {
  it.each(Object.entries(readable))(
    'from standard input in %s arrives as it is meant',
    async (_how, bytes) => {
      const { environment, standIn } = await onStandIn();
      const { code } = await tidyllm([...ask, '-'], { environment, stdin: bytes });
      expect(code).toBe(0);
      expect(standIn.calls[0]?.body.messages?.[0]?.content?.[0]?.text).toBe(words);
    },
  );

  it.each(Object.entries(readable))('from a file in %s arrives as it is meant', async (_how, bytes) => {
    const { environment, home, standIn } = await onStandIn();
    writeFileSync(join(home, 'notes.txt'), bytes);
    await tidyllm([...ask, '--file', join(home, 'notes.txt'), 'what?'], { environment });
    expect(standIn.calls[0]?.body.messages?.[0]?.content?.[0]?.text).toBe(
      `notes.txt:\n\`\`\`\n${words}\n\`\`\`\n\nwhat?`,
    );
  });

  it.each(Object.entries(unreadable))('in %s is refused before it is sent', async (_how, bytes) => {
    const { environment, home, standIn } = await onStandIn();
    const file = join(home, 'notes.txt');
    writeFileSync(file, bytes);
    for (const [args, stdin, named] of [
      [[...ask, '-'], bytes, 'Standard input is not text'],
      [[...ask, '--file', file, 'what?'], '', `The file ${file} is not text`],
    ] as const) {
      const { code, document } = await tidyllmJson(args, { environment, stdin });
      expect(code).toBe(2);
      expect(document).toMatchObject({
        cost_usd: '0',
        error: { code: 'invalid_request', message: expect.stringContaining(named) as string },
      });
    }
    expect(standIn.calls).toEqual([]);
  });
});

function textsInto(pieces: string[]): NonNullable<CallOptions['onEvent']> {
  return (event) => {
    if (event.type === 'text') pieces.push(event.text);
  };
}

describe('an answer that comes in halves of characters', () => {
  const answer = 'a😀👩‍💻𝒳 and 世界';

  it('is handed on in whole ones', async () => {
    const { core } = await gatewayOnStandIn();
    const pieces: string[] = [];
    const request = { prompt: `@stand-in:halves=${answer}`, auditReason: 'JIRA-1 halves' };
    const response = await core.registry.calls().execute(request, { onEvent: textsInto(pieces) });
    expect(response.content).toBe(answer);
    expect(pieces.join('')).toBe(answer);
    expect(pieces.filter((piece) => !piece.isWellFormed() || piece === '')).toEqual([]);
  });

  it('is printed as it is meant, at once and as JSON', async () => {
    const { environment } = await onStandIn();
    const args = [...ask, `@stand-in:halves=${answer}`];
    expect((await tidyllm(args, { environment })).stdout).toBe(`${answer}\n`);
    expect((await tidyllmJson(args, { environment })).document['content']).toBe(answer);
  });

  it('ends with the half that is all there is', async () => {
    const { core } = await gatewayOnStandIn();
    const pieces: string[] = [];
    const request = { prompt: '@stand-in:halves=a😀', maxTokens: 2, auditReason: 'JIRA-1 halves' };
    await core.registry.calls().execute(request, { onEvent: textsInto(pieces) });
    expect(pieces).toEqual(['a', '\ud83d']);
  });
});
