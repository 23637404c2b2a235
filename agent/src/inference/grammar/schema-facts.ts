import { childPointer, refuse } from './refusal.ts';
import { maxRepetition } from './grammar-rules.ts';

/** A schema and where it stands in the whole. */
export interface Located {
  readonly schema: unknown;
  readonly pointer: string;
}

/** Schemas that a value must satisfy all together; none: any value. */
export type Parts = readonly Located[];

export const jsonTypes = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const;
export type JsonType = (typeof jsonTypes)[number];

export interface Bound {
  readonly value: number;
  readonly exclusive: boolean;
}

/** What one schema says about the names of an object; several say so side by side, each with its own rest. */
export interface ObjectShape {
  readonly properties: ReadonlyMap<string, Located> | undefined;
  readonly patterns: readonly { readonly pattern: Located; readonly part: Located }[];
  readonly additional: Located | undefined;
  readonly names: Located | undefined;
}

/** What one schema says about the items of an array. */
export interface ArrayShape {
  readonly prefix: readonly Located[];
  readonly items: Located | undefined;
}

/** Counts of characters, items or properties. */
export interface Range {
  readonly least: number | undefined;
  readonly most: number | undefined;
}

/** All that is said about a value, without alternatives: references and choices are already resolved. */
export interface Facts {
  readonly pointer: string;
  /** Undefined: not said. */
  readonly types: ReadonlySet<JsonType> | undefined;
  readonly values: readonly unknown[] | undefined;
  readonly minimum: Bound | undefined;
  readonly maximum: Bound | undefined;
  readonly multiples: readonly Located[];
  readonly length: Range;
  readonly patterns: readonly Located[];
  readonly formats: readonly Located[];
  readonly objects: readonly ObjectShape[];
  readonly required: ReadonlySet<string>;
  readonly propertyCount: Range;
  /** True: what is not listed is not allowed, even where nothing is listed. */
  readonly closed: boolean;
  readonly arrays: readonly ArrayShape[];
  readonly itemCount: Range;
}

export type SchemaNode = Readonly<Record<string, unknown>>;

export const isNode = (value: unknown): value is SchemaNode =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const open: Range = { least: undefined, most: undefined };

/** What is known about any value. */
export const noFacts = (pointer: string): Facts => ({
  pointer,
  types: undefined,
  values: undefined,
  minimum: undefined,
  maximum: undefined,
  multiples: [],
  length: open,
  patterns: [],
  formats: [],
  objects: [],
  required: new Set(),
  propertyCount: open,
  closed: false,
  arrays: [],
  itemCount: open,
});

/** Keywords that a grammar cannot enforce, with what to do instead. */
const refused: ReadonlyMap<string, string> = new Map([
  ['not', 'list what is allowed instead'],
  ['if', 'use "anyOf" with complete alternatives'],
  ['then', 'use "anyOf" with complete alternatives'],
  ['else', 'use "anyOf" with complete alternatives'],
  ['contains', 'use "items" or "prefixItems"'],
  ['dependentRequired', 'use "anyOf" with complete alternatives'],
  ['dependentSchemas', 'use "anyOf" with complete alternatives'],
  ['dependencies', 'use "anyOf" with complete alternatives'],
  ['$dynamicRef', 'use "$ref"'],
  ['$recursiveRef', 'use "$ref"'],
]);

/** The facts of the keywords of this node itself; references and choices are left to the caller. */
export const factsOf = (node: SchemaNode, pointer: string): Facts => {
  for (const [keyword, instead] of refused)
    if (node[keyword] !== undefined)
      refuse(childPointer(pointer, keyword), `"${keyword}" is not supported; ${instead}`);
  for (const keyword of ['unevaluatedProperties', 'unevaluatedItems'])
    if (node[keyword] !== undefined && typeof node[keyword] !== 'boolean')
      refuse(childPointer(pointer, keyword), `"${keyword}" must be true or false here`);
  const items = range(node, 'minItems', 'maxItems', pointer);
  // `uniqueItems` is not looked at: no grammar can compare items, and the schemas of sets in Python name it.
  return {
    pointer,
    types: typesOf(node, pointer),
    values: valuesOf(node, pointer),
    minimum: boundOf(node, 'minimum', 'exclusiveMinimum', pointer),
    maximum: boundOf(node, 'maximum', 'exclusiveMaximum', pointer),
    multiples: located(node, 'multipleOf', pointer),
    length: range(node, 'minLength', 'maxLength', pointer),
    patterns: located(node, 'pattern', pointer),
    formats: located(node, 'format', pointer),
    objects: objectShapes(node, pointer),
    required: new Set(requiredOf(node, pointer)),
    propertyCount: range(node, 'minProperties', 'maxProperties', pointer),
    closed: node.unevaluatedProperties === false,
    arrays: arrayShapes(node, pointer),
    itemCount: items,
  };
};

