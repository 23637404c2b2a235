/** A change of the cache. `initial` is true for what was there before the first sync. */
export type InformerEvent<T> =
  | { readonly type: 'add'; readonly object: T; readonly initial: boolean }
  | { readonly type: 'update'; readonly object: T; readonly previous: T; readonly initial: false }
  | { readonly type: 'delete'; readonly object: T; readonly initial: false };
