import { labels, version, type OllamaCluster, type OllamaModel } from '@ollamamax/api';
import {
  createRegistry,
  Gauge,
  Lifecycle,
  type Component,
  type Logger,
  type Registry,
} from '@ollamamax/common';
import { createMemberCaller } from './agents/member-caller.ts';
import { createAgentObserver } from './agents/observer.ts';
import { indexes, type Caches, type Node } from './caches.ts';
import type { Claim, Pod, StatefulSet, StorageClass } from './cluster/objects.ts';
import { createClusterReconciler } from './cluster/reconcile-cluster.ts';
import {
  createKubeClient,
  createKubeMetrics,
  keyOf,
  systemClock,
  writesUntil,
  type KubeConnection,
  type KubeObject,
  type Resource,
} from './kube/index.ts';
import { createModelReconciler } from './model/reconcile-model.ts';
import { resources } from './resources.ts';
import {
  createController,
  createEventRecorder,
  createInformer,
  createLeaderElection,
  createRuntimeMetrics,
  toItself,
  toLabelled,
  unlessStatusOnly,
  type Controller,
  type Failpoints,
  type Hurry,
  type Informer,
  type InformerOptions,
} from './runtime/index.ts';
import type { OperatorSettings } from './settings.ts';
import { createStatusServer } from './status-server.ts';

export interface OperatorOptions {
  readonly settings: OperatorSettings;
  readonly connection: KubeConnection;
  readonly logger: Logger;
  readonly failpoints: Failpoints;
  /** Leadership is lost: the process must end. */
  readonly onLost: (error: Error) => void;
}

export interface Operator {
  readonly registry: Registry;
  start(): Promise<{ readonly metricsPort: number }>;
  stop(): Promise<void>;
}

/** Kinds that the operator makes and keeps a cache of. */
const cachedChildren = [
  resources.serviceAccount,
  resources.configMap,
  resources.service,
  resources.ingress,
  resources.networkPolicy,
  resources.disruptionBudget,
] as const;

const lease = 'ollamamax-operator';
const startTimeoutMs = 90_000;
/**
 * What objects and agents tell comes in bursts, most of it because of the operator's own writes, and has its turn after
 * what people ask for. Models wait longer: an agent that restarts changes all of them twice.
 */
const reported: Hurry = { priority: 'low', afterMs: 300 };
const reportedOfModels: Hurry = { priority: 'low', afterMs: 1000 };
const stopTimeoutMs = 10_000;

const clusterOf = ({ metadata }: KubeObject): readonly string[] => {
  const name = metadata.labels?.[labels.cluster];
  return name === undefined ? [] : [`${metadata.namespace ?? ''}/${name}`];
};

const slimPod = (pod: Pod): Pod => ({
  ...pod,
  spec: pod.spec?.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName },
});

