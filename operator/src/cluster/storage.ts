import type { ClusterReason, OllamaCluster } from '@ollamamax/api';
import { claimName, claimSize } from './desired/stateful-set.ts';
import type { Claim, Pod, StatefulSet, StorageClass } from './objects.ts';

export interface StorageFacts {
  readonly condition: {
    readonly status: 'True' | 'False' | 'Unknown';
    readonly reason: ClusterReason<'StorageReady'>;
    readonly message: string;
  };
  /** Claims that are smaller than asked for and may grow. */
  readonly grow: readonly Claim[];
  /** The StatefulSet must be made anew, without its pods, because its template of claims cannot be changed. */
  readonly recreate: boolean;
}

const defaultClassAnnotation = 'storageclass.kubernetes.io/is-default-class';

const factor: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * Whole bytes of an amount as Kubernetes writes it: the server writes parts of bytes in another way than people do.
 * @returns NaN for something else
 */
export const bytesOf = (amount: string | number): number => {
  const match = /^([+]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([KMGTPE]i|[numkMGTPE])?$/.exec(String(amount));
  if (match === null) return Number.NaN;
  return Math.round(Number(match[1]) * (factor[match[2] ?? ''] ?? Number.NaN));
};

export interface StorageInput {
  readonly cluster: OllamaCluster;
  readonly statefulSet: StatefulSet | undefined;
  readonly pods: readonly Pod[];
  readonly claims: readonly Claim[];
  /** Undefined when the operator may not read them. */
  readonly classes: readonly StorageClass[] | undefined;
}

/** What is to be done about volumes, and how they are. */
export const decideStorage = (input: StorageInput): StorageFacts => {
  const { cluster, statefulSet, pods, claims, classes } = input;
  const { storage } = cluster.spec;
  const as = (
    status: StorageFacts['condition']['status'],
    reason: ClusterReason<'StorageReady'>,
    message: string,
    rest: Partial<StorageFacts> = {},
  ): StorageFacts => ({ condition: { status, reason, message }, grow: [], recreate: false, ...rest });
  if (storage.ephemeral) return as('True', 'Ephemeral', 'The cluster uses no volumes.');

  const wanted = bytesOf(storage.size);
  const small = claims.filter(({ spec }) => bytesOf(spec?.resources?.requests?.storage ?? '0') < wanted);
  const template = claimSize(statefulSet);
  const recreate = template !== undefined && bytesOf(template) !== wanted;
  const className = claims.find(({ spec }) => spec?.storageClassName !== undefined)?.spec?.storageClassName;
  const name = storage.className ?? className;
  const known = classes?.find(({ metadata }) => metadata.name === name);
  if (small.length > 0 && classes !== undefined && known?.allowVolumeExpansion !== true)
    return as(
      'False',
      'ResizeNotSupported',
      `StorageClass ${name ?? '(none)'} does not let volumes grow to ${String(storage.size)}.`,
    );
  const change = { grow: small, recreate };
  const claimOf = (pod: Pod): Claim | undefined =>
    claims.find(({ metadata }) => metadata.name === claimName(pod.metadata.name ?? ''));
  const missing = pods.filter((pod) => claimOf(pod)?.status?.phase !== 'Bound');
  if (missing.length > 0 || pods.length === 0) {
    if (classes !== undefined) {
      if (storage.className !== undefined && known === undefined)
        return as(
          'False',
          'StorageClassNotFound',
          `StorageClass ${storage.className} does not exist.`,
          change,
        );
      const hasDefault = classes.some(
        ({ metadata }) => metadata.annotations?.[defaultClassAnnotation] === 'true',
      );
      if (storage.className === undefined && name === undefined && !hasDefault)
        return as(
          'False',
          'StorageClassNotFound',
          'spec.storage.className is not set and there is no default StorageClass.',
          change,
        );
    }
    return as(
      'False',
      'WaitingForVolumes',
      `${pods.length - missing.length} of ${pods.length} volumes are bound.`,
      change,
    );
  }
  // Claims that a scale-down left behind grow when somebody mounts them again.
  const growing = pods.filter((pod) => bytesOf(claimOf(pod)?.status?.capacity?.storage ?? '0') < wanted);
  if (small.length > 0 || growing.length > 0)
    return as('True', 'Resizing', `${Math.max(small.length, growing.length)} volumes are growing.`, change);
  return as('True', 'Bound', `${pods.length} volumes are bound.`, change);
};
