/** Puts something in the place of a text that holds values in another form. */
type Replace = (form: string, values: readonly string[]) => string;

/** A character in a URL, as its UTF-8 bytes, or in JSON and code. */
const escaped =
  /%[0-7][\da-f]|%[cd][\da-f]%[89ab][\da-f]|%e[\da-f](?:%[89ab][\da-f]){2}|%f[0-7](?:%[89ab][\da-f]){3}|\\u[\da-f]{4}|\\["\\/bfnrt]/gi;

/** Base64 of both alphabets, also in lines as RFC 2045 and RFC 7468 break them. A value of 8 bytes has 11 characters. */
const base64 = /(?:(?:[\w+/-]{60,76}\r?\n)+[\w+/-]*|[\w+/-]{11,})={0,2}/g;

/**
 * A text with the escaped and Base64 forms of values replaced. `values` matches values as they are. An escaped value is replaced alone, Base64 as a whole, because it can't be read without its other part.
 */
export function withoutEncoded(text: string, values: RegExp, replace: Replace): string {
  return withoutEscaped(text, values, replace).replace(base64, (run) => {
    const within = valuesInBase64(run, values);
    return within.length === 0 ? run : replace(run, within);
  });
}

function withoutEscaped(text: string, values: RegExp, replace: Replace): string {
  if (!/[%\\]/.test(text)) return text;
  const { decoded, starts } = unescaped(text);
  if (starts === null) return text;
  let rest = 0;
  let result = '';
  for (const { 0: value, index } of decoded.matchAll(values)) {
    const [start = 0, end = text.length] = [starts[index], starts[index + value.length]];
    const form = text.slice(start, end);
    result += text.slice(rest, start) + replace(form, [value]);
    rest = end;
  }
  return result + text.slice(rest);
}

/** A text with its escapes read, and where each unit of it begins in the original; null where there are no escapes. */
function unescaped(text: string): { decoded: string; starts: Uint32Array | null } {
  const parts: string[] = [];
  // No text is longer than its escaped form.
  const starts = new Uint32Array(text.length + 1);
  let count = 0;
  let rest = 0;
  const take = (part: string, from: number, step: 0 | 1): void => {
    for (let unit = 0; unit < part.length; unit += 1) starts[count++] = from + unit * step;
    parts.push(part);
  };
  for (const { 0: form, index } of text.matchAll(escaped)) {
    take(text.slice(rest, index), rest, 1);
    take(characterOf(form), index, 0);
    rest = index + form.length;
  }
  if (rest === 0) return { decoded: text, starts: null };
  take(text.slice(rest), rest, 1);
  starts[count] = text.length;
  return { decoded: parts.join(''), starts };
}

function characterOf(form: string): string {
  try {
    return form.startsWith('%') ? decodeURIComponent(form) : (JSON.parse(`"${form}"`) as string);
  } catch {
    return form;
  }
}

/** Wherever in a run of letters the Base64 begins: what stands before it may be letters too. */
function valuesInBase64(run: string, values: RegExp): string[] {
  const letters = run.replace(/[\r\n=]/g, '');
  return [0, 1, 2, 3].flatMap((skipped) => {
    const bytes = Buffer.from(letters.slice(skipped), 'base64').toString('utf8');
    return [...bytes.matchAll(values)].map(([value]) => value);
  });
}
