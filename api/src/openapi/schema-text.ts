import type { TSchema } from 'typebox';

/** The parts of JSON Schema that the contract uses. */
export interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly 'x-env'?: string;
  readonly 'x-kubernetes-int-or-string'?: boolean;
}

/** A schema of the contract as plain JSON Schema. */
export const toJsonSchema = (schema: TSchema): JsonSchema => JSON.parse(JSON.stringify(schema)) as JsonSchema;

const range = (low: number | undefined, high: number | undefined, unit: string): string[] => {
  if (low === undefined && high === undefined) return [];
  if (low === undefined) return [`at most ${high}${unit}`];
  return [high === undefined ? `at least ${low}${unit}` : `${low} to ${high}${unit}`];
};

const bounds = (schema: JsonSchema): string[] => [
  ...range(schema.minimum, schema.maximum, ''),
  ...(schema.exclusiveMinimum === undefined ? [] : [`more than ${schema.exclusiveMinimum}`]),
  ...range(schema.minLength, schema.maxLength, ' characters'),
  ...range(schema.minItems, schema.maxItems, ' items'),
  ...(schema.pattern === undefined ? [] : [`form \`${schema.pattern}\``]),
];

const values = (items: readonly unknown[]): string =>
  items.map((item) => `\`${JSON.stringify(item)}\``).join(', ');

/** Type and bounds in words: `integer, 1 to 64`. */
export const typeText = (schema: JsonSchema): string => {
  if (schema.const !== undefined) return values([schema.const]);
  if (schema.enum !== undefined) return values(schema.enum);
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(' or ');
  if (schema['x-kubernetes-int-or-string'] === true) return 'amount, such as `500m` or `20Gi`';
  const { type = 'any' } = schema;
  const name =
    type === 'array' && schema.items !== undefined
      ? `array of ${typeText(schema.items)}`
      : type === 'object' && schema.patternProperties !== undefined
        ? `object, values: ${Object.values(schema.patternProperties).map(typeText).join(' or ')}`
        : type;
  return [name, ...bounds(schema)].join(', ');
};

/** One property of an object, at any depth. */
export interface Field {
  /** `options.temperature`, `messages[].role`. */
  readonly path: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

const fieldsBelow = (schema: JsonSchema, path: string): Field[] => [
  ...Object.entries(schema.properties ?? {}).flatMap(([name, property]): Field[] => {
    const at = path === '' ? name : `${path}.${name}`;
    const required = schema.required?.includes(name) === true;
    return [{ path: at, schema: property, required }, ...fieldsBelow(property, at)];
  }),
  ...Object.values(schema.patternProperties ?? {}).flatMap((value) => fieldsBelow(value, `${path}.*`)),
  ...(schema.items === undefined ? [] : fieldsBelow(schema.items, `${path}[]`)),
  ...(schema.anyOf ?? []).flatMap((branch) => fieldsBelow(branch, path)),
];

/** All properties of a schema, parents before children; those that several variants share are told once. */
export const fieldsOf = (schema: JsonSchema): readonly Field[] => {
  const byPath = new Map<string, Field>();
  for (const field of fieldsBelow(schema, '')) {
    const known = byPath.get(field.path);
    byPath.set(field.path, known === undefined ? field : merged(known, field));
  }
  return [...byPath.values()];
};

const merged = (one: Field, other: Field): Field => ({
  path: one.path,
  required: one.required && other.required,
  schema:
    JSON.stringify(one.schema) === JSON.stringify(other.schema)
      ? one.schema
      : { anyOf: [one.schema, other.schema] },
});

/** Whether the field only groups others: its children say everything. */
export const isGroup = (schema: JsonSchema): boolean =>
  schema.properties !== undefined && schema.description === undefined;
