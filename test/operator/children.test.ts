import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../cluster/kubernetes/until.ts';
import { childrenOf, childrenOfEvery, childrenOfPlain, monitoringKinds, nameOf } from './harness/children.ts';
import { conditionOf, eventsAbout, untilObserved } from './harness/conditions.ts';
import { cluster, model } from './harness/documents.ts';
import type { OperatorProcess } from './harness/operator-process.ts';
import { agentImage } from './harness/operator-process.ts';
import { startPlane, startTimeoutMs } from './harness/plane.ts';
import type { Plane } from './harness/plane.ts';

let plane: Plane;
let operator: OperatorProcess;
beforeAll(async () => {
  plane = await startPlane();
  operator = await plane.operator();
}, startTimeoutMs);
afterAll(() => plane.stop());

const apply = async (namespace: string, ...documents: readonly unknown[]): Promise<void> => {
  const text = documents.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n---\n');
  expect(await plane.kubectl(['apply', '-n', namespace, '-f', '-'], text)).toMatchObject({
    code: 0,
    stderr: '',
  });
};
const names = async (namespace: string) => (await childrenOf(plane, namespace)).map(nameOf);

/** Pods as the StatefulSet controller makes them; a refused one would be missing. */
const pods = (namespace: string, count: number) =>
  until(`there are ${count} pods`, async () => {
    const found = await plane.objects.list('Pod', namespace);
    return found.length === count && found;
  });

/** Degraded as far as children are concerned: without nodes no agent runs. */
const failures = ['ApplyFailed', 'NameConflict', 'ReferenceNotFound', 'ReferenceInvalid'];

