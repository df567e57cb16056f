/** What a gateway can do; each level has its own entries. */
export type Capabilities = Readonly<Record<string, boolean | number | readonly string[]>>;

/** The same in the form of files and documents. A copy: whoever gets it can change no setting through it. */
export function capabilitiesJson(capabilities: Capabilities): Capabilities {
  const entries = Object.entries(capabilities).map(([name, value]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    typeof value === 'object' ? [...value] : value,
  ]);
  return Object.fromEntries(entries) as Capabilities;
}
