/** The parts of a Kubernetes object that every kind has. Times are strings, as they are on the wire. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly unknown[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** One page, or all pages, of a list. */
export interface KubeList<T> {
  readonly items: readonly T[];
  /** The moment the list is of; a watch goes on from there. */
  readonly resourceVersion: string;
  /** Token of the next page; absent on the last. */
  readonly continue?: string;
}

/** What a watch says. An `ERROR` is thrown as a KubeError instead. */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** Names one object: `namespace/name`, or `name` alone for a kind without namespace. */
export const keyOf = (object: { readonly metadata: Pick<ObjectMeta, 'name' | 'namespace'> }): string => {
  const { namespace, name = '' } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
};

/** The reverse of {@link keyOf}. */
export const parseKey = (key: string): { readonly namespace?: string; readonly name: string } => {
  const cut = key.indexOf('/');
  return cut === -1 ? { name: key } : { namespace: key.slice(0, cut), name: key.slice(cut + 1) };
};
