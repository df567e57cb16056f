import * as z from 'zod/mini';

/** From a view: it was loaded and needs everything. */
export const readyMessage = z.object({ type: z.literal('ready') });

/** From a view: a button runs one of the commands. */
export function runMessage<const Commands extends readonly string[]>(commands: Commands) {
  return z.object({ type: z.literal('run'), command: z.enum(commands) });
}

/** Why a view can't show anything, and how to mend it. */
export const failureSchema = z.object({ message: z.string(), hint: z.string() });

export type Failure = z.infer<typeof failureSchema>;
