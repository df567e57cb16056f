import type * as z from 'zod/mini';

declare function acquireVsCodeApi(): {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
};

const api = acquireVsCodeApi();

/** The one wire to the extension. Incoming messages are parsed; `post` takes outgoing ones. */
export function connect<Outgoing, Schema extends z.ZodMiniType>(
  schema: Schema,
  receive: (message: z.infer<Schema>) => void,
): (message: Outgoing) => void {
  window.addEventListener('message', ({ data }) => receive(schema.parse(data)));
  return (message) => api.postMessage(message);
}

/** A text that survives hiding the view and reloading the window. */
export function rememberText(text: string): void {
  api.setState(text);
}

export function rememberedText(): string {
  const text = api.getState();
  return typeof text === 'string' ? text : '';
}
