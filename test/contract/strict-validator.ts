import { compileValidator, type Problem } from '@ollamamax/api';

type Schema = Parameters<typeof compileValidator>[0];

const closedParts = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(closedParts);
  if (typeof value !== 'object' || value === null) return value;
  const parts = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, closedParts(part)]));
  return 'properties' in value && 'type' in value ? { ...parts, additionalProperties: false } : parts;
};

const cache = new Map<Schema, (value: unknown) => readonly Problem[]>();

/** What is wrong with an answer; a field that the schema does not name is wrong too. */
export const problemsOf = (schema: Schema, value: unknown): readonly Problem[] => {
  let check = cache.get(schema);
  if (check === undefined) {
    const validate = compileValidator(closedParts(schema) as Schema);
    check = (candidate) => {
      const result = validate(structuredClone(candidate));
      return result.ok ? [] : result.problems;
    };
    cache.set(schema, check);
  }
  return check(value);
};