const slimNode = ({ apiVersion, kind, metadata }: Node): Node => ({
  apiVersion,
  kind,
  metadata: {
    ...(metadata.name === undefined ? {} : { name: metadata.name }),
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
    ...(metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
    ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
  },
});

/** Puts the operator together: the only place where its parts meet. */
export const createOperator = (options: OperatorOptions): Operator => {
  const { settings, connection, logger, failpoints } = options;
  const registry = createRegistry();
  new Gauge({
    name: 'ollamamax_operator_build_info',
    help: 'Version of the operator.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.version }, 1);
  const metrics = createRuntimeMetrics(registry);
  const client = createKubeClient({
    connection,
    log: logger.child({ component: 'kube' }),
    userAgent: `ollamamax-operator/${version}`,
    observe: createKubeMetrics(registry),
  });
  // Whatever only a leader may do goes through this one.
  const leading = new AbortController();
  const writer = writesUntil(client, leading.signal);

  const informers: Informer[] = [];
  const cached = <T extends KubeObject>(
    resource: Resource,
    more: Partial<InformerOptions<T>> = {},
  ): Informer<T> => {
    const informer = createInformer<T>({
      client,
      resource,
      log: logger.child({ component: 'cache', kind: resource.kind }),
      ...(resource.namespaced ? { namespaces: settings.watchNamespaces } : {}),
      ...more,
    });
    informers.push(informer);
    return informer;
  };
  const ofClusters = { labelSelector: labels.cluster, indexes: { [indexes.cluster]: clusterOf } } as const;
  const clusters = cached<OllamaCluster & KubeObject>(resources.cluster);
  const models = cached<OllamaModel & KubeObject>(resources.model, {
    indexes: {
      [indexes.cluster]: ({ metadata, spec }) => [`${metadata.namespace}/${spec.clusterRef.name}`],
    },
  });
  const statefulSets = cached<StatefulSet>(resources.statefulSet, ofClusters);
  const pods = cached<Pod>(resources.pod, { ...ofClusters, transform: slimPod });
  const claims = cached<Claim>(resources.claim, ofClusters);
  const children = cachedChildren.map((resource) => cached(resource, ofClusters));
  const storageClasses = settings.clusterReads ? cached<StorageClass>(resources.storageClass) : undefined;
  const nodes = settings.clusterReads ? cached<Node>(resources.node, { transform: slimNode }) : undefined;
  const lastNodes = new Map<string, string>();
  const caches: Caches = {
    clusters: clusters.store,
    models: models.store,
    statefulSets: statefulSets.store,
    pods: pods.store,
    claims: claims.store,
    children: new Map(children.map((informer) => [informer.resource.kind, informer.store])),
    storageClasses: storageClasses?.store,
    nodes: nodes?.store,
    lastNodes,
  };
  pods.onEvent(({ object }) => {
    const node = object.spec?.nodeName;
    const isWanted = clusterOf(object).some((key) => caches.clusters.get(key) !== undefined);
    if (node !== undefined && isWanted) lastNodes.set(keyOf(object), node);
  });
  clusters.onEvent(({ type, object: { metadata } }) => {
    if (type !== 'delete') return;
    const prefix = `${metadata.namespace}/${metadata.name}-`;
    for (const key of lastNodes.keys())
      if (key.startsWith(prefix) && /^[0-9]+$/.test(key.slice(prefix.length))) lastNodes.delete(key);
  });

  // Not behind the fence: what a leader did is told also when it has just given up.
  const events = createEventRecorder({
    client,
    log: logger.child({ component: 'events' }),
    controller: 'ollamamax.io/operator',
    instance: settings.podName,
    metrics,
  });
  const modelKeysOf = (clusterKey: string): readonly string[] =>
    caches.models.byIndex(indexes.cluster, clusterKey).map(keyOf);
  const observer = createAgentObserver({
    log: logger.child({ component: 'agents' }),
    onChange: (key) => {
      clusterController.enqueue(key, reported);
      for (const model of modelKeysOf(key)) modelController.enqueue(model, reportedOfModels);
    },
    monotonic: () => systemClock.monotonic(),
  });
  const caller = createMemberCaller({
    log: logger.child({ component: 'agents' }),
    failpoints,
    onEnd: (key) => {
      observer.refresh(key);
      clusterController.enqueue(key, reported);
    },
    monotonic: () => systemClock.monotonic(),
  });
  const shared = { client: writer, caches, observer, events, failpoints, clock: systemClock } as const;
  const generationOf =
    (store: { get(key: string): KubeObject | undefined }) =>
    (key: string): string | undefined => {
      const metadata = store.get(key)?.metadata;
      return metadata === undefined ? undefined : `${metadata.uid ?? ''}/${metadata.generation ?? 0}`;
    };
  const clusterController: Controller = createController({
    name: 'ollamacluster',
    reconcile: createClusterReconciler({
      ...shared,
      caller,
      defaultImage: settings.agentImage,
      defaultPullPolicy: settings.agentImagePullPolicy,
      clusterDomain: settings.clusterDomain,
      operatorNamespace: settings.namespace,
    }),
    log: logger,
    workers: settings.concurrency,
    metrics,
    generationOf: generationOf(clusters.store),
    resync: { keys: () => clusters.store.keys() },
    backoff: { minMs: 100, maxMs: 60_000 },
  });
  const modelController: Controller = createController({
    name: 'ollamamodel',
    reconcile: createModelReconciler(shared),
    log: logger,
    workers: settings.concurrency,
    metrics,
    generationOf: generationOf(models.store),
    resync: { keys: () => models.store.keys() },
    backoff: { minMs: 100, maxMs: 60_000 },
  });

  const toCluster = toLabelled(labels.cluster);
  clusterController.watch(clusters, toItself, { when: unlessStatusOnly });
  clusterController.watch(models, ({ metadata, spec }) => [`${metadata.namespace}/${spec.clusterRef.name}`], {
    when: unlessStatusOnly,
  });
  for (const informer of [statefulSets, pods, claims, ...children])
    clusterController.watch(informer, toCluster, reported);
  const withModels = (key: string): readonly string[] => modelKeysOf(key);
  modelController.watch(models, toItself, { when: unlessStatusOnly });
  modelController.watch(clusters, (cluster) => withModels(keyOf(cluster)), reportedOfModels);
  modelController.watch(pods, (pod) => clusterOf(pod).flatMap(withModels), reportedOfModels);
  // A model that comes or goes may free a name that another one wants.
  modelController.watch(
    models,
    ({ metadata, spec }) => withModels(`${metadata.namespace}/${spec.clusterRef.name}`),
    { when: ({ type }) => type === 'delete' },
  );

  const lead = async (signal: AbortSignal): Promise<void> => {
    if (signal.aborted) leading.abort(signal.reason);
    else signal.addEventListener('abort', () => leading.abort(signal.reason), { once: true });
    logger.info('Leading', { identity: settings.podName });
    await Promise.all([clusterController.run(signal), modelController.run(signal)]);
  };

  let syncedOnce = false;
  let stopping = false;
  const statusServer = createStatusServer({
    ...settings.metricsListen,
    registry,
    notReady: () => (stopping ? 'stopping' : syncedOnce ? undefined : 'the caches are not filled yet'),
  });
  const cachesComponent: Component = {
    name: 'caches',
    start: async (signal) => {
      await Promise.all(informers.map((informer) => informer.start(signal)));
      syncedOnce = true;
    },
    stop: async () => {
      await Promise.all(informers.map((informer) => informer.stop()));
    },
  };
  const alone = new AbortController();
  let work: Promise<void> = Promise.resolve();
  const leadership: Component = settings.leaderElection
    ? createLeaderElection({
        client,
        log: logger.child({ component: 'leader-election' }),
        namespace: settings.namespace,
        lease,
        identity: `${settings.podName}_${crypto.randomUUID().slice(0, 8)}`,
        lead,
        onLost: options.onLost,
        metrics,
      })
    : {
        name: 'controllers',
        start: async () => {
          work = lead(alone.signal);
          work.catch((error: unknown) =>
            options.onLost(error instanceof Error ? error : new Error(String(error))),
          );
        },
        stop: async () => {
          await Promise.all([clusterController.stop(), modelController.stop()]);
          await work.catch(() => undefined);
        },
      };
  const lifecycle = new Lifecycle(
    [
      statusServer,
      { name: 'kube client', stop: () => client.close() },
      cachesComponent,
      { name: 'events', stop: (signal) => events.stop(signal) },
      {
        name: 'agents',
        stop: async () => {
          await Promise.all([observer.stop(), caller.stop()]);
        },
      },
      leadership,
    ],
    {
      startTimeoutMs,
      stopTimeoutMs,
      onStopError: (component, error) => logger.warn('Did not stop cleanly', { component, error }),
    },
  );
  return {
    registry,
    start: async () => {
      await lifecycle.start();
      return { metricsPort: statusServer.port() };
    },
    stop: () => {
      stopping = true;
      return lifecycle.stop();
    },
  };
};
