import type * as z from 'zod/mini';

declare function acquireVsCodeApi(): { postMessage(message: unknown): void };

const api = acquireVsCodeApi();

/** The one wire to the extension. Incoming messages are parsed; `post` takes outgoing ones. */
export function connect<Outgoing, Schema extends z.ZodMiniType>(
  schema: Schema,
  receive: (message: z.infer<Schema>) => void,
): (message: Outgoing) => void {
  window.addEventListener('message', ({ data }) => receive(schema.parse(data)));
  return (message) => api.postMessage(message);
}
