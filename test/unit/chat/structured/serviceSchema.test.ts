import { expect, test } from 'vitest';
import { serviceSchema } from '../../../../src/chat/structured/serviceSchema.ts';

test('what services refuse in a schema is told in descriptions instead, at every depth', () => {
  const inner = {
    type: 'array',
    minItems: 2,
    items: { type: 'integer', minimum: 0, description: 'A count' },
  };
  const schema = {
    type: 'object',
    properties: { minimum: { type: 'string', maxLength: 5 }, counts: inner },
    required: ['minimum'],
    additionalProperties: false,
  };
  expect(serviceSchema(schema)).toEqual({
    type: 'object',
    properties: {
      minimum: { type: 'string', description: 'characters, at most 5' },
      counts: {
        type: 'array',
        description: 'items, at least 2',
        items: { type: 'integer', description: 'A count; at least 0' },
      },
    },
    required: ['minimum'],
    additionalProperties: false,
  });
});
