import { ApiError } from '@ollamamax/api';
import type { GrammarSchema } from './runner/protocol.ts';

/** Bounds on a schema from a user, checked before anything else looks at it. */
const maxDepth = 32;
const maxNodes = 2000;
const maxLiterals = 1000;
/** llama.cpp refuses repetitions a little above this. */
const maxRepetition = 1000;

/** Say nothing about which values are allowed. */
const annotations = new Set([
  '$schema',
  '$id',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'example',
  'deprecated',
  'readOnly',
  'writeOnly',
]);

const scalarTypes = new Set(['string', 'number', 'integer', 'boolean', 'null']);
const knownTypes = new Set([...scalarTypes, 'object', 'array']);
const stringFormats = new Set(['date', 'time', 'date-time']);
const refPattern = /^#\/(?:\$defs|definitions)\/([^/]+)$/;

/** A map, because the names looked up in it come from a stranger: an object would also know "constructor". */
const keywordsOf: ReadonlyMap<string, readonly string[]> = new Map([
  ['object', ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties']],
  ['array', ['items', 'prefixItems', 'minItems', 'maxItems']],
  ['string', ['minLength', 'maxLength', 'format']],
  ['integer', ['minimum', 'maximum']],
]);

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const refuse = (path: string, why: string): never => {
  throw new ApiError('invalid_format', `The JSON Schema cannot be enforced at ${path}: ${why}.`, {
    param: path,
  });
};

const child = (path: string, key: string | number): string =>
  typeof key === 'number' ? `${path}[${key}]` : `${path}.${key}`;

/**
 * Brings a JSON Schema into the form that the grammar generator understands, or refuses it with
 * `invalid_format` and the place of the first keyword that cannot be enforced; nothing is ignored silently.
 * `anyOf` becomes a choice like `oneOf`. Every listed property is produced, required or not. The schema is data
 * of a stranger: it is walked with bounds and never compiled.
 */
export const toGrammarSchema = (schema: unknown, path = 'format.schema'): GrammarSchema => {
  let nodes = 0;
  const definitions = isNode(schema) ? definitionsOf(schema, path) : {};

  const walk = (value: unknown, at: string, depth: number, root = false): GrammarSchema => {
    if (!isNode(value)) return refuse(at, 'a schema must be an object');
    if (depth > maxDepth) return refuse(at, `schemas may be nested at most ${maxDepth} deep`);
    if (++nodes > maxNodes) return refuse(at, `a schema may have at most ${maxNodes} parts`);
    const allow = (keywords: readonly string[]): void => {
      for (const key of Object.keys(value)) {
        const definesRoot = root && (key === '$defs' || key === 'definitions');
        if (!keywords.includes(key) && !annotations.has(key) && !definesRoot)
          refuse(child(at, key), `"${key}" is not supported here`);
      }
    };
    if ('$ref' in value) {
      allow(['$ref']);
      return reference(value.$ref, child(at, '$ref'));
    }
    for (const key of ['oneOf', 'anyOf']) {
      const choices = value[key];
      if (choices === undefined) continue;
      allow([key]);
      if (!Array.isArray(choices) || choices.length === 0)
        return refuse(child(at, key), 'it must be a list that is not empty');
      return { oneOf: choices.map((item, i) => walk(item, child(child(at, key), i), depth + 1)) };
    }
    if ('const' in value) {
      allow(['const', 'type']);
      return { const: literal(value.const, child(at, 'const')) };
    }
    if ('enum' in value) {
      allow(['enum', 'type']);
      const items = value.enum;
      if (!Array.isArray(items) || items.length === 0 || items.length > maxLiterals)
        return refuse(child(at, 'enum'), `it must be a list of 1 to ${maxLiterals} values`);
      return { enum: items.map((item, i) => literal(item, child(child(at, 'enum'), i))) };
    }
    const { type } = value;
    if (Array.isArray(type)) {
      if (type.length === 0) return refuse(child(at, 'type'), 'it must not be empty');
      allow(['type', ...type.flatMap((name) => keywordsOf.get(String(name)) ?? [])]);
      return { oneOf: type.map((name: unknown) => typed(value, name, at, depth)) };
    }
    allow(['type', ...(keywordsOf.get(String(type)) ?? [])]);
    return typed(value, type, at, depth);
  };

  const reference = (ref: unknown, at: string): GrammarSchema => {
    const name = typeof ref === 'string' ? refPattern.exec(ref)?.[1] : undefined;
    if (name === undefined || !Object.hasOwn(definitions, name))
      return refuse(at, 'only references to existing "#/$defs/…" are supported');
    return { $ref: `#/$defs/${name}` };
  };

  const typed = (value: Node, type: unknown, at: string, depth: number): GrammarSchema => {
    if (typeof type !== 'string' || !knownTypes.has(type))
      return refuse(
        child(at, 'type'),
        type === undefined ? 'a type is needed' : `it is not one of ${[...knownTypes].join(', ')}`,
      );
    if (type === 'object') return objectOf(value, at, depth);
    if (type === 'array') return arrayOf(value, at, depth);
    if (type === 'string') return stringOf(value, at);
    if (type === 'integer') checkRange(value, at);
    return { type };
  };

  const objectOf = (value: Node, at: string, depth: number): GrammarSchema => {
    const { properties, required, additionalProperties } = value;
    if (properties !== undefined && !isNode(properties))
      return refuse(child(at, 'properties'), 'it must be an object');
    const listed = Object.entries(properties ?? {});
    for (const name of Array.isArray(required) ? required : [])
      if (!listed.some(([key]) => key === name))
        refuse(child(at, 'required'), `"${String(name)}" is not among the properties`);
    const further = additionalProperties ?? properties === undefined;
    return {
      type: 'object',
      ...(listed.length === 0
        ? {}
        : {
            properties: Object.fromEntries(
              listed.map(([key, item]) => [key, walk(item, child(child(at, 'properties'), key), depth + 1)]),
            ),
          }),
      additionalProperties:
        typeof further === 'boolean' ? further : walk(further, child(at, 'additionalProperties'), depth + 1),
      ...limits(value, ['minProperties', 'maxProperties'], at, listed.length),
    };
  };

  const arrayOf = (value: Node, at: string, depth: number): GrammarSchema => {
    const { items, prefixItems } = value;
    if (prefixItems !== undefined && !Array.isArray(prefixItems))
      return refuse(child(at, 'prefixItems'), 'it must be a list');
    return {
      type: 'array',
      ...(items === undefined ? {} : { items: walk(items, child(at, 'items'), depth + 1) }),
      ...(prefixItems === undefined
        ? {}
        : {
            prefixItems: prefixItems.map((item, i) =>
              walk(item, child(child(at, 'prefixItems'), i), depth + 1),
            ),
          }),
      ...limits(value, ['minItems', 'maxItems'], at, prefixItems?.length ?? 0),
    };
  };

  const grammar = walk(schema, path, 0, true);
  const named = Object.entries(definitions).map(
    ([name, item]) => [name, walk(item, `${path}.$defs.${name}`, 1)] as const,
  );
  return named.length === 0 ? grammar : { ...grammar, $defs: Object.fromEntries(named) };
};

const definitionsOf = (schema: Node, path: string): Node => {
  const found: Record<string, unknown> = {};
  for (const key of ['$defs', 'definitions']) {
    const given = schema[key];
    if (given === undefined) continue;
    if (!isNode(given)) return refuse(child(path, key), 'it must be an object');
    Object.assign(found, given);
  }
  return found;
};

const stringOf = (value: Node, at: string): GrammarSchema => {
  const { format } = value;
  if (format === undefined) return { type: 'string', ...limits(value, ['minLength', 'maxLength'], at, 0) };
  if (typeof format !== 'string' || !stringFormats.has(format))
    return refuse(child(at, 'format'), `only ${[...stringFormats].join(', ')} are supported`);
  for (const key of ['minLength', 'maxLength'])
    if (value[key] !== undefined) refuse(child(at, key), `"${key}" is not supported beside "format"`);
  return { type: 'string', format };
};

/** Generators of schemas write the range of exact integers beside every integer; narrower ones cannot be enforced. */
const checkRange = ({ minimum, maximum }: Node, at: string): void => {
  if (minimum !== undefined && !(typeof minimum === 'number' && minimum <= Number.MIN_SAFE_INTEGER))
    refuse(child(at, 'minimum'), '"minimum" is not supported here');
  if (maximum !== undefined && !(typeof maximum === 'number' && maximum >= Number.MAX_SAFE_INTEGER))
    refuse(child(at, 'maximum'), '"maximum" is not supported here');
};

const literal = (value: unknown, at: string): unknown =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value)
    ? value
    : refuse(at, 'only text, numbers, true, false and null are supported');

/** Smallest and largest counts; `listed` are always produced, so the largest may not be below. */
const limits = (
  value: Node,
  [least, most]: readonly [string, string],
  at: string,
  listed: number,
): GrammarSchema => {
  const found: Record<string, number> = {};
  for (const key of [least, most]) {
    const limit = value[key];
    if (limit === undefined) continue;
    if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 0 || limit > maxRepetition)
      return refuse(child(at, key), `it must be a whole number from 0 to ${maxRepetition}`);
    found[key] = limit;
  }
  const low = Math.max(found[least] ?? 0, listed);
  if ((found[most] ?? low) < low) return refuse(child(at, most), `it must be at least ${low}`);
  return found;
};
