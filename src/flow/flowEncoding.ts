/** The parts of `@domain#operation!action@target`. */
export interface FlowEncoding {
  domain: string;
  operation: string;
  action: string;
  target: string;
}

/** A fault of an encoding; offset and length count characters of its text, from 0. */
export interface EncodingFault {
  message: string;
  offset: number;
  length: number;
}

const parts = [
  { separator: '@', name: 'domain' },
  { separator: '#', name: 'operation' },
  { separator: '!', name: 'action' },
  { separator: '@', name: 'target' },
] as const;
const form = '@domain#operation!action@target';
const longestPart = 60;

/** Parses an encoding, or reports where it differs from `@domain#operation!action@target`. */
export function parseFlowEncoding(text: string): FlowEncoding | EncodingFault {
  const encoding: FlowEncoding = { domain: '', operation: '', action: '', target: '' };
  let offset = 0;
  for (const { separator, name } of parts) {
    if (text[offset] !== separator) return separatorFault(text, offset, separator, name);
    offset += 1;
    const part = /^[^@#!]*/.exec(text.slice(offset))?.[0] ?? '';
    const fault = partFault(part, name, offset);
    if (fault) return fault;
    encoding[name] = part;
    offset += part.length;
  }
  if (offset === text.length) return encoding;
  const message = `unexpected "${text.slice(offset)}" after the target of the encoding`;
  return { message, offset, length: text.length - offset };
}

/** The text of an encoding. */
export function formatFlowEncoding({ domain, operation, action, target }: FlowEncoding): string {
  return `@${domain}#${operation}!${action}@${target}`;
}

function separatorFault(text: string, offset: number, separator: string, name: string): EncodingFault {
  const found = text[offset];
  const expected = `expected "${separator}" before the ${name}, as in ${form}`;
  return found === undefined
    ? { message: `${expected}, but the encoding ends`, offset, length: 0 }
    : { message: `${expected}, not "${found}"`, offset, length: found.length };
}

function partFault(part: string, name: string, offset: number): EncodingFault | null {
  if (part === '') return { message: `the ${name} is missing, as in ${form}`, offset, length: 0 };
  const wrong = /[^a-z0-9_]/u.exec(part);
  if (wrong) {
    const [character] = wrong;
    const at = { offset: offset + wrong.index, length: character.length };
    if (/\s/.test(character)) return { message: `an encoding can't contain spaces`, ...at };
    const lower = character.toLowerCase();
    if (/[a-z]/.test(lower))
      return { message: `"${character}" is upper case; the ${name} must be lower case`, ...at };
    return { message: `"${character}" is not allowed in the ${name}, only a to z, 0 to 9 and _`, ...at };
  }
  if (!/^[a-z]/.test(part))
    return { message: `the ${name} must start with a letter, not "${part[0] ?? ''}"`, offset, length: 1 };
  if (part.length > longestPart)
    return { message: `the ${name} is longer than ${longestPart} characters`, offset, length: part.length };
  return null;
}