const located = (node: SchemaNode, key: string, pointer: string): readonly Located[] =>
  node[key] === undefined ? [] : [{ schema: node[key], pointer: childPointer(pointer, key) }];

const typesOf = (node: SchemaNode, pointer: string): ReadonlySet<JsonType> | undefined => {
  const { type } = node;
  if (type === undefined) return undefined;
  const names: readonly unknown[] = Array.isArray(type) ? type : [type];
  const known = names.map(
    (name) =>
      jsonTypes.find((candidate) => candidate === name) ??
      refuse(childPointer(pointer, 'type'), `use one of ${jsonTypes.join(', ')}`),
  );
  if (known.length === 0) refuse(childPointer(pointer, 'type'), 'the list is empty; name at least one type');
  return new Set(known);
};

const maxValues = 1000;

const valuesOf = (node: SchemaNode, pointer: string): readonly unknown[] | undefined => {
  const fixed = Object.hasOwn(node, 'const') ? [node.const] : undefined;
  const { enum: listed } = node;
  if (listed === undefined) return fixed;
  if (!Array.isArray(listed) || listed.length === 0 || listed.length > maxValues)
    return refuse(childPointer(pointer, 'enum'), `give a list of 1 to ${maxValues} values`);
  return fixed === undefined ? listed : commonValues(fixed, listed);
};

