import { cosine } from './ollama-answer-shape.ts';
import type { Answer } from './agent-client.ts';
import { factsOf } from './answer-facts.ts';

/**
 * How two answers to the same request differ, as keys that a list of differences can name:
 * `status 400 200`, `content-type a b`, `words` (the sentence of an error), `+path` and `-path` (a field that only we
 * or only they send), `type path ours theirs`, `value path` (a word that is part of the form), `order` (of the items of
 * a stream), `text`, `reasoning`, `calls`, `usage.name`, `tokens`, `logprobs`, `vectors`, `last item`.
 */
export interface FoundDifference {
  readonly key: string;
  /** Both sides, for the reader of a failure. */
  readonly ours: unknown;
  readonly theirs: unknown;
}

type Json = Readonly<Record<string, unknown>>;

/** What a model or a file says, whose fields are no part of the form. */
const opaque = /(^|\.)(model_info|arguments|input_schema|parameters|meta)$/;
/** Words that clients decide by. */
const words = new Set([
  'object',
  'type',
  'role',
  'finish_reason',
  'stop_reason',
  'stop_sequence',
  'done_reason',
  'status',
]);
const worded = (name: string, value: unknown): value is string | null =>
  words.has(name) && (typeof value === 'string' || value === null);

/** Zero is left out by some, and then it depends on the clock whether they are there. */
const isDuration = (name: string): boolean => name.endsWith('_duration');

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const kindOf = (value: unknown): string => {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
};

interface Form {
  /** Kinds of the values at each path. */
  readonly kinds: Map<string, Set<string>>;
  readonly values: Map<string, Set<string>>;
}

const note = (map: Map<string, Set<string>>, path: string, value: string): void => {
  const known = map.get(path) ?? new Set();
  known.add(value);
  map.set(path, known);
};

const walk = (value: unknown, path: string, form: Form): void => {
  if (path !== '') note(form.kinds, path, kindOf(value));
  if (Array.isArray(value)) {
    for (const item of value) walk(item, `${path}[]`, form);
  } else if (isObject(value) && !opaque.test(path)) {
    for (const [name, part] of Object.entries(value)) {
      if (isDuration(name)) continue;
      const inner = path === '' ? name : `${path}.${name}`;
      if (worded(name, part)) note(form.values, inner, String(part).replaceAll(/[0-9a-f]{12,}/g, '…'));
      walk(part, inner, form);
    }
  }
};

const formOf = (items: readonly Json[]): Form => {
  const form: Form = { kinds: new Map(), values: new Map() };
  for (const item of items) walk(item, '', form);
  return form;
};

const parentOf = (path: string): string =>
  path.endsWith('[]') ? path.slice(0, -2) : path.slice(0, Math.max(0, path.lastIndexOf('.')));

const sorted = (values: Iterable<string> | undefined): string => [...(values ?? [])].toSorted().join('|');

/** Paths of one form that the other lacks though it has what they are part of. */
const onlyIn = (one: Form, other: Form): string[] =>
  [...one.kinds.keys()].filter((path) => {
    if (other.kinds.has(path)) return false;
    const parent = parentOf(path);
    return parent === '' || other.kinds.has(parent);
  });

const formDifferences = (ours: Form, theirs: Form): FoundDifference[] => {
  const common = [...ours.kinds.keys()].filter((path) => theirs.kinds.has(path));
  return [
    ...onlyIn(ours, theirs).map((path) => ({
      key: `+${path}`,
      ours: sorted(ours.kinds.get(path)),
      theirs: '',
    })),
    ...onlyIn(theirs, ours).map((path) => ({
      key: `-${path}`,
      ours: '',
      theirs: sorted(theirs.kinds.get(path)),
    })),
    ...common.flatMap((path) => {
      const [a, b] = [sorted(ours.kinds.get(path)), sorted(theirs.kinds.get(path))];
      return a === b ? [] : [{ key: `type ${path} ${a} ${b}`, ours: a, theirs: b }];
    }),
    ...common.flatMap((path) => {
      const [a, b] = [sorted(ours.values.get(path)), sorted(theirs.values.get(path))];
      return a === b ? [] : [{ key: `value ${path}`, ours: a, theirs: b }];
    }),
  ];
};

const mediaType = ({ headers }: Answer): string =>
  (headers.get('content-type') ?? 'none').split(';')[0] ?? '';

const sameVectors = (ours: readonly number[][], theirs: readonly number[][]): boolean =>
  ours.length === theirs.length &&
  ours.every((vector, index) => {
    const other = theirs[index] ?? [];
    return vector.length === other.length && (vector.length === 0 || cosine(vector, other) > 0.99);
  });

const near = (ours: readonly number[], theirs: readonly number[]): boolean =>
  ours.length === theirs.length &&
  ours.every((value, index) => Math.abs(value - (theirs[index] ?? 0)) < 0.05);

/** Everything in which two answers differ. */
export const differencesOf = (ours: Answer, theirs: Answer): FoundDifference[] => {
  const found: FoundDifference[] = [];
  const compare = (
    key: string,
    a: unknown,
    b: unknown,
    same = JSON.stringify(a) === JSON.stringify(b),
  ): void => {
    if (!same) found.push({ key, ours: a, theirs: b });
  };
  compare(`status ${ours.status} ${theirs.status}`, ours.status, theirs.status);
  // An answer and a refusal have nothing else in common.
  if (ours.status < 400 !== theirs.status < 400) return found;
  const types = [mediaType(ours), mediaType(theirs)] as const;
  compare(`content-type ${types.join(' ')}`, ...types);
  const [a, b] = [factsOf(ours.text), factsOf(theirs.text)];
  compare('words', a.sentence, b.sentence);
  found.push(...formDifferences(formOf(a.items), formOf(b.items)));
  compare('order', a.order, b.order);
  compare('text', a.text, b.text);
  compare('reasoning', a.reasoning, b.reasoning);
  compare('calls', a.calls, b.calls);
  compare('tokens', a.tokens, b.tokens);
  if (a.tokens.join() === b.tokens.join())
    compare('logprobs', a.logprobs, b.logprobs, near(a.logprobs, b.logprobs));
  compare('vectors', a.vectors, b.vectors, sameVectors(a.vectors, b.vectors));
  for (const name of Object.keys(a.usage).filter((known) => known in b.usage))
    compare(`usage.${name}`, a.usage[name], b.usage[name]);
  return found;
};
