import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ChatResponse } from '../../src/chat/chatMode.ts';
import { parseSignature } from '../../src/chat/structured/signature.ts';
import { requestDefaults, type LlmRequest } from '../../src/gateways/modelCalls.ts';
import { startBedrockStandIn, type Behaviour, type SeenCall } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson, type RunOptions } from '../support/commandLine.ts';
import {
  gatewayOnMock,
  gatewayOnStandIn,
  isolatedEnvironment,
  type TestGateway,
} from '../support/gateways.ts';
import { seededRandom } from '../support/random.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const noForms = 'The model does not support output_config.format.';

/** How the model is made to answer in the form. */
function tierOf({ body }: SeenCall): 'schema' | 'tool' | 'prompt' {
  if ('outputConfig' in body) return 'schema';
  return body.toolConfig ? 'tool' : 'prompt';
}

/** An answer as the tier wants it. */
function answerOf(call: SeenCall, text: string): Behaviour {
  const name = call.body.toolConfig?.tools?.[0]?.toolSpec?.name;
  if (name === undefined) return { blocks: [{ text }] };
  return { blocks: [{ toolUse: { toolUseId: 'tooluse_form', name, input: JSON.parse(text) as object } }] };
}

async function ask(
  { core }: TestGateway,
  signature: string,
  more: Partial<LlmRequest> = {},
): Promise<ChatResponse> {
  const mode = await core.chat.mode('structured', signature);
  const request = { prompt: 'Why?', auditReason: 'JIRA-1 fields', modelId: 'claude-sonnet', maxTokens: 500 };
  return core.chat.calls(mode, { folders: [] }).execute({ ...request, ...more });
}

