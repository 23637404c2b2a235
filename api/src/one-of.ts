import { Type, type TUnsafe } from 'typebox';

/** One of fixed strings, as JSON Schema's `enum`: errors and references then list the values. */
export const oneOf = <const T extends readonly string[]>(
  values: T,
  options: {
    readonly description?: string;
    readonly default?: T[number];
    readonly [key: string]: unknown;
  } = {},
): TUnsafe<T[number]> => Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });
