import { createHash } from 'node:crypto';
import {
  apiVersion,
  compileValidator,
  customResourceDefinition,
  kinds,
  type OllamaCluster,
  type OllamaClusterStatus,
} from '@ollamamax/api';
import { controllerReference } from '../runtime/index.ts';
import { childLabels, namesOf, type DesiredInput } from './desired/child.ts';
import { revisionLabel, type Claim, type Pod } from './objects.ts';

/** A schema without what only the API server knows. */
const plain = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(plain);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([keyword]) => !keyword.startsWith('x-kubernetes-'))
      .map(([keyword, inner]) => [keyword, plain(inner)]),
  );
};

export const schemaWithoutExtensions = (schema: unknown): Parameters<typeof compileValidator>[0] =>
  plain(schema) as Parameters<typeof compileValidator>[0];

const fillerOf = (kind: keyof typeof kinds) => {
  const { spec } = customResourceDefinition(kinds[kind]) as unknown as {
    readonly spec: {
      readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: unknown } }[];
    };
  };
  return compileValidator(schemaWithoutExtensions(spec.versions[0]!.schema.openAPIV3Schema));
};
const fillers = { cluster: fillerOf('cluster'), model: fillerOf('model') };

/** The object as the API server stores it: with every default of the schema. */
export const stored = (kind: keyof typeof kinds, object: object): unknown => {
  const copy: unknown = structuredClone(object);
  const result = fillers[kind](copy);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return copy;
};

export const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
};

export interface ClusterFields {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  readonly status?: OllamaClusterStatus;
}

/** A cluster of which only `spec` was written; nobody may change it. */
export const clusterOf = (spec: object = {}, fields: ClusterFields = {}): OllamaCluster => {
  const { status, name = 'demo', namespace = 'team', uid = 'uid-demo', generation = 1, ...more } = fields;
  return deepFreeze({
    ...(stored('cluster', {
      apiVersion,
      kind: 'OllamaCluster',
      metadata: { name, namespace, uid, generation, resourceVersion: '1', ...more },
      spec,
    }) as OllamaCluster),
    ...(status === undefined ? {} : { status }),
  });
};

export const inputOf = (cluster = clusterOf(), more: Partial<DesiredInput> = {}): DesiredInput =>
  deepFreeze({
    cluster,
    defaultImage: 'registry.example/agent:1',
    defaultPullPolicy: undefined,
    operatorNamespace: 'operators',
    modelClaims: [],
    certificateEpoch: 'epoch-1',
    clusterDomain: 'cluster.local',
    earlierConfigs: {},
    digest: (text) => createHash('sha256').update(text).digest('hex').slice(0, 16),
    replicas: cluster.spec.replicas,
    ...more,
  });

export const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

/** A time so many seconds before {@link nowMs}. */
export const secondsAgo = (seconds: number): string => new Date(nowMs - seconds * 1000).toISOString();

export interface PodFields {
  readonly ready?: boolean;
  readonly revision?: string;
  readonly node?: string | undefined;
  readonly deleting?: boolean;
  readonly status?: Pod['status'];
}

/** A pod of the StatefulSet with the uid `uid-set`. */
export const podOf = (ordinal: number, fields: PodFields = {}, cluster = clusterOf()): Pod => {
  const { ready = true, revision = 'new', deleting = false } = fields;
  const node = 'node' in fields ? fields.node : `node-${ordinal}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${namesOf(cluster).statefulSet}-${ordinal}`,
      namespace: cluster.metadata.namespace,
      uid: `uid-pod-${ordinal}`,
      creationTimestamp: secondsAgo(60),
      labels: { ...childLabels(cluster), [revisionLabel]: revision },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          name: namesOf(cluster).statefulSet,
          uid: 'uid-set',
          controller: true,
        },
      ],
      ...(deleting ? { deletionTimestamp: secondsAgo(1) } : {}),
    },
    spec: node === undefined ? {} : { nodeName: node },
    status: fields.status ?? {
      phase: 'Running',
      podIP: `10.0.0.${ordinal + 1}`,
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: secondsAgo(10) },
      ],
      containerStatuses: [{ name: 'agent', ready, restartCount: 0 }],
    },
  };
};

export interface ClaimFields {
  readonly size?: string;
  readonly capacity?: string;
  readonly phase?: string;
  readonly className?: string;
}

/** The volume claim of a pod. */
export const claimOf = (ordinal: number, fields: ClaimFields = {}, cluster = clusterOf()): Claim => {
  const { size = '20Gi', capacity = size, phase = 'Bound', className = 'fast' } = fields;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: `data-${namesOf(cluster).statefulSet}-${ordinal}`,
      namespace: cluster.metadata.namespace,
      labels: childLabels(cluster),
    },
    spec: { storageClassName: className, resources: { requests: { storage: size } } },
    status: { phase, ...(phase === 'Bound' ? { capacity: { storage: capacity } } : {}) },
  };
};

/** A reference to the cluster as its controller. */
export const ownerOf = (cluster: OllamaCluster) => [controllerReference(cluster)];
