import * as z from 'zod/mini';

/** From a view: it has loaded and needs its data. */
export const readyMessage = z.object({ type: z.literal('ready') });

/** From a view: a button runs one of the commands. */
export function runMessage<const Commands extends readonly string[]>(commands: Commands) {
  return z.object({ type: z.literal('run'), command: z.enum(commands) });
}

/** Why a view has nothing to show, and how to fix it. */
export const failureSchema = z.object({ message: z.string(), hint: z.string() });

export type Failure = z.infer<typeof failureSchema>;
