/** As much of VS Code's module as the parts need that are tested without an editor. */
export const fakeVscode = {
  l10n: {
    t: (text: string, ...values: unknown[]) =>
      text.replace(/\{(\d)\}/g, (_, index: string) => String(values[Number(index)])),
  },
  env: { language: 'en', remoteName: undefined },
  workspace: {
    isTrusted: true,
    workspaceFolders: [],
    getConfiguration: () => ({ get: () => undefined }),
  },
  window: {},
  commands: {},
  Disposable: {
    from: (...parts: { dispose: () => unknown }[]) => ({
      dispose: () => parts.forEach((part) => void part.dispose()),
    }),
  },
  EventEmitter: class<T> {
    readonly #listeners = new Set<(value: T) => void>();
    readonly event = (listener: (value: T) => void) => {
      this.#listeners.add(listener);
      return { dispose: () => this.#listeners.delete(listener) };
    };
    fire(value: T): void {
      for (const listener of this.#listeners) listener(value);
    }
    dispose(): void {
      this.#listeners.clear();
    }
  },
};
