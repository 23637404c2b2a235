import { isApiError } from '@ollamamax/api';
import { expect, test } from '@jest/globals';
import { compileGrammar } from './grammar-engine.fixture.ts';
import { GrammarSampler, randomFrom } from './grammar-sampler.fixture.ts';
import { jsonSchemaToGrammar } from './json-schema-to-grammar.ts';
import { altered, randomSchema, randomValue } from './random-schemas.fixture.ts';
import { validityOf } from './schema-validity.fixture.ts';

type Schema = Readonly<Record<string, unknown>>;

const grammarOf = (schema: Schema): string | undefined => {
  try {
    return jsonSchemaToGrammar(schema);
  } catch (error) {
    if (isApiError(error) && error.code === 'invalid_format') return undefined;
    throw error;
  }
};

/** Things said that make the grammar take exactly what satisfies the schema, but for the order of properties. */
const saysAll = (part: unknown): boolean => {
  if (typeof part !== 'object' || part === null) return true;
  const { type, additionalProperties, prefixItems, items, minItems } = part as Schema;
  if (type === 'object' && additionalProperties === undefined) return false;
  if (prefixItems !== undefined && (items === undefined || minItems === undefined)) return false;
  return Object.values(part).every(saysAll);
};

test('for random schemas, the grammar writes only values that satisfy them', async () => {
  const random = randomFrom(31);
  let accepted = 0;
  for (let round = 0; round < 100; round++) {
    const schema = randomSchema(random, 3);
    const grammar = grammarOf(schema);
    if (grammar === undefined) continue;
    accepted++;
    const matches = await compileGrammar(grammar);
    const isValid = validityOf(schema);
    const sampler = new GrammarSampler(grammar);
    for (let trial = 0; trial < 12; trial++) {
      const text = sampler.sample(random, 2 + trial);
      expect({ schema, text, matches: matches(text), valid: isValid(JSON.parse(text)) }).toEqual({
        schema,
        text,
        matches: true,
        valid: true,
      });
      const other = altered(JSON.parse(text), random);
      const written = JSON.stringify(other);
      if (matches(written))
        expect({ schema, other, valid: isValid(other) }).toEqual({ schema, other, valid: true });
    }
  }
  expect(accepted).toBeGreaterThan(50);
});

test('for random schemas that leave nothing open, the grammar takes every value that satisfies them', async () => {
  const random = randomFrom(47);
  let taken = 0;
  for (let round = 0; round < 250; round++) {
    const schema = randomSchema(random, 2);
    // Merged schemas put their properties in an order of their own.
    if (!saysAll(schema) || JSON.stringify(schema).includes('allOf')) continue;
    const grammar = grammarOf(schema);
    if (grammar === undefined) continue;
    const matches = await compileGrammar(grammar);
    const isValid = validityOf(schema);
    const sampler = new GrammarSampler(grammar);
    for (let trial = 0; trial < 30; trial++) {
      const value =
        trial % 2 === 0 ? randomValue(random, 2) : altered(JSON.parse(sampler.sample(random, 6)), random);
      if (!isValid(value)) continue;
      taken++;
      const written = JSON.stringify(value);
      expect({ schema, written, matches: matches(written) }).toEqual({ schema, written, matches: true });
    }
  }
  expect(taken).toBeGreaterThan(150);
});
