type Random = () => number;
type Schema = Readonly<Record<string, unknown>>;

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
const upTo = (random: Random, most: number): number => Math.floor(random() * (most + 1));
const chance = (random: Random, probability: number): boolean => random() < probability;

const names = ['id', 'name', 'kind', 'na', 'x"y', 'größe', 'list', 'a b', 'value'];
const words = ['', 'a', 'ab', 'abc', 'x"y', 'größe', '\n', 'mon', 'monday', '0', 'Z9'];
const patterns = ['^[a-z]*$', '[0-9]', '^(ab|mon)', 'y$', '^.{1,4}$'];

/** A random schema of the kinds that people write; definitions `a` and `b` may be referred to when `depth` allows. */
export const randomSchema = (random: Random, depth: number): Schema => ({
  ...randomPart(random, depth),
  $defs: { a: randomPart(random, 1), b: { type: 'array', items: { $ref: '#/$defs/a' }, maxItems: 2 } },
});

const randomPart = (random: Random, depth: number): Schema => {
  const leaf = [
    randomText,
    randomNumber,
    () => ({ type: 'boolean' }),
    () => ({ type: 'null' }),
    randomValues,
  ];
  const branch = [
    randomObject,
    randomObject,
    randomArray,
    randomTuple,
    randomChoice,
    randomAll,
    randomReference,
  ];
  return depth > 0 && chance(random, 0.75)
    ? pick(random, branch)(random, depth - 1)
    : pick(random, leaf)(random);
};

const randomText = (random: Random): Schema => {
  const least = upTo(random, 2);
  return {
    type: 'string',
    ...(chance(random, 0.3) ? { minLength: least } : {}),
    ...(chance(random, 0.3) ? { maxLength: least + 1 + upTo(random, 3) } : {}),
    ...(chance(random, 0.4) ? { pattern: pick(random, patterns) } : {}),
  };
};

const randomNumber = (random: Random): Schema => {
  const low = upTo(random, 300) - 150;
  return {
    type: pick(random, ['integer', 'number']),
    ...(chance(random, 0.5) ? { [pick(random, ['minimum', 'exclusiveMinimum'])]: low } : {}),
    ...(chance(random, 0.5)
      ? { [pick(random, ['maximum', 'exclusiveMaximum'])]: low + 2 + upTo(random, 200) }
      : {}),
  };
};

const randomValues = (random: Random): Schema => {
  if (chance(random, 0.3)) return { const: randomValue(random, 1) };
  const values = Array.from({ length: 1 + upTo(random, 11) }, () => randomValue(random, 1));
  return { enum: [...new Map(values.map((value) => [JSON.stringify(value), value])).values()] };
};

const randomObject = (random: Random, depth: number): Schema => {
  const listed = names.filter(() => chance(random, 0.35));
  const required = listed.filter(() => chance(random, 0.5));
  return {
    type: 'object',
    properties: Object.fromEntries(listed.map((name) => [name, randomPart(random, depth)])),
    ...(required.length > 0 ? { required } : {}),
    ...(chance(random, 0.6)
      ? { additionalProperties: pick(random, [false, true, randomPart(random, depth)]) }
      : {}),
    ...(chance(random, 0.2) ? { minProperties: Math.min(required.length + 1, listed.length) } : {}),
    ...(chance(random, 0.2) ? { maxProperties: required.length + 1 + upTo(random, 2) } : {}),
  };
};

const randomArray = (random: Random, depth: number): Schema => {
  const least = upTo(random, 2);
  return {
    type: 'array',
    items: randomPart(random, depth),
    ...(chance(random, 0.4) ? { minItems: least } : {}),
    ...(chance(random, 0.4) ? { maxItems: least + upTo(random, 3) } : {}),
  };
};

const randomTuple = (random: Random, depth: number): Schema => ({
  type: 'array',
  prefixItems: Array.from({ length: 1 + upTo(random, 2) }, () => randomPart(random, depth)),
  ...(chance(random, 0.5) ? { items: pick(random, [false, randomPart(random, depth)]) } : {}),
  ...(chance(random, 0.4) ? { minItems: upTo(random, 2) } : {}),
  maxItems: 4,
});

const randomChoice = (random: Random, depth: number): Schema => ({
  anyOf: Array.from({ length: 2 + upTo(random, 1) }, () => randomPart(random, depth)),
});

const randomAll = (random: Random, depth: number): Schema => ({
  allOf: [randomObject(random, depth), pick(random, [randomObject, randomChoice])(random, depth)],
});

const randomReference = (random: Random): Schema => ({ $ref: `#/$defs/${pick(random, ['a', 'b'])}` });

/** A random JSON value out of the same few names, words and numbers. */
export const randomValue = (random: Random, depth: number): unknown => {
  const count = upTo(random, 3);
  switch (upTo(random, depth > 0 ? 6 : 4)) {
    case 0:
      return pick(random, words);
    case 1:
      return upTo(random, 300) - 150;
    case 2:
      return (upTo(random, 3000) - 1500) / 10 + 0;
    case 3:
      return chance(random, 0.5);
    case 4:
      return null;
    case 5:
      return Array.from({ length: count }, () => randomValue(random, depth - 1));
    default:
      return Object.fromEntries(
        names.filter(() => chance(random, 0.3)).map((name) => [name, randomValue(random, depth - 1)]),
      );
  }
};

/** A value with one random part put in another's place, or taken away. */
export const altered = (value: unknown, random: Random): unknown => {
  if (typeof value !== 'object' || value === null || chance(random, 0.2)) return randomValue(random, 1);
  const entries = Object.entries(value);
  const at = upTo(random, entries.length - 1);
  const changed = entries.flatMap(([key, part], index): [string, unknown][] => {
    if (index !== at) return [[key, part]];
    return chance(random, 0.3) ? [] : [[key, altered(part, random)]];
  });
  return Array.isArray(value) ? changed.map(([, part]) => part) : Object.fromEntries(changed);
};