describe('an answer with fields', () => {
  const signature = 'question -> verdict: "yes" | "no", score: int';

  test('comes by the service’s own form where the model takes it', async () => {
    const gateway = await gatewayOnStandIn();
    gateway.standIn.behave = (call) => answerOf(call, '{"verdict":"yes","score":3}');
    const response = await ask(gateway, signature);
    expect(response).toMatchObject({
      success: true,
      content: '{\n  "verdict": "yes",\n  "score": 3\n}',
      structured: { output: { verdict: 'yes', score: 3 }, repairs: 0, records: [response.auditTrail] },
    });
    expect(gateway.standIn.calls.map(tierOf)).toEqual(['schema']);
  });

  test.each([
    ['a tool where the service refuses the form', 'claude-sonnet', ['schema', 'tool'], ['tool']],
    [
      'its words where it can’t be made to use a tool either',
      'us.meta.llama3-3-70b-instruct-v1:0',
      ['schema', 'prompt'],
      ['prompt'],
    ],
  ])('comes by %s, which is remembered', async (_name, modelId, first, second) => {
    const gateway = await gatewayOnStandIn({
      AWS_REGION: modelId === 'claude-sonnet' ? 'us-east-2' : 'us-east-1',
    });
    gateway.standIn.behave = (call) =>
      tierOf(call) === 'schema' ? { invalid: noForms } : answerOf(call, '{"verdict":"no","score":1}');
    expect(await ask(gateway, signature, { modelId })).toMatchObject({
      success: true,
      structured: { repairs: 0 },
    });
    expect(gateway.standIn.calls.map(tierOf)).toEqual(first);
    await ask(gateway, signature, { modelId, prompt: 'Again?' });
    expect(gateway.standIn.calls.slice(first.length).map(tierOf)).toEqual(second);
  });

  test('that is wrong is sent back with what is wrong, and all calls are paid and recorded', async () => {
    const gateway = await gatewayOnStandIn();
    const answers = ['{"verdict":"maybe","score":3}', '{"verdict":"yes"}', '{"verdict":"yes","score":4}'];
    gateway.standIn.behave = (call, index) => answerOf(call, answers[index]!);
    const response = await ask(gateway, signature);
    expect(response).toMatchObject({ success: true, structured: { output: { score: 4 }, repairs: 2 } });
    const [, second, third] = gateway.standIn.calls.map(({ body }) => JSON.stringify(body.messages));
    expect(second).toContain('verdict must be one of yes, no');
    expect(third).toContain('score must be');
    const settled = await recordsOf(gateway.core, 'SETTLE');
    expect(settled).toHaveLength(3);
    expect(response.structured?.records.map(({ sequence }) => sequence)).toEqual(
      settled.map(({ seq }) => seq),
    );
    expect(response.cost).toBe(settled.reduce((sum, one) => sum + BigInt(one.cost_micro_usd), 0n));
  });

  test('that stays wrong is an error after two repairs, which quotes nothing of it', async () => {
    const gateway = await gatewayOnStandIn();
    gateway.standIn.behave = (call) => answerOf(call, '{"verdict":"SECRET","score":1,"SECRET":2}');
    const response = await ask(gateway, signature);
    expect(response).toMatchObject({
      success: false,
      error: { code: 'answer_invalid' },
      structured: { output: null, repairs: 2 },
    });
    expect(response.error?.message).not.toContain('SECRET');
    expect(gateway.standIn.calls).toHaveLength(3);
  });

  test.each([
    ['hash', false],
    ['redacted', true],
  ])(
    'that stays wrong is looked for in the audit history only if it is there: %s',
    async (policy, isKept) => {
      const settings = join(temporaryFolder(), 'settings.yaml');
      writeFileSync(settings, `audit: { content: ${policy} }\n`);
      const gateway = await gatewayOnStandIn({ TIDYLLM_SETTINGS: settings });
      gateway.standIn.behave = (call) => answerOf(call, '{"verdict":"maybe"}');
      const { error } = await ask(gateway, signature);
      expect(error?.code).toBe('answer_invalid');
      expect(error?.hint.includes('audit history')).toBe(isKept);
    },
  );

  test('that was cut off is an error at once: a repair would be cut off too', async () => {
    const gateway = await gatewayOnStandIn();
    gateway.standIn.behave = () => ({
      blocks: [{ text: '{"verdict":"yes","score":1}' }],
      stopReason: 'max_tokens',
    });
    const response = await ask(gateway, signature);
    expect(response.error).toMatchObject({
      code: 'answer_invalid',
      message: expect.stringContaining('cut off') as string,
    });
    expect(gateway.standIn.calls).toHaveLength(1);
  });

  test('costs at most the worst case, with two repairs of long answers', async () => {
    const gateway = await gatewayOnStandIn();
    const long = JSON.stringify({ verdict: 'yes', score: 'x'.repeat(20_000) });
    gateway.standIn.behave = (call) => answerOf(call, long);
    const mode = await gateway.core.chat.mode('structured', signature);
    const calls = gateway.core.chat.calls(mode, { folders: [] });
    const request = {
      prompt: 'Why?',
      auditReason: 'JIRA-1 fields',
      modelId: 'claude-sonnet',
      maxTokens: 20_000,
    };
    const worst = calls.worstCase(request);
    const { cost } = await calls.execute(request);
    expect(gateway.standIn.calls).toHaveLength(3);
    expect(cost).toBeLessThanOrEqual(worst);
    const reserved = (await recordsOf(gateway.core, 'RESERVE')).reduce(
      (sum, one) => sum + BigInt(one.reserved_micro_usd),
      0n,
    );
    expect(reserved).toBeLessThanOrEqual(worst);
  });

  test('takes several inputs as a mapping, and refuses a question without them before anything is sent', async () => {
    const gateway = await gatewayOnStandIn();
    gateway.standIn.behave = (call) => answerOf(call, '{"a":"ok"}');
    const line = 'ticket, tags: string[] -> a';
    const good = await ask(gateway, line, { prompt: 'ticket: It fails\ntags: [ui, bug]' });
    expect(good.success).toBe(true);
    expect(JSON.stringify(gateway.standIn.calls[0]?.body.messages)).toContain(
      'ticket:\\nIt fails\\n\\ntags: [\\"ui\\",\\"bug\\"]',
    );
    const bad = await ask(gateway, line, { prompt: 'ticket: SECRET' });
    expect(bad.error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('tags must be') as string,
    });
    expect(bad.error?.message).not.toContain('SECRET');
    expect(gateway.standIn.calls).toHaveLength(1);
  });

  test('needs a reason, and its refusal is recorded', async () => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, signature, { auditReason: ' ' });
    expect(response.error?.code).toBe('audit_reason_missing');
    expect(response.auditTrail).not.toBeNull();
    expect(gateway.standIn.calls).toEqual([]);
  });

  test('200 signatures on each tier with models that misbehave: valid or an honest error, and nothing free', async () => {
    const random = seededRandom();
    for (const [region, tier] of [
      ['us-east-1', 'schema'],
      ['us-east-2', 'tool'],
      ['us-west-2', 'prompt'],
    ] as const) {
      const gateway = await gatewayOnStandIn({ AWS_REGION: region });
      const modelId = tier === 'prompt' ? 'us.meta.llama3-3-70b-instruct-v1:0' : 'claude-sonnet';
      let valid = 0;
      let spent = 0n;
      for (let round = 0; round < 200; round += 1) {
        const { line, right, check } = generated(random);
        gateway.standIn.behave = (call) =>
          tierOf(call) === 'schema' && tier !== 'schema'
            ? { invalid: noForms }
            : misbehaving(call, right, random);
        const response = await ask(gateway, line, { modelId, prompt: `Round ${round}` });
        spent += response.cost;
        if (response.success) {
          expect(check(response.structured?.output as Record<string, unknown>)).toBe(true);
          valid += 1;
        } else
          expect(response).toMatchObject({ error: { code: 'answer_invalid' }, structured: { output: null } });
        expect(response.gatewayTracked).toBe(true);
        expect(response.structured!.repairs).toBeLessThanOrEqual(2);
      }
      const settled = await recordsOf(gateway.core, 'SETTLE');
      expect(settled).toHaveLength(gateway.standIn.calls.filter((call) => tierOf(call) === tier).length);
      expect(settled.every(({ cost_micro_usd: cost }) => BigInt(cost) > 0n)).toBe(true);
      expect(settled.reduce((sum, one) => sum + BigInt(one.cost_micro_usd), 0n)).toBe(spent);
      expect(new Set(gateway.standIn.calls.slice(2).map(tierOf))).toEqual(new Set([tier]));
      console.log(`${tier}: ${valid} of 200 valid, ${settled.length} calls paid`);
      expect(valid).toBeGreaterThan(100);
    }
  });
});

