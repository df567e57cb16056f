import { createHash } from 'node:crypto';

/** A text from elsewhere, and what is said of it. */
export interface DataPart {
  attributes: Readonly<Record<string, string | number>>;
  text: string;
}

/**
 * Texts as data for a model, each between tags of this name. No text can end its block: the tags end in a number that
 * depends on all texts.
 */
export function dataBlock(name: string, parts: readonly DataPart[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts));
  const tag = hash.digest('hex').slice(0, 16);
  return [
    `<${name}s-${tag}>`,
    ...parts.map(({ attributes, text }) => {
      const said = Object.entries(attributes).map(([key, value]) => ` ${key}=${JSON.stringify(`${value}`)}`);
      return `<${name}-${tag}${said.join('')}>\n${text}\n</${name}-${tag}>`;
    }),
    `</${name}s-${tag}>`,
  ].join('\n');
}
