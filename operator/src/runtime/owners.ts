import type { KubeObject, OwnerReference } from '../kube/index.ts';

/**
 * The reference a child carries to the object that made it: garbage collection removes the child with it.
 * @throws TypeError when the owner was never read from the server
 */
export const controllerReference = (owner: KubeObject): OwnerReference => {
  const { name, uid } = owner.metadata;
  if (name === undefined || uid === undefined) throw new TypeError(`${owner.kind} has no name or uid`);
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
};

/** The owner that manages the object, if any. */
export const controllerOf = ({ metadata }: KubeObject): OwnerReference | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true);

/** Whether the object is managed by that incarnation of an owner. */
export const ownedBy = (object: KubeObject, uid: string): boolean => controllerOf(object)?.uid === uid;

/** For an informer's indexes: finds children by the uid of their controller. */
export const byControllerUid = (object: KubeObject): readonly string[] => {
  const owner = controllerOf(object);
  return owner === undefined ? [] : [owner.uid];
};

/** For an informer's indexes: finds objects by the value of a label. */
export const byLabel =
  (label: string) =>
  ({ metadata }: KubeObject): readonly string[] => {
    const value = metadata.labels?.[label];
    return value === undefined ? [] : [value];
  };
