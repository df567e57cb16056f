import { messageOf, systemCodeOf } from '../errors.ts';
import { readFileTextSync } from '../readFile.ts';
import { withoutStray } from '../strayCharacters.ts';
import { NotUtf8 } from '../utf8Text.ts';

/** The kind of a section of the AWS files. */
export type SectionKind = 'profile' | 'sso-session';

/** A line of an AWS file that looks like the header of a section. */
export interface SectionHeader {
  kind: SectionKind;
  /** The intended name, whether or not the AWS SDK reads it so. */
  name: string;
  /** The line as it stands. */
  text: string;
  /** From 1. */
  line: number;
}

/** The headers of an AWS file, read more leniently than by the AWS SDK; or why it can't be read. */
export function headersIn(path: string): { headers: SectionHeader[]; fault: string | null } {
  let text: string;
  try {
    text = readFileTextSync(path);
  } catch (error) {
    return { headers: [], fault: faultOf(error) };
  }
  const headers = text.split(/\r?\n/).flatMap((whole, index) => {
    const shown = whole.replace(/(^|\s)[;#].*/, '').trim();
    const [, inside] = /^\[([^\]]*)/.exec(shown) ?? [];
    if (inside === undefined) return [];
    const [, prefix, name] = /^\s*(profile|sso[-_ ]?session)\b[\s:.]*(.*?)\s*$/i.exec(inside) ?? [];
    const kind: SectionKind = prefix && /^sso/i.test(prefix) ? 'sso-session' : 'profile';
    return [{ kind, name: withoutStray(name || inside), text: shown, line: index + 1 }];
  });
  return { headers, fault: null };
}

function faultOf(error: unknown): string {
  if (systemCodeOf(error) === 'ENOENT') return 'is not there';
  if (error instanceof NotUtf8) return `is not in UTF-8 (line ${error.line})`;
  return `can’t be read: ${systemCodeOf(error) ?? messageOf(error)}`;
}
