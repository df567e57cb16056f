const translations = JSON.parse(document.body.dataset['translations'] ?? '{}') as Record<
  string,
  string | undefined
>;

/** The text in the editor's language, with `{0}`, `{1}` … replaced. */
export function t(text: string, ...values: (string | number)[]): string {
  return (translations[text] ?? text).replace(/\{(\d)\}/g, (_, index: string) =>
    String(values[Number(index)] ?? ''),
  );
}
