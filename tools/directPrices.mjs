/**
 * Makes src/pricing/directPrices.json from LiteLLM's price table: `node tools/directPrices.mjs WHEEL`. The wheel comes from
 * `pip download --no-deps litellm==1.110.2`. It is unpacked and never installed; one with another hash is refused.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const release = '1.110.2';
const sha256 = '9d94d1c7d524b6fd10c14f9c8c6c4f0ac31705f9964ac59dcfd8337c046d8917';
const table = 'litellm/model_prices_and_context_window_backup.json';
const vendors = ['anthropic', 'openai'];
/** Models that are billed by more than tokens of text, such as audio or searches, and fine-tuned ones. */
const otherwiseBilled = /^ft:|\/|audio|search|deep-research|computer-use/;
const classes = {
  input: 'input_cost_per_token',
  output: 'output_cost_per_token',
  cacheRead: 'cache_read_input_token_cost',
  cacheWrite5m: 'cache_creation_input_token_cost',
  cacheWrite1h: 'cache_creation_input_token_cost_above_1hr',
};
const serviceTiers = { flex: '_flex', priority: '_priority', batch: '_batches' };
const capabilities = {
  tools: 'supports_function_calling',
  vision: 'supports_vision',
  promptCaching: 'supports_prompt_caching',
  reasoning: 'supports_reasoning',
  documents: 'supports_pdf_input',
  assistantPrefill: 'supports_assistant_prefill',
  samplingParams: 'supports_sampling_params',
};

/** USD per token as USD per 1,000,000 tokens, without losing a digit. */
function perMillion(price) {
  const [mantissa, exponent] = price.toExponential().split('e');
  const [whole, fraction = ''] = mantissa.split('.');
  const digits = `${whole}${fraction}`;
  const point = 1 + Number(exponent) + 6;
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  const padded = digits.padEnd(point, '0');
  return `${padded.slice(0, point)}${padded.length > point ? `.${padded.slice(point)}` : ''}`;
}

function pricesWith(entry, suffix) {
  const found = Object.entries(classes).flatMap(([name, key]) =>
    typeof entry[`${key}${suffix}`] === 'number' ? [[name, perMillion(entry[`${key}${suffix}`])]] : [],
  );
  return Object.fromEntries(found);
}

function tiersOf(entry) {
  const thresholds = Object.keys(entry).flatMap(
    (key) => /^input_cost_per_token_above_(\d+)k_tokens$/.exec(key)?.[1] ?? [],
  );
  return [
    { aboveInputTokens: 0, ...pricesWith(entry, '') },
    ...thresholds.map((thousands) => ({
      aboveInputTokens: Number(thousands) * 1000,
      ...pricesWith(entry, `_above_${thousands}k_tokens`),
    })),
  ];
}

/** A model of OpenAI that reasons unless told otherwise refuses a temperature, which the table doesn't say. */
function supportsOf(entry) {
  const supports = Object.fromEntries(
    Object.entries(capabilities).flatMap(([name, key]) =>
      typeof entry[key] === 'boolean' ? [[name, entry[key]]] : [],
    ),
  );
  const reasons = entry.supports_reasoning && entry.default_reasoning_effort !== 'none';
  return entry.litellm_provider === 'openai' && reasons ? { ...supports, samplingParams: false } : supports;
}

function entryOf(entry) {
  const others = Object.entries(serviceTiers)
    .map(([name, suffix]) => [name, pricesWith(entry, suffix)])
    .filter(([, prices]) => prices.input !== undefined && prices.output !== undefined);
  return {
    mode: 'chat',
    maxInputTokens: entry.max_input_tokens,
    maxOutputTokens: entry.max_output_tokens,
    tiers: tiersOf(entry),
    ...(others.length > 0 && { serviceTiers: Object.fromEntries(others) }),
    supports: supportsOf(entry),
    ...(entry.deprecation_date && { deprecationDate: entry.deprecation_date }),
  };
}

const [, , wheel = ''] = process.argv;
const found = createHash('sha256').update(readFileSync(wheel)).digest('hex');
if (found !== sha256)
  throw new Error(`${wheel} is not the wheel of litellm ${release}: its SHA-256 is ${found}.`);
const all = JSON.parse(
  execFileSync('unzip', ['-p', wheel, table], { maxBuffer: 100_000_000, encoding: 'utf8' }),
);
const models = Object.entries(all)
  .filter(([id, entry]) => vendors.includes(entry.litellm_provider) && !otherwiseBilled.test(id))
  .filter(([, { mode }]) => mode === 'chat' || mode === 'responses')
  .flatMap(([id, entry]) => {
    const {
      tiers: [{ input, output }],
    } = entryOf(entry);
    const priced = input !== undefined && output !== undefined;
    return priced ? [[`${entry.litellm_provider}/${id}`, entryOf(entry)]] : [];
  })
  .toSorted(([one], [other]) => (one < other ? -1 : 1));
const document = {
  about: `Prices and limits of models that are called at Anthropic and OpenAI themselves, as published by the LiteLLM project (MIT licence), release ${release}, file ${table}. Made by tools/directPrices.mjs. Not checked against an invoice.`,
  unit: 'USD per 1,000,000 tokens, decimal strings',
  notes: [
    'A tier applies to the whole request once all of its input exceeds aboveInputTokens.',
    'A missing price is unknown, not free.',
  ],
  models: Object.fromEntries(models),
};
const path = join(import.meta.dirname, '../src/pricing/directPrices.json');
writeFileSync(path, `${JSON.stringify(document, null, 1)}\n`);
