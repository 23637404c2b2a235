import type { Changes, Kind, KubeObject } from '../harness/objects.ts';

type Change = Changes | ((object: KubeObject) => Changes);

const firstKey = ({ data }: KubeObject): string => Object.keys(data as object)[0] ?? '';

/** What somebody may change of the children of a cluster `demo`. */
export const changes: readonly (readonly [title: string, Kind, name: string, Change])[] = [
  ['another image', 'StatefulSet', 'demo', { '/spec/template/spec/containers/0/image': 'x:1' }],
  ['fewer pods', 'StatefulSet', 'demo', { '/spec/replicas': 1 }],
  ['more pods', 'StatefulSet', 'demo', { '/spec/replicas': 5 }],
  ['more freedom', 'StatefulSet', 'demo', { '/spec/template/spec/securityContext': {} }],
  ['another selector', 'Service', 'demo', { '/spec/selector': { app: 'other' } }],
  ['a missing port', 'Service', 'demo', { '/spec/ports/1': undefined }],
  ['hidden pods', 'Service', 'demo-agents', { '/spec/publishNotReadyAddresses': false }],
  [
    'another configuration',
    'ConfigMap',
    'demo-config',
    (object) => ({ [`/data/${firstKey(object)}`]: 'a: b\n' }),
  ],
  ['no configuration', 'ConfigMap', 'demo-config', { '/data': undefined }],
  ['an open door', 'NetworkPolicy', 'demo', { '/spec/ingress/-': {} }],
  ['a closed door', 'NetworkPolicy', 'demo', { '/spec/ingress/0': undefined }],
  ['a lower budget', 'PodDisruptionBudget', 'demo', { '/spec/minAvailable': 0 }],
  ['a token', 'ServiceAccount', 'demo-agent', { '/automountServiceAccountToken': true }],
  ['no label', 'ConfigMap', 'demo-config', { '/metadata/labels': undefined }],
];

/** Children of it that somebody may delete. */
export const deletions: readonly (readonly [Kind, name: string])[] = [
  ['ServiceAccount', 'demo-agent'],
  ['ConfigMap', 'demo-config'],
  ['Service', 'demo'],
  ['Service', 'demo-agents'],
  ['NetworkPolicy', 'demo'],
  ['PodDisruptionBudget', 'demo'],
  ['StatefulSet', 'demo'],
];

/** What people ask for, without what the server keeps by itself. */
export const essence = ({ metadata, ...object }: KubeObject): unknown => {
  const { status: _status, ...rest } = object;
  return { ...rest, labels: metadata.labels, annotations: metadata.annotations };
};
