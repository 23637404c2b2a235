import { childPointer, refuse, type WorkBudget } from './refusal.ts';
import { factsOf, isNode, mergeFacts, noFacts, type Facts, type Located, type Parts, type SchemaNode } from './schema-facts.ts'; // prettier-ignore

const maxDepth = 64;
const maxAlternatives = 256;

/** Say nothing about which values are allowed. */
const annotations = new Set([
  '$schema', '$id', 'id', '$anchor', '$comment', '$defs', 'definitions', 'title', 'description', 'default',
  'examples', 'example', 'deprecated', 'readOnly', 'writeOnly', 'discriminator',
]); // prettier-ignore

/**
 * Reads schemas into facts: follows references inside the document, merges `allOf` and multiplies out the choices.
 * `oneOf` is read as `anyOf`: an answer that satisfies several of its schemas is not refused.
 */
export class SchemaReader {
  readonly #document: unknown;
  readonly #budget: WorkBudget;
  readonly #read = new Map<string, readonly Facts[]>();

  constructor(document: unknown, budget: WorkBudget) {
    this.#document = document;
    this.#budget = budget;
  }

  /** The alternatives of a value that satisfies all parts; none when no value can. */
  alternatives(parts: Parts): readonly Facts[] {
    const key = partsKey(parts);
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const pointer = parts[0]?.pointer ?? '#';
    const facts = parts.reduce<readonly Facts[]>((all, part) => this.#add(all, part, 0), [noFacts(pointer)]);
    this.#read.set(key, facts);
    return facts;
  }

  /** Follows a reference that has nothing beside it, so that all who refer share one rule. */
  resolve(part: Located): Located {
    let at = part;
    for (let depth = 0; depth < maxDepth; depth++) {
      if (!isNode(at.schema) || at.schema.$ref === undefined || !saysOnly(at.schema, '$ref')) return at;
      at = this.#target(at.schema, at.pointer);
    }
    return refuse(part.pointer, 'the reference leads in a circle; remove it');
  }

  /** The schemas of a choice that has nothing beside it. */
  choices(part: Located): readonly Located[] | undefined {
    const { schema, pointer } = part;
    if (!isNode(schema)) return undefined;
    const key = ['anyOf', 'oneOf'].find((name) => schema[name] !== undefined && saysOnly(schema, name));
    return key === undefined ? undefined : this.#list(schema, key, pointer);
  }

  #add(all: readonly Facts[], { schema, pointer }: Located, depth: number): readonly Facts[] {
    this.#budget.spend(all.length + 1, pointer);
    if (depth > maxDepth)
      return refuse(pointer, `it is nested or refers more than ${maxDepth} deep; make it flatter`);
    if (schema === true || all.length === 0) return all;
    if (schema === false) return [];
    if (!isNode(schema)) return refuse(pointer, 'a schema must be an object, true or false');
    const own = factsOf(schema, pointer);
    const weight = 1 + own.required.size + (own.values?.length ?? 0);
    let merged = all.flatMap((facts) => {
      this.#budget.spend(weight + facts.required.size + (facts.values?.length ?? 0), pointer);
      return mergeFacts(facts, own) ?? [];
    });
    if (schema.$ref !== undefined) merged = [...this.#add(merged, this.#target(schema, pointer), depth + 1)];
    if (schema.allOf !== undefined)
      for (const part of this.#list(schema, 'allOf', pointer))
        merged = [...this.#add(merged, part, depth + 1)];
    for (const key of ['anyOf', 'oneOf'])
      if (schema[key] !== undefined) {
        const base = merged;
        merged = this.#list(schema, key, pointer).flatMap((part) => this.#add(base, part, depth + 1));
        if (merged.length > maxAlternatives)
          return refuse(pointer, `there are more than ${maxAlternatives} combinations of choices; use fewer`);
      }
    if (schema.nullable !== true) return merged;
    const asNull = factsOf({ type: 'null' }, pointer);
    return [...merged, ...all.flatMap((facts) => mergeFacts(facts, asNull) ?? [])];
  }

  #list(schema: SchemaNode, key: string, pointer: string): readonly Located[] {
    const at = childPointer(pointer, key);
    const list = schema[key];
    if (!Array.isArray(list) || list.length === 0)
      return refuse(at, 'give a list of schemas that is not empty');
    return list.map((item: unknown, index) => ({ schema: item, pointer: childPointer(at, index) }));
  }

  #target(schema: SchemaNode, pointer: string): Located {
    const { $ref } = schema;
    const at = childPointer(pointer, '$ref');
    if (typeof $ref !== 'string' || !/^#(\/|$)/.test($ref))
      return refuse(at, 'only references inside the document are supported, such as "#/$defs/name"');
    const keys = $ref.split('/').slice(1).map((key) => decoded(key).replaceAll('~1', '/').replaceAll('~0', '~')); // prettier-ignore
    let target: unknown = this.#document;
    for (const key of keys) {
      const inside = typeof target === 'object' && target !== null && Object.hasOwn(target, key);
      if (!inside) return refuse(at, `there is nothing at "${$ref.slice(0, 200)}"; define it or correct it`);
      target = (target as Record<string, unknown>)[key];
    }
    return { schema: target, pointer: childPointer('#', ...keys) };
  }
}

/** One text for each combination of parts. */
export const partsKey = (parts: Parts): string => parts.map(({ pointer }) => pointer).join(' & ');

const saysOnly = (schema: SchemaNode, keyword: string): boolean =>
  Object.keys(schema).every((key) => key === keyword || annotations.has(key));

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
