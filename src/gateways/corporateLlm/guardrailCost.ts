import { blocksOf, type RequestContent } from '../../content/messages.ts';
import { GatewayError } from '../../errors.ts';
import { parseDecimal } from '../../pricing/cost.ts';

/** AWS bills a guardrail by text units of up to 1,000 characters (Amazon Bedrock pricing, "Guardrails"). */
const charactersPerUnit = 1_000;
/** Maximum characters per token; the longest tokens of published vocabularies have 128. */
export const mostCharactersOfToken = 256;

/**
 * The most that a guardrail can cost for these characters of question and answer, in micro-USD. `price` is USD
 * per 1,000,000 characters. Each text is rounded up to a unit separately.
 */
export function guardrailCost(
  price: string,
  characters: { texts: number; input: number; output: number },
): bigint {
  const { texts, input, output } = characters;
  const units = BigInt(Math.ceil((input + output) / charactersPerUnit) + texts + 1);
  // USD per 1,000,000 characters are micro-USD per character.
  const scaled = units * BigInt(charactersPerUnit) * parseDecimal(price);
  const scale = parseDecimal('1');
  return (scaled + scale - 1n) / scale;
}

/** The price of a call's guardrail; null without one. Throws `price_unknown`, and `invalid_request` for images. */
export function guardrailPriceOf(
  { guardrail, messages }: RequestContent,
  price: string | null,
): string | null {
  if (!guardrail) return null;
  if (price === null)
    throw new GatewayError(
      'price_unknown',
      'No price is known for the guardrail, which AWS bills in addition to the model.',
      {
        hint: 'Set bedrock.guardrail_price: USD per 1,000,000 characters, the sum of AWS’s prices of its policies.',
      },
    );
  const pictures = messages.some(({ content }) => blocksOf(content).some(({ type }) => type === 'image'));
  if (pictures)
    throw new GatewayError('invalid_request', 'The price of a guardrail for images is unknown.', {
      hint: 'Nothing was sent. Leave out the guardrail or the images.',
    });
  return price;
}
