import type { KubeObject } from '../kube/index.ts';

/* The parts of Kubernetes' own objects that the operator reads. */

export interface StatefulSet extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } };
    readonly updateStrategy?: { readonly rollingUpdate?: { readonly partition?: number } };
    readonly volumeClaimTemplates?: readonly {
      readonly spec?: { readonly resources?: { readonly requests?: { readonly storage?: string } } };
    }[];
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly currentRevision?: string;
    readonly updateRevision?: string;
  };
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly terminated?: {
    readonly reason?: string;
    readonly exitCode?: number;
    readonly message?: string;
    readonly finishedAt?: string;
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

export interface PodCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

export interface Pod extends KubeObject {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly PodCondition[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface Claim extends KubeObject {
  readonly spec?: {
    readonly storageClassName?: string;
    readonly resources?: { readonly requests?: { readonly storage?: string } };
  };
  readonly status?: {
    readonly phase?: string;
    readonly capacity?: { readonly storage?: string };
    readonly conditions?: readonly PodCondition[];
  };
}

export interface StorageClass extends KubeObject {
  readonly allowVolumeExpansion?: boolean;
  readonly volumeBindingMode?: string;
}

export const revisionLabel = 'controller-revision-hash';

export const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

/** Ordinal of a pod of a StatefulSet; undefined for a name of another form. */
export const ordinalOf = (pod: Pod): number | undefined => {
  const match = /-(\d+)$/.exec(pod.metadata.name ?? '');
  return match === null ? undefined : Number(match[1]);
};

/** For sorting. */
export const byOrdinal = (a: Pod, b: Pod): number => (ordinalOf(a) ?? 0) - (ordinalOf(b) ?? 0);
