import { expect, it } from 'vitest';
import * as z from 'zod';
import { valueFor } from '../../../src/adapters/mockValue.ts';
import { formats } from '../../../src/chat/structured/limits.ts';

it.each(formats)('a simulated answer fits a text of the format %s', (format) => {
  const schema = { type: 'string', format };
  expect(z.fromJSONSchema(schema as never).safeParse(valueFor(schema)).error).toBeUndefined();
});
