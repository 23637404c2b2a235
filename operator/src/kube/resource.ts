/** A kind of object as the API server serves it. */
export interface Resource {
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Name in paths: lower case, plural. */
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface ResourcePlace {
  /** Left out of a namespaced kind: all namespaces. */
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

/** Base path of a group and version: `/api/v1`, `/apis/apps/v1`. */
export const groupPath = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

/**
 * Path of a collection, an object or a subresource.
 * @throws TypeError when a name is empty where one is needed, so that no call hits the whole collection by mistake
 */
export const resourcePath = (resource: Resource, place: ResourcePlace): string => {
  const parts = [groupPath(resource.apiVersion)];
  if (place.namespace !== undefined && !resource.namespaced)
    throw new TypeError(`${resource.kind} has no namespaces`);
  if (place.namespace === '' || place.name === '') throw new TypeError(`${resource.kind}: empty name`);
  if (place.name !== undefined && resource.namespaced && place.namespace === undefined)
    throw new TypeError(`${resource.kind} ${place.name}: its namespace is missing`);
  if (place.namespace !== undefined) parts.push('namespaces', encodeURIComponent(place.namespace));
  parts.push(resource.plural);
  if (place.name !== undefined) parts.push(encodeURIComponent(place.name));
  if (place.subresource !== undefined) {
    if (place.name === undefined) throw new TypeError(`${place.subresource} of no object`);
    parts.push(place.subresource);
  }
  return parts.join('/');
};
