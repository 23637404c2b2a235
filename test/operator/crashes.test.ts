import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../cluster/kubernetes/until.ts';
import { childrenOf, childrenOfPlain, nameOf } from './harness/children.ts';
import type { Condition } from './harness/conditions.ts';
import { untilCondition, untilObserved } from './harness/conditions.ts';
import { cluster, model } from './harness/documents.ts';
import type { KubeObject } from './harness/objects.ts';
import { operatorUser, startPlane, startTimeoutMs } from './harness/plane.ts';
import type { Plane } from './harness/plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane();
}, startTimeoutMs);
afterAll(() => plane.stop());

/** A cluster and a model of it, in a namespace of their own. */
const ask = async (namespace: string): Promise<void> => {
  await plane.namespace(namespace);
  await plane.objects.create(cluster('demo', {}, { namespace }));
  await plane.objects.create(model('tiny', {}, { namespace }));
};

const untilDone = async (namespace: string): Promise<void> => {
  await untilObserved(plane, namespace, 'demo');
  await untilObserved(plane, namespace, 'tiny', 'OllamaModel');
  const agents = { kind: 'OllamaCluster', namespace, name: 'demo' } as const;
  // The last of what happens without nodes.
  await untilCondition(plane, agents, 'Degraded', { status: 'True', reason: 'Unschedulable' });
};

/** Starts an operator that ends by itself at a place, and waits for its end. */
const crashAt = async (place: string): Promise<void> => {
  const operator = await plane.operator({ doomed: true, env: { OLLAMAMAX_FAILPOINTS: `${place}=crash` } });
  const end = await Promise.race([operator.ended, sleep(45_000, 'it went on', { ref: false })]);
  expect({ place, end }).toEqual({ place, end: 'SIGKILL' });
};

