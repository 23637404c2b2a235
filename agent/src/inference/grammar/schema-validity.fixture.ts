import { compileValidator } from '@ollamamax/api';

type Schema = Readonly<Record<string, unknown>>;

/** Items of tuples that are looked at; longer arrays are not valid here. */
const longestTuple = 8;

/** Whether a value satisfies a schema, as ajv sees it in the strict form and the draft in which it is used here. */
export const validityOf = (schema: Schema): ((value: unknown) => boolean) => {
  const validate = compileValidator(strictDraft7(schema) as Parameters<typeof compileValidator>[0]);
  return (value) => validate(JSON.parse(JSON.stringify(value))).ok;
};

/** The same schema without what strict validation warns of. */
const strictDraft7 = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(strictDraft7);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { required, properties, ...others } = schema as Schema & { required?: string[]; properties?: Schema };
  const patterns = Object.keys((others.patternProperties as Schema | undefined) ?? {});
  const listed = Object.entries(properties ?? {}).map(([name, part]) => [name, strictDraft7(part)] as const);
  const isMatched = (name: string): boolean =>
    patterns.some((pattern) => new RegExp(pattern, 'u').test(name));
  const aside = [
    // Names must be listed where they are required, and may not match a pattern where they are listed.
    ...(required === undefined ? [] : [{ required, properties: Object.fromEntries(required.map((name) => [name, true])) }]),
    ...(patterns.length === 0 ? [] : [{ properties: Object.fromEntries(listed) }]),
    ...(others.prefixItems === undefined ? [] : [tuplesOf(others)]),
  ]; // prettier-ignore
  const { prefixItems, items, allOf = [], ...kept } = others;
  return {
    ...Object.fromEntries(Object.entries(kept).map(([key, value]) => [key, keyword(key, value)])),
    ...(properties === undefined ? {} : { properties: Object.fromEntries(listed.filter(([name]) => !isMatched(name))) }),
    ...(prefixItems !== undefined || items === undefined ? {} : { items: strictDraft7(items) }),
    allOf: [...aside, ...(allOf as unknown[]).map(strictDraft7), true],
  }; // prettier-ignore
};

const keyword = (key: string, value: unknown): unknown => {
  if (key === 'const' || key === 'enum') return value;
  const isMap = ['patternProperties', '$defs', 'definitions'].includes(key);
  return isMap
    ? Object.fromEntries(Object.entries(value as Schema).map(([name, part]) => [name, strictDraft7(part)]))
    : strictDraft7(value);
};

/** A tuple of open length as one complete tuple for each length. */
const tuplesOf = ({ prefixItems, items = true }: Schema): unknown => ({
  anyOf: Array.from({ length: longestTuple + 1 }, (_item, length) =>
    length === 0
      ? { type: 'array', maxItems: 0 }
      : {
          type: 'array',
          items: Array.from({ length }, (_part, at) => strictDraft7((prefixItems as unknown[])[at] ?? items)),
          minItems: length,
          maxItems: length,
          additionalItems: false,
        },
  ),
});