describe('a cluster of five lines', () => {
  const namespace = 'minimal';
  beforeAll(async () => {
    // The pods must pass the strictest of Kubernetes' own rules.
    await plane.namespace(namespace, {
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/enforce-version': 'latest',
    });
    await apply(
      namespace,
      'apiVersion: ollamamax.io/v1alpha1\nkind: OllamaCluster\nmetadata:\n  name: demo\nspec: {}\n',
    );
    await untilObserved(plane, namespace, 'demo');
  });

  test('has exactly these children', async () => {
    expect(await names(namespace)).toEqual(childrenOfPlain('demo'));
  });

  test('owns each of them', async () => {
    const { metadata } = await plane.objects.get('OllamaCluster', namespace, 'demo');
    for (const child of await childrenOf(plane, namespace)) {
      expect(child.metadata.ownerReferences).toEqual([
        {
          apiVersion: 'ollamamax.io/v1alpha1',
          kind: 'OllamaCluster',
          name: 'demo',
          uid: metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ]);
      expect(child.metadata.labels).toEqual({
        'app.kubernetes.io/component': 'agent',
        'app.kubernetes.io/instance': 'demo',
        'app.kubernetes.io/managed-by': 'ollamamax-operator',
        'app.kubernetes.io/name': 'ollamamax',
        'app.kubernetes.io/part-of': 'ollamamax',
        'ollamamax.io/cluster': 'demo',
      });
    }
  });

  test('has three pods that the restricted level of Pod Security lets in', async () => {
    const found = await pods(namespace, 3);
    expect(found.map(({ metadata }) => metadata.name).sort()).toEqual(['demo-0', 'demo-1', 'demo-2']);
    for (const pod of found) {
      const spec = pod.spec as { containers: { image: string }[]; serviceAccountName: string };
      expect(spec.containers.map(({ image }) => image)).toEqual([agentImage]);
      expect(spec.serviceAccountName).toBe('demo-agent');
    }
  });

  test('tells in one event that everything was made', async () => {
    const created = await until('the event is there', async () => {
      const told = (await eventsAbout(plane, namespace, 'demo')).filter((text) =>
        text.startsWith('Created:'),
      );
      return told.length > 0 && told;
    });
    expect(created).toEqual(['Created: StatefulSet demo and what it needs were made.']);
  });

  test('says how it is', async () => {
    // There is no node for them, which shows a moment after the pods are made.
    const stdout = await until('it is degraded', async () => {
      const answer = await plane.kubectl(['get', 'oc', '-n', namespace, '--no-headers']);
      return answer.stdout.includes('Degraded') && answer.stdout;
    });
    expect(stdout.trim().split(/\s+/).slice(0, -1)).toEqual([
      'demo',
      'Degraded',
      '0',
      '3',
      '0',
      'http://demo.minimal.svc:8080',
    ]);
  });
});

const everything = {
  replicas: 4,
  image: 'registry.example/other:2',
  imagePullPolicy: 'Always',
  imagePullSecrets: [{ name: 'registry' }],
  resources: { requests: { cpu: 1, memory: '2Gi' }, limits: { memory: '4Gi', 'ephemeral-storage': '1Gi' } },
  gpu: { vendor: 'amd', count: 2 },
  storage: { size: '50Gi', className: 'fast', retention: 'Delete' },
  service: { type: 'NodePort', annotations: { 'example.com/pool': 'llm' } },
  ingress: {
    enabled: true,
    host: 'llm.example.com',
    className: 'nginx',
    tlsSecretName: 'llm-tls',
    annotations: { 'nginx.ingress.kubernetes.io/proxy-body-size': '64m' },
  },
  auth: {
    signingSecretRef: { name: 'own', key: 'signing-key' },
    usersSecretRef: { name: 'own', key: 'users.yaml' },
    tokenLifetimeSeconds: 3600,
  },
  tls: { managed: true },
  inference: {
    contextSize: 8192,
    parallel: 2,
    keepAliveSeconds: -1,
    maxLoadedModels: 1,
    maxQueue: 0,
    speculation: false,
  },
  monitoring: { interval: '15s', labels: { release: 'prometheus' } },
  networkPolicy: {
    clients: [
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress' } } },
      { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
    ],
    monitoring: [{ podSelector: { matchLabels: { app: 'prometheus' } } }],
  },
  scheduling: {
    nodeSelector: { gpu: 'amd' },
    tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }],
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          {
            topologyKey: 'kubernetes.io/hostname',
            labelSelector: { matchLabels: { 'app.kubernetes.io/instance': 'all' } },
          },
        ],
      },
    },
    topologySpreadConstraints: [
      {
        maxSkew: 2,
        topologyKey: 'topology.kubernetes.io/zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { 'app.kubernetes.io/instance': 'all' } },
      },
    ],
    priorityClassName: 'system-cluster-critical',
  },
  drain: { delaySeconds: 0, graceSeconds: 60 },
  logging: { level: 'debug', format: 'text' },
  pod: {
    labels: { team: 'llm' },
    annotations: { 'example.com/cost': 'high' },
    env: [
      { name: 'HTTPS_PROXY', value: 'http://proxy.example:3128' },
      { name: 'FROM_FIELD', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.hostIP' } } },
    ],
    volumes: [{ name: 'more-models', persistentVolumeClaim: { claimName: 'more-models', readOnly: true } }],
    volumeMounts: [{ name: 'more-models', mountPath: '/more-models', readOnly: true }],
  },
};

const ownSecret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'own' },
  stringData: { 'signing-key': 'x'.repeat(32), 'users.yaml': 'users: []\n' },
};

