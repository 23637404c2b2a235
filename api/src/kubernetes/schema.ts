import { Type, type Static, type TSchema, type TUnsafe } from 'typebox';

/*
 * Schemas that the API server takes as a structural OpenAPI v3 schema: no unions, no `additionalProperties: false`
 * (it prunes unknown fields by itself), a type on every node.
 */

export interface Described {
  readonly description: string;
  readonly [keyword: string]: unknown;
}

/** Values by name. */
export const stringMap = (options: Described & { readonly maxProperties: number }) =>
  Type.Unsafe<Readonly<Record<string, string>>>({
    type: 'object',
    additionalProperties: { type: 'string', maxLength: 4096 },
    ...options,
  });

/** A rule of the Common Expression Language that the API server checks, with the sentence a user gets. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  /** Path of the field the message is about, below the object with the rule. */
  readonly fieldPath?: string;
}

/** The keyword under which the API server finds rules. */
export const rules = (...list: readonly Rule[]) => ({ 'x-kubernetes-validations': list });

/**
 * Text of a certain form. As a rule with a sentence: of the keyword `pattern` a user is told nothing but the pattern.
 * @param pattern in the syntax that RE2 and ECMAScript share, for the whole text
 */
export const textLike = (
  pattern: string,
  message: string,
  options: Described & { readonly maxLength: number },
) => Type.String({ ...rules({ rule: `self.matches(${JSON.stringify(pattern)})`, message }), ...options });

/** Not below zero: the API server's own quantities may be. */
const amount = {
  'x-kubernetes-int-or-string': true,
  maxLength: 32,
  ...rules({
    rule: 'isQuantity(string(self)) && !quantity(string(self)).isLessThan(quantity("0"))',
    message: 'must be an amount such as 500m, 2 or 20Gi',
  }),
} as const;

/** An amount as Kubernetes writes it: `500m`, `2`, `20Gi`. */
export const quantity = (options: Described): TUnsafe<string | number> =>
  Type.Unsafe<string | number>({ ...amount, ...options });

/** Amounts by resource name (`cpu`, `memory`, …). */
export const quantities = (options: Described) =>
  Type.Unsafe<Readonly<Record<string, string | number>>>({
    type: 'object',
    additionalProperties: amount,
    maxProperties: 32,
    ...options,
  });

/** A part of a pod that Kubernetes itself defines and checks: given on as it is. */
export const passedOn = (options: Described) =>
  Type.Unsafe<Readonly<Record<string, unknown>>>({
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    ...options,
  });

/** A list of parts of a pod that Kubernetes itself defines and checks. */
export const listPassedOn = (options: Described & { readonly maxItems: number }) =>
  Type.Unsafe<readonly Readonly<Record<string, unknown>>[]>({
    type: 'array',
    items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    // As a whole: nobody but a person writes it.
    'x-kubernetes-list-type': 'atomic',
    ...options,
  });

/** A list that server-side apply merges by a key of its items. */
export const keyedList = <T extends TSchema>(
  item: T,
  keys: readonly string[],
  options: Described & { readonly maxItems: number },
) =>
  Type.Unsafe<readonly Static<T>[]>({
    type: 'array',
    items: item,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': [...keys],
    ...options,
  });

/** A list of plain values that nobody merges. */
export const plainList = <T extends TSchema>(item: T, options: Described & { readonly maxItems: number }) =>
  Type.Unsafe<readonly Static<T>[]>({
    type: 'array',
    items: item,
    'x-kubernetes-list-type': 'atomic',
    ...options,
  });

/** Name of another object in the same namespace. */
export const objectName = (options: Described) =>
  textLike(
    '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
    'must be the name of an object: lower-case letters, digits, "-" and ".", with a letter or digit at both ends',
    { maxLength: 253, ...options },
  );

/** One key of a Secret. */
export const SecretKeyReference = (description: string) =>
  Type.Object(
    {
      name: objectName({ description: 'Name of the Secret, in the namespace of the cluster.' }),
      key: Type.String({ minLength: 1, maxLength: 253, description: 'Key in the Secret.' }),
    },
    { description },
  );

/** Kubernetes' own condition, in a list keyed by type. */
export const Condition = Type.Object(
  {
    type: Type.String({ maxLength: 316, description: 'What the condition is about.' }),
    status: Type.Unsafe<'True' | 'False' | 'Unknown'>({
      type: 'string',
      enum: ['True', 'False', 'Unknown'],
      description: 'Whether it holds; Unknown when it cannot be told now.',
    }),
    observedGeneration: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Generation of the object that this was judged for.' }),
    ),
    lastTransitionTime: Type.String({
      format: 'date-time',
      description: 'When the status last changed, to the second.',
    }),
    reason: Type.String({
      minLength: 1,
      maxLength: 1024,
      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
      description: 'Why, in one word for programs.',
    }),
    message: Type.String({ maxLength: 32768, description: 'Why, in a sentence for people.' }),
  },
  { description: 'One condition of the object.' },
);
export type Condition = Static<typeof Condition>;

export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
}
