import { jsonrepair } from 'jsonrepair';

/** The JSON value in a model's text, with or without prose and a code fence around it; undefined if there is none. */
export function jsonIn(text: string): unknown {
  const whole = parsed(text);
  if (whole !== undefined) return whole;
  const from = text.indexOf('{');
  const to = text.lastIndexOf('}');
  if (from === -1 || to < from) return undefined;
  const inside = text.slice(from, to + 1);
  return parsed(inside) ?? mended(inside);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Single quotes, trailing commas, comments and the like, which models write. */
function mended(text: string): unknown {
  try {
    return parsed(jsonrepair(text));
  } catch {
    return undefined;
  }
}