describe('a cluster with everything', () => {
  const namespace = 'everything';
  beforeAll(async () => {
    await plane.namespace(namespace);
    await apply(
      namespace,
      ownSecret,
      cluster('all', everything),
      model('on-a-claim', {
        clusterRef: { name: 'all' },
        source: { pvc: { claimName: 'a.claim', path: 'models/tiny.gguf' } },
      }),
    );
    await untilObserved(plane, namespace, 'all');
  });

  test('is taken by the API server', async () => {
    const object = await plane.objects.get('OllamaCluster', namespace, 'all');
    expect(failures).not.toContain(conditionOf(object, 'Degraded')?.reason);
    expect(await names(namespace)).toEqual(
      [
        ...childrenOfEvery('all'),
        'Ingress all',
        'NetworkPolicy all',
        'PodDisruptionBudget all',
        'Secret all-api-tls',
        'Secret all-auth',
        'Secret own',
      ].sort(),
    );
    expect(object.status).toMatchObject({
      endpoint: 'https://llm.example.com',
      image: 'registry.example/other:2',
    });
  });

  test('has pods with all of it', async () => {
    // The model may have come after the first pods: the last of them is replaced first.
    const pod = await until('a pod has the claim of the model', async () =>
      (await pods(namespace, 4)).find((one) => JSON.stringify(one.spec).includes('/models/a.claim')),
    );
    expect(pod.spec).toMatchObject({
      priorityClassName: 'system-cluster-critical',
      nodeSelector: { gpu: 'amd' },
      imagePullSecrets: [{ name: 'registry' }],
      terminationGracePeriodSeconds: 80,
      containers: [
        {
          image: 'registry.example/other:2',
          imagePullPolicy: 'Always',
          resources: { requests: { cpu: '1', 'amd.com/gpu': '2' }, limits: { 'amd.com/gpu': '2' } },
        },
      ],
    });
    const [container] = (pod.spec as { containers: { env: object[]; volumeMounts: object[] }[] }).containers;
    expect(container?.env).toEqual(expect.arrayContaining(everything.pod.env.map(expect.objectContaining)));
    expect(container?.volumeMounts).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ mountPath: '/models/a.claim', readOnly: true }),
        ...everything.pod.volumeMounts.map(expect.objectContaining),
      ]),
    );
    expect(pod.metadata).toMatchObject({
      labels: { team: 'llm' },
      annotations: { 'example.com/cost': 'high' },
    });
  });

  test('loses what is switched off, and nothing else', async () => {
    const claims = (await plane.objects.list('PersistentVolumeClaim', namespace)).map(nameOf);
    await apply(
      namespace,
      cluster('all', {
        ...everything,
        replicas: 1,
        ingress: { enabled: false },
        networkPolicy: { enabled: false },
        tls: { managed: false },
        auth: { enabled: false },
      }),
    );
    await untilObserved(plane, namespace, 'all');
    const expected = [...childrenOfEvery('all'), 'Secret own'].sort();
    await until(
      'only what is needed is left',
      async () => (await names(namespace)).length === expected.length,
    );
    expect(await names(namespace)).toEqual(expected);
    expect((await plane.objects.list('PersistentVolumeClaim', namespace)).map(nameOf)).toEqual(claims);
    expect(await eventsAbout(plane, namespace, 'all')).toEqual(
      expect.arrayContaining(
        [
          'Ingress all',
          'NetworkPolicy all',
          'PodDisruptionBudget all',
          'Secret all-api-tls',
          'Secret all-auth',
        ].map((name) => `Pruned: ${name} is no longer needed and was deleted.`),
      ),
    );
  });
});

describe('objects for Prometheus', () => {
  const namespace = 'minimal';
  const monitoring = async () => (await childrenOf(plane, namespace, monitoringKinds)).map(nameOf);

  test('are no matter where their kinds are not known', () => {
    const troubles = operator.log().filter(({ level }) => level === 'warn' || level === 'error');
    expect(troubles).toEqual([]);
  });

  test('are made where their kinds are known', async () => {
    await operator.stop();
    await plane.control.installMonitoringKinds();
    operator = await plane.operator();
    await until('they are there', async () => (await monitoring()).length === 2);
    expect(await monitoring()).toEqual(['PrometheusRule demo', 'ServiceMonitor demo']);
  });

  test('are removed when they are not wanted', async () => {
    await apply(namespace, cluster('demo', { monitoring: { serviceMonitor: false } }));
    await until('the ServiceMonitor is gone', async () => (await monitoring()).length === 1);
    expect(await monitoring()).toEqual(['PrometheusRule demo']);
  });
});