/** The same text for equal JSON values. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    isNode(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );

const commonValues = (a: readonly unknown[], b: readonly unknown[]): readonly unknown[] => {
  const known = new Set(b.map(canonical));
  return a.filter((value) => known.has(canonical(value)));
};

const numberOf = (node: SchemaNode, key: string, pointer: string): number | undefined => {
  const value = node[key];
  if (value === undefined) return undefined;
  return typeof value === 'number' && Number.isFinite(value)
    ? value
    : refuse(childPointer(pointer, key), 'give a number');
};

const boundOf = (
  node: SchemaNode,
  key: 'minimum' | 'maximum',
  exclusiveKey: string,
  pointer: string,
): Bound | undefined => {
  const value = numberOf(node, key, pointer);
  const given = node[exclusiveKey];
  // The fourth draft has a flag beside the bound.
  if (typeof given === 'boolean') return value === undefined ? undefined : { value, exclusive: given };
  const exclusive = numberOf(node, exclusiveKey, pointer);
  return tighter(
    value === undefined ? undefined : { value, exclusive: false },
    exclusive === undefined ? undefined : { value: exclusive, exclusive: true },
    key,
  );
};

const tighter = (
  a: Bound | undefined,
  b: Bound | undefined,
  side: 'minimum' | 'maximum',
): Bound | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.value === b.value) return a.exclusive ? a : b;
  return a.value > b.value === (side === 'minimum') ? a : b;
};

const range = (node: SchemaNode, leastKey: string, mostKey: string, pointer: string): Range => {
  const [least, most] = [leastKey, mostKey].map((key) => {
    const count = numberOf(node, key, pointer);
    return count === undefined || (Number.isInteger(count) && count >= 0)
      ? count
      : refuse(childPointer(pointer, key), 'give a whole number that is not negative');
  });
  if ((least ?? 0) > maxRepetition)
    refuse(
      childPointer(pointer, leastKey),
      `at least ${least} is too many; ask for ${maxRepetition} or less`,
    );
  return { least, most };
};

const schemaMap = (value: unknown, pointer: string): ReadonlyMap<string, Located> | undefined => {
  if (value === undefined) return undefined;
  if (!isNode(value)) return refuse(pointer, 'give an object of schemas');
  return new Map(
    Object.entries(value).map(([name, schema]) => [name, { schema, pointer: childPointer(pointer, name) }]),
  );
};

const objectShapes = (node: SchemaNode, pointer: string): readonly ObjectShape[] => {
  const at = (key: string): string => childPointer(pointer, key);
  const shape: ObjectShape = {
    properties: schemaMap(node.properties, at('properties')),
    patterns: [...(schemaMap(node.patternProperties, at('patternProperties')) ?? [])].map(
      ([pattern, part]) => ({ pattern: { schema: pattern, pointer: part.pointer }, part }),
    ),
    additional: located(node, 'additionalProperties', pointer)[0],
    names: located(node, 'propertyNames', pointer)[0],
  };
  const silent = Object.values(shape).every((value) => value === undefined || (Array.isArray(value) && value.length === 0)); // prettier-ignore
  return silent ? [] : [shape];
};

const requiredOf = (node: SchemaNode, pointer: string): readonly string[] => {
  const { required } = node;
  // The third draft has a flag at the property, which generators still write.
  if (required === undefined || typeof required === 'boolean') return [];
  return Array.isArray(required) && required.every((name) => typeof name === 'string')
    ? required
    : refuse(childPointer(pointer, 'required'), 'give a list of names');
};

const arrayShapes = (node: SchemaNode, pointer: string): readonly ArrayShape[] => {
  // Before the draft of 2020 a tuple was a list in `items`, and its rest `additionalItems`.
  const tuple = Array.isArray(node.items);
  const listKey = tuple ? 'items' : 'prefixItems';
  const restKey = tuple ? 'additionalItems' : 'items';
  const list = node[listKey];
  if (list !== undefined && !Array.isArray(list))
    return refuse(childPointer(pointer, listKey), 'give a list of schemas');
  const prefix = (list ?? []).map((schema: unknown, index) => ({
    schema,
    pointer: childPointer(pointer, listKey, index),
  }));
  const items = located(node, restKey, pointer)[0];
  return prefix.length === 0 && items === undefined ? [] : [{ prefix, items }];
};

/** What two schemas say together; undefined when no value can satisfy both for its type or fixed values. */
export const mergeFacts = (a: Facts, b: Facts): Facts | undefined => {
  const types = commonTypes(a.types, b.types);
  const values =
    a.values === undefined || b.values === undefined
      ? (a.values ?? b.values)
      : commonValues(a.values, b.values);
  if (types?.size === 0 || values?.length === 0) return undefined;
  return {
    pointer: a.pointer,
    types,
    values,
    minimum: tighter(a.minimum, b.minimum, 'minimum'),
    maximum: tighter(a.maximum, b.maximum, 'maximum'),
    multiples: [...a.multiples, ...b.multiples],
    length: commonRange(a.length, b.length),
    patterns: [...a.patterns, ...b.patterns],
    formats: [...a.formats, ...b.formats],
    objects: [...a.objects, ...b.objects],
    required: new Set([...a.required, ...b.required]),
    propertyCount: commonRange(a.propertyCount, b.propertyCount),
    closed: a.closed || b.closed,
    arrays: [...a.arrays, ...b.arrays],
    itemCount: commonRange(a.itemCount, b.itemCount),
  };
};

const commonRange = (a: Range, b: Range): Range => ({
  least: a.least === undefined ? b.least : Math.max(a.least, b.least ?? 0),
  most: a.most === undefined ? b.most : Math.min(a.most, b.most ?? Infinity),
});

const commonTypes = (
  a: ReadonlySet<JsonType> | undefined,
  b: ReadonlySet<JsonType> | undefined,
): ReadonlySet<JsonType> | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  const has = (types: ReadonlySet<JsonType>, type: JsonType): boolean =>
    types.has(type) || (type === 'integer' && types.has('number'));
  const common = jsonTypes.filter((type) => has(a, type) && has(b, type));
  // Every whole number is a number: one of the two is enough.
  return new Set(common.filter((type) => type !== 'integer' || !common.includes('number')));
};
