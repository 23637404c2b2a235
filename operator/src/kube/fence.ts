import type { KubeClient } from './kube-client.ts';

/** A client whose writes are refused, and aborted in flight, once the signal has aborted: for work that only a leader may do. */
export const writesUntil = (client: KubeClient, signal: AbortSignal): KubeClient => {
  const fenced = <O extends { readonly signal?: AbortSignal | undefined }>(options: O | undefined): O => {
    const own = options?.signal;
    return { ...options, signal: own === undefined ? signal : AbortSignal.any([own, signal]) } as O;
  };
  return {
    get: (resource, name, options) => client.get(resource, name, options),
    list: (resource, options) => client.list(resource, options),
    listAll: (resource, options) => client.listAll(resource, options),
    watch: (resource, options) => client.watch(resource, options),
    create: (resource, object, options) => client.create(resource, object, fenced(options)),
    replace: (resource, object, options) => client.replace(resource, object, fenced(options)),
    serverSideApply: (resource, object, options) => client.serverSideApply(resource, object, fenced(options)),
    mergePatch: (resource, name, patch, options) => client.mergePatch(resource, name, patch, fenced(options)),
    jsonPatch: (resource, name, operations, options) =>
      client.jsonPatch(resource, name, operations, fenced(options)),
    delete: (resource, name, options) => client.delete(resource, name, fenced(options)),
    hasResource: (apiVersion, plural, options) => client.hasResource(apiVersion, plural, options),
    close: () => client.close(),
  };
};
