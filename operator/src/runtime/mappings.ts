import type { KubeObject } from '../kube/index.ts';
import { keyOf } from '../kube/index.ts';
import type { EventMapping } from './controller.ts';
import type { InformerEvent } from './informer-event.ts';

/** The object itself. */
export const toItself = (object: KubeObject): readonly string[] => [keyOf(object)];

/** The object's controller, when that is of this kind: for children that an owner reference ties to it. */
export const toController =
  (owner: { readonly apiVersion: string; readonly kind: string }): EventMapping<KubeObject> =>
  ({ metadata }) => {
    const group = groupOf(owner.apiVersion);
    const found = metadata.ownerReferences?.find(
      ({ controller, kind, apiVersion }) =>
        controller === true && kind === owner.kind && groupOf(apiVersion) === group,
    );
    if (found === undefined) return [];
    return [metadata.namespace === undefined ? found.name : `${metadata.namespace}/${found.name}`];
  };

/** An object of the same namespace that a label names. */
export const toLabelled =
  (label: string): EventMapping<KubeObject> =>
  ({ metadata }) => {
    const name = metadata.labels?.[label];
    if (name === undefined || name === '') return [];
    return [metadata.namespace === undefined ? name : `${metadata.namespace}/${name}`];
  };

/** Passes over updates that touch neither spec, labels, annotations, finalizers nor deletion, such as status alone. */
export const unlessStatusOnly = <T extends KubeObject>(event: InformerEvent<T>): boolean => {
  if (event.type !== 'update') return true;
  const now = event.object.metadata;
  const before = event.previous.metadata;
  return (
    now.uid !== before.uid ||
    now.generation === undefined ||
    now.generation !== before.generation ||
    now.deletionTimestamp !== before.deletionTimestamp ||
    JSON.stringify([now.labels, now.annotations, now.finalizers]) !==
      JSON.stringify([before.labels, before.annotations, before.finalizers])
  );
};

const groupOf = (apiVersion: string): string => {
  const cut = apiVersion.indexOf('/');
  return cut === -1 ? '' : apiVersion.slice(0, cut);
};