/** What differs from one cluster to another of the same spec: made by chance, or by the server. */
const masks: readonly (readonly [RegExp, string])[] = [
  [
    /"(uid|resourceVersion|creationTimestamp|generation|clusterIP|managedFields)":("[^"]*"|\d+|\[.*?\])/g,
    '"$1":0',
  ],
  [/"(clusterIPs)":\["[^"]*"\]/g, '"$1":0'],
  [/\bnode-[0-9a-f]{16}\.yaml\b/g, 'node.yaml'],
  [/"(ollamamax\.io\/(config-hash|template-hash|password-mark))":"[0-9a-f]+"/g, '"$1":0'],
];

const normalized = (objects: readonly KubeObject[], namespace: string): readonly unknown[] =>
  objects.map((object) => {
    const { status: _status, data, metadata, ...rest } = object;
    const { managedFields: _managed, ...kept } = metadata as KubeObject['metadata'] & {
      managedFields: unknown;
    };
    const values = object.kind === 'Secret' ? Object.keys(data as object).sort() : data;
    const text = JSON.stringify({ ...rest, metadata: kept, data: values }).replaceAll(namespace, 'NAMESPACE');
    return JSON.parse(
      masks.reduce((masked, [pattern, by]) => masked.replaceAll(pattern, by), text),
    ) as unknown;
  });

const conditions = (object: KubeObject): unknown =>
  (object.status as { conditions: readonly Condition[] }).conditions.map(
    ({ lastTransitionTime: _time, ...rest }) => rest,
  );

const desired = (object: KubeObject): unknown => (object.status as { desiredState: unknown }).desiredState;

const own = async (namespace: string) => ({
  cluster: await plane.objects.get('OllamaCluster', namespace, 'demo'),
  model: await plane.objects.get('OllamaModel', namespace, 'tiny'),
});

/** There are no nodes; that is told of one pod after the other. */
const untilAllAreTold = (namespace: string): Promise<unknown> =>
  until(`no pod of ${namespace} fits anywhere, as its cluster says`, async () => {
    const { cluster } = await own(namespace);
    return JSON.stringify(conditions(cluster)).includes('And 2 other agents.');
  });

describe('an operator that is killed again and again', () => {
  let places: readonly string[];
  let calm: { readonly children: readonly unknown[] } & Awaited<ReturnType<typeof own>>;
  beforeAll(async () => {
    await ask('calm');
    const operator = await plane.operator();
    await untilDone('calm');
    await untilAllAreTold('calm');
    const children = await childrenOf(plane, 'calm');
    calm = { children: normalized(children, 'calm'), ...(await own('calm')) };
    // Gone before anything crashes: an operator that starts writes everything of it again, and places have no namespace.
    await plane.objects.remove('OllamaModel', 'calm', 'tiny');
    await plane.objects.remove('OllamaCluster', 'calm', 'demo');
    await until('the undisturbed cluster is gone', async () => {
      const left = await Promise.all([
        plane.objects.find('OllamaModel', 'calm', 'tiny'),
        plane.objects.find('OllamaCluster', 'calm', 'demo'),
      ]);
      return left.every((one) => one === undefined);
    });
    await operator.stop();
    const kinds = new Map(children.map((child) => [nameOf(child), child.kind]));
    const plurals: Readonly<Record<string, string>> = {
      configmaps: 'ConfigMap',
      networkpolicies: 'NetworkPolicy',
      poddisruptionbudgets: 'PodDisruptionBudget',
      secrets: 'Secret',
      serviceaccounts: 'ServiceAccount',
      services: 'Service',
      statefulsets: 'StatefulSet',
    };
    const applied = plane.control
      .auditedWrites(operatorUser)
      .filter(({ namespace, resource }) => namespace === 'calm' && resource in plurals)
      .map(({ resource, name }) => `${plurals[resource] ?? ''} ${name}`);
    // In the order of the first pass.
    const order = [...new Set(applied)];
    expect([...order].sort()).toEqual(childrenOfPlain('demo'));
    expect(order.every((name) => kinds.has(name))).toBe(true);
    places = [
      `before apply ${order[0] ?? ''}`,
      ...order.map((name) => `after apply ${name}`),
      'before status OllamaCluster',
      'after status OllamaCluster',
    ];
  }, 60_000);

  test('after every write of a first pass brings about the same', async () => {
    await ask('stormy');
    const authorities = new Set<unknown>();
    const passwords = new Set<unknown>();
    for (const place of ['after finalizer OllamaModel', 'before status OllamaModel', ...places]) {
      await crashAt(place);
      const [authority, admin] = await Promise.all(
        ['demo-ca', 'demo-admin'].map((name) => plane.objects.find('Secret', 'stormy', name)),
      );
      if (authority !== undefined) authorities.add((authority.data as Record<string, string>)['ca.crt']);
      if (admin !== undefined) passwords.add((admin.data as Record<string, string>).password);
    }
    const operator = await plane.operator();
    await untilDone('stormy');
    await untilAllAreTold('stormy');
    expect(normalized(await childrenOf(plane, 'stormy'), 'stormy')).toEqual(calm.children);
    const stormy = await own('stormy');
    expect(stormy.model.metadata.finalizers).toEqual(calm.model.metadata.finalizers);
    expect(conditions(stormy.cluster)).toEqual(conditions(calm.cluster));
    expect(conditions(stormy.model)).toEqual(conditions(calm.model));
    expect(desired(stormy.cluster)).toEqual(desired(calm.cluster));
    // What was made once was never made again: agents and people may have it already.
    expect({ authorities: authorities.size, passwords: passwords.size }).toEqual({
      authorities: 1,
      passwords: 1,
    });
    await operator.stop();
  }, 180_000);

  test('before it removes what is not needed any more removes it later', async () => {
    const namespace = 'stormy';
    const operator = await plane.operator();
    await plane.objects.edit('OllamaCluster', namespace, 'demo', {
      '/spec/ingress': { enabled: true, host: 'a.example' },
    });
    await until('there is an Ingress', () => plane.objects.find('Ingress', namespace, 'demo'));
    await operator.stop();
    await plane.objects.edit('OllamaCluster', namespace, 'demo', { '/spec/ingress': { enabled: false } });
    await crashAt('before prune Ingress');
    expect(await plane.objects.find('Ingress', namespace, 'demo')).toBeDefined();
    const next = await plane.operator();
    await untilObserved(plane, namespace, 'demo');
    expect(await plane.objects.find('Ingress', namespace, 'demo')).toBeUndefined();
    await next.stop();
  });

  test('before it lets a model go lets it go later', async () => {
    await plane.objects.remove('OllamaModel', 'stormy', 'tiny');
    await crashAt('before finalizer OllamaModel');
    expect(await plane.objects.find('OllamaModel', 'stormy', 'tiny')).toBeDefined();
    const operator = await plane.operator();
    await until(
      'it is gone',
      async () => (await plane.objects.find('OllamaModel', 'stormy', 'tiny')) === undefined,
    );
    await operator.stop();
  });
});

test('a write that fails some times is tried until it succeeds', async () => {
  const operator = await plane.operator({
    env: {
      OLLAMAMAX_FAILPOINTS: [
        'before apply Secret demo-auth=2*error',
        'after apply Service demo=2*error',
        'before status OllamaCluster=2*error',
        'before status OllamaModel=2*error',
      ].join(';'),
    },
  });
  await ask('failing');
  await untilDone('failing');
  expect((await childrenOf(plane, 'failing')).map(nameOf)).toEqual(childrenOfPlain('demo'));
  await operator.stop();
});

describe('two operators', () => {
  const env = { LEADER_ELECTION: 'true' };
  const writesBy = (user: string) =>
    plane.control
      .auditedWrites(user)
      .filter(({ resource, status }) => resource !== 'leases' && status < 300)
      .map(({ namespace }) => namespace);
  const as = async (user: string) =>
    plane.operator({
      kubeconfig: await plane.control.kubeconfigFor({ user, groups: ['system:masters'] }),
      env,
    });
  const lease = () => plane.objects.get('Lease', 'default', 'ollamamax-operator');

  /** Milliseconds until a new cluster has all it needs. */
  const timeUntilDone = async (namespace: string): Promise<number> => {
    const began = Date.now();
    await ask(namespace);
    await untilObserved(plane, namespace, 'demo');
    return Date.now() - began;
  };

  test('hand over when one is stopped, and take over when one is killed', async () => {
    const first = await as('first');
    await until('the first leads', lease);
    const second = await as('second');
    await timeUntilDone('together');
    expect(new Set(writesBy('first'))).toContain('together');
    expect(writesBy('second')).toEqual([]);
    for (const { url } of [first, second]) expect((await fetch(`${url}/readyz`)).status).toBe(200);

    await first.stop();
    const handOver = await timeUntilDone('stopped');
    expect(new Set(writesBy('second'))).toContain('stopped');
    expect(handOver).toBeLessThan(10_000);

    const third = await as('third');
    await second.kill();
    expect(await second.ended).toBe('SIGKILL');
    const takeOver = await timeUntilDone('killed');
    expect(new Set(writesBy('third'))).toContain('killed');
    expect(takeOver).toBeLessThan(30_000);

    await plane.objects.edit('Lease', 'default', 'ollamamax-operator', {
      '/spec/holderIdentity': 'somebody-else',
      '/spec/renewTime': new Date().toISOString().replace('Z', '000Z'),
    });
    expect(await third.ended).toBe(4);
  }, 120_000);
});

test('an operator that is told nonsense says so and ends', async () => {
  const operator = await plane.operator({ doomed: true, env: { CONCURRENCY: 'many', LOG_LEVEL: 'loud' } });
  expect(await operator.ended).toBe(2);
  expect(operator.text()).toBe(
    [
      'Error: The environment of the operator has problems:',
      '  CONCURRENCY must be a whole number from 1 to 64.',
      '  LOG_LEVEL is "loud": use one of debug, info, warn, error.',
      '',
    ].join('\n'),
  );
});
