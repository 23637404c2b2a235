import { isApiError } from '@ollamamax/api';
import { describe, expect, test } from '@jest/globals';
import { compileGrammar } from './grammar-engine.fixture.ts';
import { GrammarSampler, randomFrom } from './grammar-sampler.fixture.ts';
import { jsonSchemaToGrammar } from './json-schema-to-grammar.ts';
import { schemaCases } from './schema-cases.fixture.ts';
import { validityOf } from './schema-validity.fixture.ts';

type Schema = Readonly<Record<string, unknown>>;

/** The ways programs and people write JSON. */
const writings = (value: unknown): string[] => [
  JSON.stringify(value),
  JSON.stringify(value, null, 2),
  JSON.stringify(value, null, '\t'),
];

const refusal = async (
  schema: Schema,
): Promise<{ readonly param: string | undefined; readonly message: string }> => {
  try {
    await compileGrammar(jsonSchemaToGrammar(schema));
  } catch (error) {
    if (isApiError(error) && error.code === 'invalid_format')
      return { param: error.param, message: error.message };
    throw error;
  }
  throw new Error('the schema was accepted');
};

describe('the grammar of a schema', () => {
  test.each(schemaCases)('for $name takes what satisfies it and nothing else', async (schemaCase) => {
    const { schema, accepts, refuses, leavesOut = [] } = schemaCase;
    const matches = await compileGrammar(jsonSchemaToGrammar(schema));
    const isValid = validityOf(schema);
    const seen = [...accepts, ...refuses, ...leavesOut].map((value) => ({
      value,
      valid: isValid(value),
      matches: writings(value).map(matches),
    }));
    const all = (taken: boolean): boolean[] => [taken, taken, taken];
    expect(seen).toEqual([
      ...accepts.map((value) => ({ value, valid: true, matches: all(true) })),
      ...refuses.map((value) => ({ value, valid: false, matches: all(false) })),
      ...leavesOut.map((value) => ({ value, valid: true, matches: all(false) })),
    ]);
  });

  test.each(schemaCases)('for $name writes only values that satisfy it', async ({ schema }) => {
    const grammar = jsonSchemaToGrammar(schema);
    const matches = await compileGrammar(grammar);
    const isValid = validityOf(schema);
    const sampler = new GrammarSampler(grammar);
    const random = randomFrom(7);
    for (let round = 0; round < 25; round++) {
      const text = sampler.sample(random, 3 + (round % 10));
      expect({ text, matches: matches(text), valid: isValid(JSON.parse(text)) }).toEqual({
        text,
        matches: true,
        valid: true,
      });
    }
  });

  test('is text that a person can read', async () => {
    const schema = {
      type: 'object',
      properties: { name: { type: 'string', maxLength: 20 }, role: { enum: ['user', 'admin'] } },
      required: ['name'],
    };
    expect(jsonSchemaToGrammar(schema).split('\n')).toEqual([
      'root ::= value-1',
      'ws ::= "" | " " | "\\n" [ \\t]{0,20}',
      'value-1-role-1 ::= "," ws "\\"role\\":" ws role-1 ws "}" | ws "}"',
      'value-1 ::= "{" ws "\\"name\\":" ws text-1 value-1-role-1',
      expect.stringMatching(/^char ::= /),
      'text-1 ::= "\\"" char{0,20} "\\""',
      'role-1 ::= "\\"user\\"" | "\\"admin\\""',
      '',
    ]);
  });

  test('shares the rules of what is referred to', () => {
    const place = { $ref: '#/$defs/place' };
    const schema = {
      type: 'array',
      items: { anyOf: [place, { type: 'array', items: place }] },
      $defs: { place: { type: 'object', properties: { street: { type: 'string' } } } },
    };
    expect(jsonSchemaToGrammar(schema).match(/street\\":/g)).toHaveLength(1);
  });

  test.each(['constructor', 'toString', '__proto__'])(
    'takes a property named "%s" for an ordinary one',
    async (name) => {
      const listed = JSON.parse(`{"type":"object","properties":{"${name}":{"type":"integer"}}}`) as Schema;
      const matches = await compileGrammar(jsonSchemaToGrammar({ ...listed, required: [name] }));
      expect(matches(`{"${name}":1}`)).toBe(true);
      expect(matches(`{"${name}":"x"}`)).toBe(false);
      expect(matches('{}')).toBe(false);
    },
  );

  test('leaves out schemas, names of types and references that only prototypes have', async () => {
    expect((await refusal({ type: 'constructor' })).param).toBe('#/type');
    expect((await refusal({ $ref: '#/$defs/__proto__', $defs: {} })).param).toBe('#/$ref');
    expect((await refusal({ $ref: '#/constructor' })).param).toBe('#/$ref');
  });

  test('has an end as soon as the value has one', async () => {
    const matches = await compileGrammar(jsonSchemaToGrammar({ type: 'array', items: {} }));
    expect([matches('[1]'), matches('[1] '), matches('[1]\n')]).toEqual([true, false, false]);
  });

  test('has no white space without end', async () => {
    const matches = await compileGrammar(jsonSchemaToGrammar({ type: 'array', items: {} }));
    expect(matches(`[\n${' '.repeat(20)}1]`)).toBe(true);
    expect(matches(`[\n${' '.repeat(21)}1]`)).toBe(false);
    expect(matches('[\n\n1]')).toBe(false);
  });

  test('is longer than llama.cpp counts, and still exact', async () => {
    const schema = { type: 'string', minLength: 5000, maxLength: 20_000 };
    const matches = await compileGrammar(jsonSchemaToGrammar(schema));
    const lengths = [4999, 5000, 5001, 12_345, 19_999, 20_000, 20_001];
    expect(lengths.map((length) => matches(`"${'x'.repeat(length)}"`))).toEqual(
      lengths.map((length) => length >= 5000 && length <= 20_000),
    );
  });
});

describe('what cannot be enforced is refused with its place', () => {
  test.each<[string, Schema, string]>([
    ['not', { properties: { a: { not: {} } } }, '#/properties/a/not'],
    ['if', { if: { type: 'string' }, then: {} }, '#/if'],
    ['contains', { type: 'array', contains: { const: 1 } }, '#/contains'],
    ['dependent names', { dependentRequired: { a: ['b'] } }, '#/dependentRequired'],
    ['unevaluated items with a schema', { unevaluatedItems: { type: 'null' } }, '#/unevaluatedItems'],
    ['an unknown type', { items: { type: 'date' } }, '#/items/type'],
    ['a schema that is text', { properties: { 'a/b': 'text' } }, '#/properties/a~1b'],
    ['a list of nothing', { enum: [] }, '#/enum'],
    ['choices of nothing', { anyOf: [] }, '#/anyOf'],
    ['a choice that is no schema', { anyOf: [{ type: 'string' }, 7] }, '#/anyOf/1'],
    ['a count that is none', { type: 'string', maxLength: 1.5 }, '#/maxLength'],
    ['a count below zero', { type: 'array', minItems: -1 }, '#/minItems'],
    ['a bound that is text', { type: 'integer', minimum: '3' }, '#/minimum'],
    ['a remote reference', { $ref: 'https://example.com/s' }, '#/$ref'],
    ['a reference to nothing', { items: { $ref: '#/$defs/none' } }, '#/items/$ref'],
    ['look-ahead', { type: 'string', pattern: '^(?=a)a$' }, '#/pattern'],
    ['look-behind', { type: 'string', pattern: '(?<!a)b' }, '#/pattern'],
    ['a reference back', { type: 'string', pattern: '^(a)\\1$' }, '#/pattern'],
    ['a word boundary', { type: 'string', pattern: '\\ba' }, '#/pattern'],
    ['Unicode properties', { type: 'string', pattern: '\\p{L}' }, '#/pattern'],
    ['an anchor inside', { type: 'string', pattern: 'a^b' }, '#/pattern'],
    ['a pattern that is not one', { type: 'string', pattern: '(a' }, '#/pattern'],
    ['contradicting bounds', { type: 'integer', minimum: 3, maximum: 2 }, '#'],
    ['contradicting lengths', { type: 'string', minLength: 3, maxLength: 2 }, '#'],
    ['contradicting types', { allOf: [{ type: 'string' }, { type: 'null' }] }, '#'],
    ['a required property that may not be', { properties: { a: false }, required: ['a'] }, '#'],
    ['a required property beside none', { type: 'object', properties: {}, required: ['x'], additionalProperties: false }, '#'],
    ['a pattern that allows no text', { type: 'string', pattern: '^a$', minLength: 2 }, '#'],
    ['different names to count', { type: 'object', additionalProperties: true, minProperties: 3 }, '#'],
    ['a multiple that is too fine', { type: 'number', multipleOf: 0.12345 }, '#/multipleOf'],
    ['a schema that is itself', { $ref: '#' }, '#'],
    ['a choice that is itself', { anyOf: [{ $ref: '#' }, { type: 'null' }] }, '#'],
    ['an object that needs itself', { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }, '#'],
  ])('%s', async (_name, schema, param) => {
    const { message, ...at } = await refusal(schema);
    expect(at).toEqual({ param });
    expect(message).toContain(`at ${param}: `);
  }); // prettier-ignore
});

const nested = (depth: number): Schema =>
  depth === 0 ? { type: 'string' } : { type: 'array', items: nested(depth - 1) };

const many = (count: number, item: (index: number) => [string, unknown]): Schema =>
  Object.fromEntries(Array.from({ length: count }, (_item, index) => item(index)));

const twoWays = (index: number): unknown => ({
  anyOf: [{ $ref: `#/$defs/d${index + 1}` }, { type: 'array', items: { $ref: `#/$defs/d${index + 1}` } }],
});

describe('schemas that would take too much', () => {
  test.each<[string, Schema]>([
    ['deep ones', nested(5000)],
    ['wide ones', { type: 'object', properties: many(25_000, (i) => [`p${i}`, { type: 'string' }]) }],
    ['very many values', { enum: Array.from({ length: 1001 }, (_item, index) => index) }],
    ['a deep fixed value', { const: JSON.parse('['.repeat(4000) + ']'.repeat(4000)) as unknown }],
    ['long fixed values', { enum: Array.from({ length: 900 }, (_item, index) => `${index}`.repeat(1000)) }],
    ['repetitions of repetitions', { type: 'string', pattern: '^((a{100}){100}){100}$' }],
    ['a huge repetition', { type: 'string', pattern: '^a{999999999}$' }],
    ['a pattern that remembers', { type: 'string', pattern: 'a.{30}$' }],
    ['a long pattern', { type: 'string', pattern: 'ab?'.repeat(1000) }],
    ['a deep pattern', { type: 'string', pattern: `${'('.repeat(500)}a${')'.repeat(500)}` }],
    ['a pattern with a huge length', { type: 'string', pattern: '^[a-z ]+$', maxLength: 60_000 }],
    ['many patterns that remember', { anyOf: Array.from({ length: 200 }, (_item, i) => ({ type: 'string', pattern: `a.{9}${i}` })) }],
    ['many patterns of names', { patternProperties: many(10, (i) => [`^${i}`, {}]) }],
    ['more than can be counted', { type: 'array', items: {}, minItems: 1e9 }],
    ['choices times choices', { allOf: Array.from({ length: 12 }, () => ({ anyOf: [{ minimum: 1 }, { maximum: 5 }] })) }],
    ['counts of many properties', { type: 'object', properties: many(500, (i) => [`p${i}`, {}]), minProperties: 200 }],
    ['many long repetitions', { type: 'object', properties: many(900, (i) => [`p${i}`, { type: 'array', items: { const: i }, maxItems: 250 }]) }],
    ['a circle of references', { $ref: '#/$defs/a', $defs: { a: { allOf: [{ $ref: '#/$defs/b' }] }, b: { allOf: [{ $ref: '#/$defs/a' }] } } }],
    ['ways that double and double', { $ref: '#/$defs/d0', $defs: { ...many(60, (i) => [`d${i}`, { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { const: i }] }] }]), d60: { type: 'null' } } }],
    ['thousands of optional properties', { type: 'object', properties: many(3500, (i) => [`p${i}`, {}]) }],
    ['a remainder of a large number', { type: 'integer', multipleOf: 997 }],
  ])('are refused: %s', async (_name, schema) => {
    expect((await refusal(schema)).message).toMatch(/^The JSON Schema cannot be enforced at #/);
  }); // prettier-ignore

  test('are not those that only look like it', async () => {
    const chain = {
      $ref: '#/$defs/d0',
      $defs: { ...many(400, (i) => [`d${i}`, twoWays(i)]), d400: { type: 'null' } },
    };
    for (const schema of [
      nested(60),
      chain,
      { type: 'string', pattern: '^((a*)*|(b?)*)*(c|c|cc)*$' },
      { type: 'object', properties: many(300, (i) => [`p${i}`, { type: 'string' }]) },
      { type: 'string', maxLength: 1e9 },
    ])
      await compileGrammar(jsonSchemaToGrammar(schema));
  });
});
