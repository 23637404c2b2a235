import {
  isInvalid,
  isKubeError,
  isNotFound,
  KubeError,
  type CallOptions,
  type JsonPatchOperation,
  type KubeClient,
  type KubeObject,
  type Resource,
} from '../kube/index.ts';

export const hasFinalizer = ({ metadata }: KubeObject, finalizer: string): boolean =>
  metadata.finalizers?.includes(finalizer) ?? false;

/**
 * Adds it unless it is there; gives the object as it is then.
 * @throws KubeError Conflict when it is another object by now or its finalizers changed meanwhile
 */
export const addFinalizer = async <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: T,
  finalizer: string,
  options?: CallOptions,
): Promise<T> => {
  if (hasFinalizer(object, finalizer)) return object;
  const before = object.metadata.finalizers;
  const change: readonly JsonPatchOperation[] =
    before === undefined || before.length === 0
      ? // `test` of an absent member with null holds: there is no list yet.
        [
          { op: 'test', path, value: null },
          { op: 'add', path, value: [finalizer] },
        ]
      : [
          { op: 'test', path, value: before },
          { op: 'add', path: `${path}/-`, value: finalizer },
        ];
  return patch<T>(client, resource, object, change, options);
};

/**
 * Removes it if it is there, and leaves those of others. An object that is gone already counts as done.
 * @throws KubeError Conflict when its finalizers changed meanwhile
 */
export const removeFinalizer = async (
  client: KubeClient,
  resource: Resource,
  object: KubeObject,
  finalizer: string,
  options?: CallOptions,
): Promise<void> => {
  const before = object.metadata.finalizers ?? [];
  const index = before.indexOf(finalizer);
  if (index === -1) return;
  try {
    await patch(
      client,
      resource,
      object,
      [
        { op: 'test', path, value: before },
        { op: 'remove', path: `${path}/${index}` },
      ],
      options,
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
};

const path = '/metadata/finalizers';

/** The server says 422 when a test fails; for the caller that is a conflict: look again. */
const patch = async <T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  { metadata: { name = '', namespace, uid } }: KubeObject,
  operations: readonly JsonPatchOperation[],
  options: CallOptions | undefined,
): Promise<T> => {
  const sameObject: JsonPatchOperation = { op: 'test', path: '/metadata/uid', value: uid };
  try {
    return await client.jsonPatch<T>(resource, { name, namespace }, [sameObject, ...operations], options);
  } catch (error) {
    // A finalizer that is no valid name is named as a field, and stays an error.
    if (!isKubeError(error) || !isInvalid(error)) throw error;
    if (error.details?.causes?.some(({ field }) => field !== undefined) === true) throw error;
    throw new KubeError({
      code: 409,
      reason: 'Conflict',
      message: `finalizers of ${resource.kind} ${name} changed meanwhile`,
      cause: error,
    });
  }
};
