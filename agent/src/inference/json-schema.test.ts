import { isApiError } from '@ollamamax/api';
import { describe, expect, test } from '@jest/globals';
import { toGrammarSchema } from './json-schema.ts';

const refusal = (schema: unknown): { code: string; param: string | undefined } => {
  try {
    toGrammarSchema(schema);
  } catch (error) {
    if (isApiError(error)) return { code: error.code, param: error.param };
    throw error;
  }
  throw new Error('the schema was accepted');
};

const nested = (depth: number): unknown =>
  depth === 0 ? { type: 'string' } : { type: 'array', items: nested(depth - 1) };

describe('toGrammarSchema', () => {
  test.each(['constructor', 'toString', '__proto__'])('refuses the type "%s" that no schema has', (type) => {
    expect(refusal({ type })).toEqual({ code: 'invalid_format', param: 'format.schema.type' });
    expect(refusal({ type: [type] })).toEqual({ code: 'invalid_format', param: 'format.schema.type' });
  });

  test('keeps what can be enforced and drops annotations', () => {
    expect(
      toGrammarSchema({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        title: 'Person',
        type: 'object',
        properties: {
          name: { type: 'string', minLength: 1, description: 'who' },
          tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 3 },
        },
        required: ['name'],
      }),
    ).toEqual({
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1 },
        tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 3 },
      },
      additionalProperties: false,
    });
  });

  test('turns anyOf, lists of types and definitions into what the generator knows', () => {
    expect(
      toGrammarSchema({
        type: 'object',
        properties: {
          a: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
          b: { type: ['object', 'null'] },
          c: { $ref: '#/definitions/C' },
        },
        definitions: { C: { type: 'boolean' } },
      }),
    ).toEqual({
      type: 'object',
      properties: {
        a: { oneOf: [{ type: 'integer' }, { type: 'null' }] },
        b: { oneOf: [{ type: 'object', additionalProperties: true }, { type: 'null' }] },
        c: { $ref: '#/$defs/C' },
      },
      additionalProperties: false,
      $defs: { C: { type: 'boolean' } },
    });
  });

  test('takes the range of exact integers, which generators of schemas write beside every integer', () => {
    const { MIN_SAFE_INTEGER: minimum, MAX_SAFE_INTEGER: maximum } = Number;
    expect(toGrammarSchema({ type: 'integer', minimum, maximum })).toEqual({ type: 'integer' });
  });

  test.each<[string, unknown, string]>([
    ['a range of integers', { type: 'integer', minimum: 0 }, 'format.schema.minimum'],
    ['a range of integers upwards', { type: 'integer', maximum: 9 }, 'format.schema.maximum'],
    ['pattern', { type: 'string', pattern: '^a' }, 'format.schema.pattern'],
    ['allOf', { allOf: [{ type: 'string' }] }, 'format.schema.allOf'],
    ['not', { type: 'object', properties: { a: { not: {} } } }, 'format.schema.properties.a.not'],
    [
      'minimum',
      { type: 'object', properties: { n: { type: 'number', minimum: 1 } } },
      'format.schema.properties.n.minimum',
    ],
    ['no type', {}, 'format.schema.type'],
    ['unknown type', { type: 'date' }, 'format.schema.type'],
    ['no schema', 'json', 'format.schema'],
    ['list', [], 'format.schema'],
    ['unknown reference', { $ref: '#/$defs/none' }, 'format.schema.$ref'],
    ['remote reference', { $ref: 'https://example.com/s' }, 'format.schema.$ref'],
    ['prototype reference', { $ref: '#/$defs/__proto__', $defs: {} }, 'format.schema.$ref'],
    ['object in enum', { enum: [{}] }, 'format.schema.enum[0]'],
    ['empty enum', { enum: [] }, 'format.schema.enum'],
    ['email', { type: 'string', format: 'email' }, 'format.schema.format'],
    ['huge maxLength', { type: 'string', maxLength: 1e9 }, 'format.schema.maxLength'],
    [
      'contradiction',
      { type: 'array', items: { type: 'null' }, minItems: 3, maxItems: 2 },
      'format.schema.maxItems',
    ],
    [
      'required but not listed',
      { type: 'object', properties: {}, required: ['x'] },
      'format.schema.required',
    ],
    ['choices of nothing', { oneOf: [] }, 'format.schema.oneOf'],
    ['wrong choice', { oneOf: [{ type: 'string' }, 7] }, 'format.schema.oneOf[1]'],
  ])('refuses %s and says where', (_name, schema, param) => {
    expect(refusal(schema)).toEqual({ code: 'invalid_format', param });
  });

  test('bounds depth and size', () => {
    expect(refusal(nested(40)).code).toBe('invalid_format');
    expect(refusal(nested(5000)).code).toBe('invalid_format');
    const wide = Object.fromEntries(Array.from({ length: 2500 }, (_, i) => [`p${i}`, { type: 'string' }]));
    expect(refusal({ type: 'object', properties: wide }).code).toBe('invalid_format');
    expect(toGrammarSchema(nested(20))).toMatchObject({ type: 'array' });
  });
});
