import type { Logger } from '@ollamamax/common';
import { silentLogger } from '@ollamamax/common';
import {
  createKubeClient,
  kubeconfigConnection,
  type KubeClient,
  type KubeObject,
  type Resource,
} from '../../operator/src/kube/index.ts';
import type { Condition } from '../../operator/src/runtime/index.ts';
import { startControlPlane, type ControlPlane } from '../cluster/kubernetes/control-plane.ts';
import { until } from '../cluster/kubernetes/until.ts';

const core = (kind: string, plural: string): Resource => ({
  apiVersion: 'v1',
  kind,
  plural,
  namespaced: true,
});

export const configMaps = core('ConfigMap', 'configmaps');
const serviceAccounts = core('ServiceAccount', 'serviceaccounts');
export const services = core('Service', 'services');
const namespaces: Resource = { ...core('Namespace', 'namespaces'), namespaced: false };
const roleBindings: Resource = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
};
const definitions: Resource = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
export const widgets: Resource = {
  apiVersion: 'contract.test/v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
};
export const leases: Resource = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
export const events: Resource = {
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

export type Widget = KubeObject & {
  readonly spec?: { readonly size?: number; readonly color?: string };
  readonly status?: { readonly phase?: string; readonly conditions?: readonly Condition[] };
};
export type ConfigMap = KubeObject & { readonly data?: Readonly<Record<string, string>> };

const text = { type: 'string' };
const widgetDefinition = {
  apiVersion: definitions.apiVersion,
  kind: definitions.kind,
  metadata: { name: 'widgets.contract.test' },
  spec: {
    group: 'contract.test',
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets', singular: 'widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties: { size: { type: 'integer', minimum: 0 }, color: text } },
              status: {
                type: 'object',
                properties: {
                  phase: text,
                  conditions: {
                    type: 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['type'],
                    items: {
                      type: 'object',
                      required: ['type', 'status'],
                      properties: {
                        type: text,
                        status: text,
                        reason: text,
                        message: text,
                        lastTransitionTime: { type: 'string', format: 'date-time' },
                        observedGeneration: { type: 'integer', format: 'int64' },
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};

/** A real API server with our client, a namespace of its own and the kind Widget. */
export interface Contract {
  readonly controlPlane: ControlPlane;
  readonly client: KubeClient;
  readonly namespace: string;
  /** Logs of the parts under test, for the message of a test that failed. */
  readonly log: Logger;
  stop(): Promise<void>;
}

export const startContract = async (): Promise<Contract> => {
  const controlPlane = await startControlPlane();
  const namespace = 'contract';
  try {
    const connection = await kubeconfigConnection({ file: controlPlane.kubeconfig });
    const client = createKubeClient({ connection, log: silentLogger, userAgent: 'operator-contract' });
    const given = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
    await client.create(namespaces, given);
    await client.create(definitions, widgetDefinition);
    // Discovery knows a kind a moment before it can be written.
    await until('widgets are served', () => client.list(widgets, { namespace }));
    return {
      controlPlane,
      client,
      namespace,
      log: silentLogger,
      stop: async () => {
        await client.close();
        await controlPlane.stop();
      },
    };
  } catch (error) {
    await controlPlane.stop();
    throw error;
  }
};

/** A service account that may do everything, and tokens for it. */
export const createAccount = async ({ client, namespace }: Contract): Promise<() => Promise<string>> => {
  const metadata = { namespace, name: 'tester' };
  await client.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  const binding = {
    apiVersion: roleBindings.apiVersion,
    kind: roleBindings.kind,
    metadata: { name: 'tester' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', ...metadata }],
  };
  await client.create(roleBindings, binding);
  return async () => {
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata,
      spec: { expirationSeconds: 600 },
    };
    const { status } = await client.create<KubeObject & { readonly status: { readonly token: string } }>(
      serviceAccounts,
      request,
      { subresource: 'token' },
    );
    return status.token;
  };
};
