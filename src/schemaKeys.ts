import * as z from 'zod';

/** The keys of a section, with meaning and default; undefined where there is none. */
export function keysOf(schema: z.ZodObject): { key: string; description: string; initial: unknown }[] {
  return Object.entries(schema.shape).map(([key, value]) => ({
    key,
    description: z.globalRegistry.get(value)?.description ?? '',
    initial: z.safeParse(value, undefined).data as unknown,
  }));
}

/** A key with its meaning and default in Markdown. */
export interface DescribedKey {
  label: string;
  documentation: string;
}

/** The keys of a section as an editor shows them. */
export function describedKeys(schema: z.ZodObject): DescribedKey[] {
  return keysOf(schema).map(({ key, description, initial }) => {
    const says = initial === undefined ? '' : ` Default: \`${JSON.stringify(initial)}\`.`;
    return { label: key, documentation: `${description}${says}` };
  });
}