type Checker = (value: unknown) => boolean;

/** Types as they are written, with a value and a check that knows nothing of JSON Schema. */
const types: readonly [type: string, value: unknown, check: Checker][] = [
  ['string', 'text }{ "quoted"', (value) => typeof value === 'string'],
  ['int', 7, Number.isInteger],
  ['float', 0.5, (value) => typeof value === 'number'],
  ['bool', false, (value) => typeof value === 'boolean'],
  ['string[]', ['a', 'b'], (value) => Array.isArray(value) && value.every((one) => typeof one === 'string')],
  ['list[list[int]]', [[1], []], (value) => Array.isArray(value) && value.flat().every(Number.isInteger)],
  ['"low" | "high"', 'low', (value) => value === 'low' || value === 'high'],
  ['date', '2026-11-29', (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value)],
];

/** A signature of one to six fields, a right answer, and its check. */
function generated(random: () => number) {
  const fields = Array.from({ length: 1 + Math.floor(random() * 6) }, (_, index) => {
    const [type, value, check] = types[Math.floor(random() * types.length)]!;
    return { name: `f${index}`, type, value, check, optional: random() < 0.2 };
  });
  return {
    line: `question -> ${fields.map(({ name, type, optional }) => `${name}: ${type}${optional ? '?' : ''}`).join(', ')}`,
    right: Object.fromEntries(fields.map(({ name, value }) => [name, value])),
    check: (output: Record<string, unknown>) =>
      Object.keys(output).every((key) => fields.some(({ name }) => name === key)) &&
      fields.every(({ name, check, optional }) => (name in output ? check(output[name]) : optional)),
  };
}

/** One of the answers that models give: half of them are right. */
function misbehaving(call: SeenCall, right: Record<string, unknown>, random: () => number): Behaviour {
  const [name = ''] = Object.keys(right);
  const text = JSON.stringify(right);
  const form = (value: unknown): Behaviour => answerOf(call, JSON.stringify(value));
  const ways: (() => Behaviour)[] = [
    () => form({ ...right, [name]: { wrong: true } }),
    () => form({ ...right, extra: 1 }),
    () => form({}),
    () => form({ answer: right }),
    () => ({ blocks: [{ text: 'I can’t answer that.' }] }),
    () => ({ blocks: [{ text: `Sure:\n\`\`\`json\n${text}\n\`\`\`` }] }),
    () => ({ blocks: [{ text: text.slice(0, -1) }] }),
    () => ({ blocks: [{ text: text.slice(0, Math.ceil(text.length / 2)) }], stopReason: 'max_tokens' }),
  ];
  return random() < 0.5 ? form(right) : ways[Math.floor(random() * ways.length)]!();
}

