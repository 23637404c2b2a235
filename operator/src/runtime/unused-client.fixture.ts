import type { KubeClient } from '../kube/index.ts';

const unused = (): never => {
  throw new Error('this call was not expected');
};

/** A client of which only the given methods may be called. */
export const clientOf = (methods: Partial<KubeClient>): KubeClient => ({
  get: unused,
  list: unused,
  listAll: unused,
  watch: unused,
  create: unused,
  replace: unused,
  serverSideApply: unused,
  mergePatch: unused,
  jsonPatch: unused,
  delete: unused,
  hasResource: unused,
  close: () => Promise.resolve(),
  ...methods,
});
