/** What a gateway can do; each level has its own entries. */
export type Capabilities = Readonly<Record<string, boolean | readonly string[]>>;

/** The same in the form of files and documents. */
export function capabilitiesJson(capabilities: Capabilities): Capabilities {
  const inWords = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(capabilities).map(([name, value]) => [inWords(name), value]));
}
