import type * as z from 'zod/mini';

declare function acquireVsCodeApi(): {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
};

const api = acquireVsCodeApi();

/** The connection to the extension. Incoming messages are parsed; `post` sends outgoing ones. */
export function connect<Outgoing, Schema extends z.ZodMiniType>(
  schema: Schema,
  receive: (message: z.infer<Schema>) => void,
): (message: Outgoing) => void {
  window.addEventListener('message', ({ data }) => receive(schema.parse(data)));
  return (message) => api.postMessage(message);
}

/** The state a view saved before it was hidden or reloaded; null if it can't be parsed. */
export function kept<Schema extends z.ZodMiniType>(schema: Schema): z.infer<Schema> | null {
  const { data } = schema.safeParse(api.getState());
  return data ?? null;
}

export function keep(state: unknown): void {
  api.setState(state);
}
