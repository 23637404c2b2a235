import { apiVersion, kinds } from '@ollamamax/api';
import type { Resource } from './kube/index.ts';

const namespaced = (apiVersionOfKind: string, kind: string, plural: string): Resource => ({
  apiVersion: apiVersionOfKind,
  kind,
  plural,
  namespaced: true,
});

/** Every kind that the operator reads or writes. */
export const resources = {
  cluster: namespaced(apiVersion, kinds.cluster.kind, kinds.cluster.plural),
  model: namespaced(apiVersion, kinds.model.kind, kinds.model.plural),
  statefulSet: namespaced('apps/v1', 'StatefulSet', 'statefulsets'),
  service: namespaced('v1', 'Service', 'services'),
  configMap: namespaced('v1', 'ConfigMap', 'configmaps'),
  secret: namespaced('v1', 'Secret', 'secrets'),
  serviceAccount: namespaced('v1', 'ServiceAccount', 'serviceaccounts'),
  pod: namespaced('v1', 'Pod', 'pods'),
  claim: namespaced('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  ingress: namespaced('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  networkPolicy: namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  disruptionBudget: namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  serviceMonitor: namespaced('monitoring.coreos.com/v1', 'ServiceMonitor', 'servicemonitors'),
  prometheusRule: namespaced('monitoring.coreos.com/v1', 'PrometheusRule', 'prometheusrules'),
  storageClass: {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    plural: 'storageclasses',
    namespaced: false,
  },
  node: { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false },
} as const satisfies Readonly<Record<string, Resource>>;
