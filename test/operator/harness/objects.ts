import { ApiClient } from '../../cluster/kubernetes/api-client.ts';
import { until } from '../../cluster/kubernetes/until.ts';

/** An object as far as tests look into it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly generation?: number;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly Readonly<Record<string, unknown>>[];
  };
  readonly [field: string]: unknown;
}

const groups = {
  'api/v1': {
    ConfigMap: 'configmaps',
    Event: 'events',
    Namespace: 'namespaces',
    Node: 'nodes',
    PersistentVolumeClaim: 'persistentvolumeclaims',
    Pod: 'pods',
    Secret: 'secrets',
    Service: 'services',
    ServiceAccount: 'serviceaccounts',
  },
  'apis/apps/v1': { StatefulSet: 'statefulsets' },
  'apis/coordination.k8s.io/v1': { Lease: 'leases' },
  'apis/monitoring.coreos.com/v1': { PrometheusRule: 'prometheusrules', ServiceMonitor: 'servicemonitors' },
  'apis/networking.k8s.io/v1': { Ingress: 'ingresses', NetworkPolicy: 'networkpolicies' },
  'apis/ollamamax.io/v1alpha1': { OllamaCluster: 'ollamaclusters', OllamaModel: 'ollamamodels' },
  'apis/policy/v1': { PodDisruptionBudget: 'poddisruptionbudgets' },
  'apis/rbac.authorization.k8s.io/v1': {
    ClusterRole: 'clusterroles',
    ClusterRoleBinding: 'clusterrolebindings',
    Role: 'roles',
    RoleBinding: 'rolebindings',
  },
  'apis/storage.k8s.io/v1': { StorageClass: 'storageclasses' },
} as const;

type KeysOfAll<T> = T extends unknown ? keyof T : never;
export type Kind = KeysOfAll<(typeof groups)[keyof typeof groups]>;

const paths = new Map(
  Object.entries(groups).flatMap(([group, kinds]) =>
    Object.entries(kinds).map(([kind, plural]) => [kind, { group, plural }] as const),
  ),
);

const pathOf = (kind: string, namespace: string | undefined, name?: string): string => {
  const found = paths.get(kind);
  if (found === undefined) throw new Error(`${kind} is no kind that the tests know`);
  const place = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `/${found.group}${place}/${found.plural}${name === undefined ? '' : `/${name}`}`;
};

/** New values by JSON pointer; undefined: to be gone. What is above is made where it is missing. */
export type Changes = Readonly<Record<string, unknown>>;

const put = (object: KubeObject, pointer: string, value: unknown): void => {
  const parts = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = parts.pop() ?? '';
  let at = object as Record<string, unknown>;
  for (const part of parts) at = (at[part] ??= {}) as Record<string, unknown>;
  if (Array.isArray(at) && value === undefined) at.splice(Number(last), 1);
  else if (Array.isArray(at) && last === '-') at.push(value);
  else if (value === undefined) Reflect.deleteProperty(at, last);
  else at[last] = value;
};

/** Objects of one API server, as somebody sees and changes them who may do everything. */
export class Objects {
  readonly #client: ApiClient;

  constructor(kubeconfig: string) {
    this.#client = new ApiClient(kubeconfig);
  }

  /** Undefined when there is none. */
  async find(kind: Kind, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
    const { status, text } = await this.#client.request('GET', pathOf(kind, namespace, name));
    if (status === 404) return undefined;
    if (status !== 200) throw new Error(`${kind} ${name}: ${status} ${text}`);
    return JSON.parse(text) as KubeObject;
  }

  async get(kind: Kind, namespace: string | undefined, name: string): Promise<KubeObject> {
    const found = await this.find(kind, namespace, name);
    if (found === undefined) throw new Error(`there is no ${kind} ${name} in ${namespace ?? 'the cluster'}`);
    return found;
  }

  async list(kind: Kind, namespace?: string): Promise<readonly KubeObject[]> {
    const { items } = await this.#client.get<{ items: Omit<KubeObject, 'kind' | 'apiVersion'>[] }>(
      pathOf(kind, namespace),
    );
    return items.map((item) => ({ apiVersion: '', kind, ...item }) as KubeObject);
  }

  async create(object: {
    readonly kind: string;
    readonly metadata: { readonly name?: string; readonly namespace?: string; readonly labels?: object };
    readonly [field: string]: unknown;
  }): Promise<KubeObject> {
    const path = pathOf(object.kind, object.metadata.namespace);
    const { status, text } = await this.#client.request('POST', path, object);
    if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text) as KubeObject;
  }

  /** Changes an object as `kubectl edit` does. */
  async edit(kind: Kind, namespace: string, name: string, changes: Changes): Promise<KubeObject> {
    const path = pathOf(kind, namespace, name);
    return until(
      `${kind} ${name} is changed`,
      async () => {
        const object = await this.get(kind, namespace, name);
        for (const [pointer, value] of Object.entries(changes)) put(object, pointer, value);
        const { status, text } = await this.#client.request('PUT', path, object);
        if (status === 409) return undefined;
        if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
        return JSON.parse(text) as KubeObject;
      },
      { timeoutMs: 20_000 },
    );
  }

  async remove(kind: Kind, namespace: string | undefined, name: string): Promise<void> {
    const path = pathOf(kind, namespace, name);
    const { status, text } = await this.#client.request('DELETE', path);
    if (![200, 202, 404].includes(status)) throw new Error(`${path}: ${status} ${text}`);
  }

  /** What is below any other path. */
  async raw<T>(path: string): Promise<T> {
    return this.#client.get<T>(path);
  }

  close(): void {
    this.#client.close();
  }
}