describe('tidyllm chat --mode structured', () => {
  async function machine(): Promise<RunOptions & { cwd: string; answer: (text: string) => void }> {
    const standIn = await startBedrockStandIn();
    onTestFinished(() => standIn.close());
    const cwd = temporaryFolder();
    const environment = {
      ...isolatedEnvironment(temporaryFolder()),
      AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
    };
    return { environment, cwd, answer: (text) => (standIn.behave = (call) => answerOf(call, text)) };
  }
  const start = ['chat', '--reason', 'JIRA-1 fields', '--mode', 'structured'];

  test('prints the fields, and with --json the output, its repairs and every record', async () => {
    const machineOf = await machine();
    machineOf.answer('{"answer":"Because.","sure":true}');
    const args = [...start, '--signature', 'question -> answer, sure: bool', 'Why?'];
    const { code, document } = await tidyllmJson(args, machineOf);
    expect({ code, document }).toMatchObject({
      code: 0,
      document: {
        output: { answer: 'Because.', sure: true },
        repairs: 0,
        audit_trails: [document['audit_trail']],
      },
    });
    const { stdout } = await tidyllm(args, machineOf);
    expect(JSON.parse(stdout)).toEqual({ answer: 'Because.', sure: true });
  });

  test('takes the signature of a file, and names the place of a fault in it', async () => {
    const machineOf = await machine();
    machineOf.answer('{"label":"bug"}');
    writeFileSync(
      join(machineOf.cwd, 'triage.yaml'),
      'inputs: { ticket: string }\noutputs: { label: string }\n',
    );
    const { document } = await tidyllmJson([...start, '--signature', 'triage.yaml', 'It fails'], machineOf);
    expect(document).toMatchObject({ success: true, output: { label: 'bug' } });
    writeFileSync(
      join(machineOf.cwd, 'triage.yaml'),
      'inputs: { ticket: string }\noutputs: { label: strng }\n',
    );
    const { code, stderr } = await tidyllm([...start, '--signature', 'triage.yaml', 'It fails'], machineOf);
    expect(code).toBe(2);
    expect(stderr).toContain('triage.yaml:2:19: outputs.label is no type: "strng"');
  });

  test.each([
    ['without a signature', [], 'needs a signature'],
    ['with a signature that is none', ['--signature', 'a -> b: what'], 'unknown type "what"'],
    ['with a file that is missing', ['--signature', 'missing.yaml'], 'missing.yaml'],
    [
      'with neither an arrow nor a file',
      ['--signature', 'a b'],
      'or write it in one line: "question -> answer',
    ],
  ])('%s is refused', async (_name, more, message) => {
    const { code, stderr } = await tidyllm([...start, ...more, 'Why?'], await machine());
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  test('a mode of the workspace’s own has its system prompt, model, sources and signature', async () => {
    const machineOf = await machine();
    machineOf.answer('{"summary":"Good [1]."}');
    mkdirSync(join(machineOf.cwd, '.tidyllm', 'modes'), { recursive: true });
    writeFileSync(join(machineOf.cwd, 'jam.md'), 'Marmalade is boiled.\n');
    writeFileSync(
      join(machineOf.cwd, '.tidyllm', 'modes', 'jam.yaml'),
      'system: You know jam.\nsources: workspace\nmodel: claude-3-haiku\nmax_tokens: 77\nsignature: "question -> summary"\n',
    );
    const args = ['chat', '--reason', 'JIRA-1 jam', '--mode', 'jam', 'How is marmalade boiled?'];
    const { document } = await tidyllmJson(args, machineOf);
    expect(document).toMatchObject({
      success: true,
      output: { summary: 'Good [1].' },
      citations: [{ n: 1, file: 'jam.md' }],
      model_used: expect.stringContaining('haiku') as string,
    });
    writeFileSync(join(machineOf.cwd, '.tidyllm', 'modes', 'jam.yaml'), 'sytem: You know jam.\n');
    const broken = await tidyllm(args, machineOf);
    expect(broken.code).toBe(2);
    expect(broken.stderr).toContain('jam.yaml:1');
    symlinkSync(join(machineOf.cwd, 'jam.md'), join(machineOf.cwd, '.tidyllm', 'modes', 'linked.yaml'));
    const linked = await tidyllm([...args.slice(0, 4), 'linked', 'Hello?'], machineOf);
    expect(linked.stderr).toContain('linked.yaml:1:1: the mode can’t be read: it is a link');
    const unknown = await tidyllm([...args.slice(0, 4), 'jamm', 'Hello?'], machineOf);
    expect(unknown.stderr).toContain('There is no chat mode "jamm"');
    for (const [name, meant] of [
      ['ragg', ' Did you mean rag?'],
      ['', ''],
      ['../x', ''],
    ] as const) {
      const { stderr } = await tidyllm([...args.slice(0, 4), name, 'Hello?'], machineOf);
      expect(stderr).toContain(`Nothing was sent.${meant} The modes are direct, rag,`);
    }
    writeFileSync(join(machineOf.cwd, '.tidyllm', 'modes', 'wrong.yaml'), 'signature: "q -> a: what"\n');
    const wrong = await tidyllm([...args.slice(0, 4), 'wrong', 'Hello?'], machineOf);
    expect(wrong.stderr).toMatch(/unknown type "what" for a\.\n/);
    rmSync(join(machineOf.cwd, '.tidyllm', 'modes'), { recursive: true });
    symlinkSync('modes', join(machineOf.cwd, '.tidyllm', 'modes'));
    const circular = await tidyllm([...args.slice(0, 4), 'jam', 'Hello?'], machineOf);
    expect(circular.code).toBe(2);
    expect(circular.stderr).toMatch(/modes:1:1: the folder with modes can’t be read: ELOOP/);
  });
});

describe('a mode with fields and tools', () => {
  const answer = { verdict: 'yes', score: 3 };

  /** The model looks into the workspace `looks` times, and then answers on the tier that it takes. */
  async function askOwnMode(
    taken: 'schema' | 'tool' | 'prompt',
    { modelId = 'claude-sonnet', looks = 1 }: { modelId?: string; looks?: number } = {},
  ): Promise<{ gateway: TestGateway; response: ChatResponse; worst: bigint }> {
    const folder = temporaryFolder();
    mkdirSync(join(folder, '.tidyllm', 'modes'), { recursive: true });
    writeFileSync(join(folder, 'jam.md'), 'Marmalade is boiled.\n');
    writeFileSync(
      join(folder, '.tidyllm', 'modes', 'judge.yaml'),
      `signature: 'question -> verdict: "yes" | "no", score: int'\ntools: [read_file]\nmodel: ${modelId}\n`,
    );
    const region = modelId === 'claude-sonnet' ? 'us-east-2' : 'us-east-1';
    const gateway = await gatewayOnStandIn({ AWS_REGION: region }, { folders: [folder] });
    let looked = 0;
    gateway.standIn.behave = ({ body }) => {
      if (taken !== 'schema' && 'outputConfig' in body) return { invalid: noForms };
      const names = body.toolConfig?.tools?.map(({ toolSpec }) => toolSpec?.name);
      expect(names).toContain('read_file');
      expect(names?.includes('answer')).toBe(taken === 'tool');
      const use = (name: string, input: object): Behaviour => ({
        blocks: [{ toolUse: { toolUseId: `use_${looked}`, name, input } }],
      });
      if (looked++ < looks) return use('read_file', { path: 'jam.md' });
      return taken === 'tool' ? use('answer', answer) : { blocks: [{ text: JSON.stringify(answer) }] };
    };
    const tools = { approve: () => Promise.resolve('once' as const) };
    const calls = gateway.core.chat.calls(await gateway.core.chat.mode('judge'), {
      folders: [{ path: folder }],
      tools,
    });
    const request = { prompt: 'Boiled?', auditReason: 'JIRA-1 judge', modelId, maxTokens: 500 };
    return { gateway, worst: calls.worstCase(request), response: await calls.execute(request) };
  }

  test.each([
    // The tier that a model takes is remembered for the process.
    ['schema', 'claude-haiku'],
    ['tool', 'claude-sonnet'],
    ['prompt', 'us.meta.llama3-3-70b-instruct-v1:0'],
  ] as const)('looks into the workspace and answers on the tier %s of %s', async (tier, modelId) => {
    const { gateway, response, worst } = await askOwnMode(tier, { modelId });
    expect(response.error).toBeNull();
    expect(response.structured).toMatchObject({ output: answer, repairs: 0 });
    const [told] = gateway.standIn.calls.at(-1)!.body.messages!.at(-1)!.content!;
    expect(told?.toolResult?.content?.[0]?.text).toContain('Marmalade is boiled.');
    expect(response.cost).toBeLessThanOrEqual(worst);
  });

  test('must answer at last, where a tool is the answer', async () => {
    const { gateway, response, worst } = await askOwnMode('tool', { looks: 5 });
    expect(response.structured?.output).toEqual(answer);
    const choices = gateway.standIn.calls.map(({ body }) => body.toolConfig?.toolChoice);
    expect(choices.slice(-6, -1)).toEqual(Array.from({ length: 5 }, () => ({ any: {} })));
    expect(choices.at(-1)).toEqual({ tool: { name: 'answer' } });
    const reserved = await recordsOf(gateway.core, 'RESERVE');
    const all = reserved.reduce((sum, one) => sum + BigInt(one.reserved_micro_usd), 0n);
    expect(all).toBeLessThanOrEqual(worst);
  });
});

test('a simulated answer has dates', async () => {
  const { core } = await gatewayOnMock();
  const calls = core.chat.calls(await core.chat.mode('structured', 'q -> day: date, days: date[]'), {
    folders: [],
  });
  const response = await calls.execute({
    prompt: 'When?',
    auditReason: 'JIRA-1 simulate',
    modelId: 'claude-sonnet',
  });
  expect(response).toMatchObject({
    simulated: true,
    structured: { output: { day: '2000-01-01', days: ['2000-01-01'] }, repairs: 0 },
  });
});

test.each([
  ['direct', undefined],
  ['rag', undefined],
  ['hybrid', undefined],
  ['structured', 'question -> answer'],
  ['agent', undefined],
])('an empty question is refused in the mode %s, recorded, and costs nothing', async (name, signature) => {
  const gateway = await gatewayOnStandIn();
  const mode = await gateway.core.chat.mode(name, signature);
  const tools = { approve: () => Promise.resolve('once' as const) };
  const calls = gateway.core.chat.calls(mode, { folders: [{ path: temporaryFolder() }], tools });
  for (const request of [
    { prompt: ' \n' },
    { messages: [{ role: 'user' as const, content: [{ type: 'text' as const, text: '' }] }] },
  ]) {
    const { error, cost } = await calls.execute({
      ...request,
      auditReason: 'JIRA-1 nothing',
      modelId: 'claude-sonnet',
    });
    expect({ code: error?.code, message: error?.message, cost }).toEqual({
      code: 'invalid_request',
      message: 'The prompt is empty.',
      cost: 0n,
    });
  }
  expect(gateway.standIn.calls).toEqual([]);
  expect(await recordsOf(gateway.core, 'REFUSE')).toHaveLength(2);
});

test('the mode hybrid answers from what the model knows where the workspace has nothing', async () => {
  const gateway = await gatewayOnStandIn();
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'jam.md'), 'Marmalade is boiled.\n');
  const calls = gateway.core.chat.calls(await gateway.core.chat.mode('hybrid'), {
    folders: [{ path: folder }],
  });
  const request = { auditReason: 'JIRA-1 know', modelId: requestDefaults.modelId, maxTokens: 50 };
  gateway.standIn.behave = (call) => answerOf(call, '"Boiled [1]."');
  const found = await calls.execute({ ...request, prompt: 'How is marmalade boiled?' });
  expect(found.citations?.valid).toMatchObject([{ n: 1, path: 'jam.md' }]);
  const nothing = await calls.execute({ ...request, prompt: 'quantum chromodynamics?' });
  expect(nothing).toMatchObject({ success: true, citations: { valid: [] } });
  const systems = gateway.standIn.calls.map(({ body }) => JSON.stringify(body.system));
  expect(systems[0]).toContain('First answer from the sources');
  expect(systems[1]).toContain('you have no sources');
});

test('the mode structured is one signature each time: the parsed one is the same', () => {
  expect(parseSignature('a -> b').outputs.schema).toEqual(parseSignature('a->b: string').outputs.schema);
});
