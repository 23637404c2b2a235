/** Names the values of an object under which it is found. */
export type IndexFunction<T> = (object: T) => readonly string[];

/** Read side of a cache of one kind. Objects are frozen and shared: copy to change. */
export interface Store<T> {
  readonly size: number;
  get(key: string): T | undefined;
  list(): readonly T[];
  keys(): readonly string[];
  /** @throws Error when there is no index of that name */
  byIndex(index: string, value: string): readonly T[];
}
