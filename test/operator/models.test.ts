import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../cluster/kubernetes/until.ts';
import { childrenOf, nameOf } from './harness/children.ts';
import { conditionOf, untilCondition, untilObserved } from './harness/conditions.ts';
import type { Condition } from './harness/conditions.ts';
import { cluster, model } from './harness/documents.ts';
import { startPlane, startTimeoutMs } from './harness/plane.ts';
import type { Plane } from './harness/plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane();
  await plane.operator();
}, startTimeoutMs);
afterAll(() => plane.stop());

const makeCluster = async (namespace: string, spec: object = {}): Promise<void> => {
  await plane.objects.create(cluster('demo', spec, { namespace }));
  await untilObserved(plane, namespace, 'demo');
};

const resolved = (
  namespace: string,
  name: string,
  status: string,
  reason: string,
  timeoutMs?: number,
): Promise<Condition> =>
  untilCondition(plane, { kind: 'OllamaModel', namespace, name }, 'Resolved', { status, reason }, timeoutMs);

const isGone = (namespace: string, name: string) =>
  until(
    `${name} is gone`,
    async () => (await plane.objects.find('OllamaModel', namespace, name)) === undefined,
  );

/** Revision of what agents are given, and the names of models in it as far as the operator counts them. */
const given = async (namespace: string) => {
  const { status } = await plane.objects.get('OllamaCluster', namespace, 'demo');
  return status as { desiredState: { revision: number; hash: string }; models: { total: number } };
};

test('a model waits for its cluster, and is told of when the cluster comes', async () => {
  const namespace = await plane.namespace('waiting');
  await plane.objects.create(model('tiny', {}, { namespace }));
  const { message } = await resolved(namespace, 'tiny', 'False', 'ClusterNotFound');
  expect(message).toBe('There is no OllamaCluster demo in namespace waiting.');
  const before = await plane.objects.get('OllamaModel', namespace, 'tiny');
  expect(before.status).toMatchObject({ phase: 'Failed', lastError: message });
  expect(conditionOf(before, 'Ready')).toMatchObject({ status: 'False', reason: 'NotResolved', message });
  await makeCluster(namespace);
  await resolved(namespace, 'tiny', 'True', 'Accepted');
  const after = await plane.objects.get('OllamaModel', namespace, 'tiny');
  expect(after.status).toMatchObject({
    phase: 'Pending',
    model: 'tiny:latest',
    desiredReplicas: 2,
    readyReplicas: 0,
  });
  expect(after.status).not.toHaveProperty('lastError');
  expect(conditionOf(after, 'Ready')).toMatchObject({ status: 'False', reason: 'WaitingForAgents' });
  const { stdout } = await plane.kubectl(['get', 'om', '-n', namespace, '--no-headers']);
  expect(stdout.trim().split(/\s+/).slice(0, 4)).toEqual(['tiny', 'demo', 'tiny:latest', 'Pending']);
});

describe('in a cluster', () => {
  const namespace = 'models';
  beforeAll(async () => {
    await plane.namespace(namespace);
    await makeCluster(namespace);
  });

  const refusals: readonly (readonly [
    title: string,
    spec: Record<string, unknown>,
    reason: string,
    message: string,
  ])[] = [
    [
      'ollama',
      { source: { ollama: { name: 'llama3.2:3b' } } },
      'SourceNotSupportedYet',
      'This version cannot get models from a source of kind ollama.',
    ],
    [
      'hugging-face',
      { source: { huggingFace: { repository: 'owner/tiny', file: 'tiny.gguf' } } },
      'SourceNotSupportedYet',
      'This version cannot get models from a source of kind huggingFace.',
    ],
    [
      'oci',
      { source: { oci: { reference: 'registry.example/tiny:1' } } },
      'SourceNotSupportedYet',
      'This version cannot get models from a source of kind oci.',
    ],
  ];

  test.each(refusals)('what cannot be served says why: %s', async (name, spec, reason, message) => {
    await plane.objects.create(model(name, spec, { namespace }));
    expect(await resolved(namespace, name, 'False', reason)).toMatchObject({ message });
    const object = await plane.objects.get('OllamaModel', namespace, name);
    expect(object.status).toMatchObject({ phase: 'Failed', lastError: message, desiredReplicas: 0 });
    expect(conditionOf(object, 'Ready')).toMatchObject({ reason: 'NotResolved', message });
  });

  test('whether a node has the labels of a model is not known before agents have nodes', async () => {
    await plane.objects.create(
      model('no-node', { nodeSelector: { disk: 'fast', zone: 'a' } }, { namespace }),
    );
    expect(await resolved(namespace, 'no-node', 'False', 'WaitingForCluster')).toMatchObject({
      message: 'No agent runs on a node with the labels {"disk":"fast","zone":"a"} yet.',
    });
    expect((await plane.objects.get('OllamaModel', namespace, 'no-node')).status).toMatchObject({
      phase: 'Pending',
    });
  });

  test('a name that clients cannot use is told', async () => {
    await plane.objects.create(model('slashes', { model: 'a//b' }, { namespace }));
    const { message } = await resolved(namespace, 'slashes', 'False', 'InvalidName');
    expect(message).toContain('a//b');
  });

  test('the older of two models of one name is served, and the other when that is gone', async () => {
    await plane.objects.create(model('z-older', { model: 'twin' }, { namespace }));
    await resolved(namespace, 'z-older', 'True', 'Accepted');
    // Times of creation are in whole seconds.
    await sleep(1100);
    await plane.objects.create(model('a-younger', { model: 'twin:latest' }, { namespace }));
    expect(await resolved(namespace, 'a-younger', 'False', 'NameTaken')).toMatchObject({
      message: 'OllamaModel z-older already serves twin:latest in this cluster.',
    });
    await resolved(namespace, 'z-older', 'True', 'Accepted');
    await plane.objects.remove('OllamaModel', namespace, 'z-older');
    await isGone(namespace, 'z-older');
    await resolved(namespace, 'a-younger', 'True', 'Accepted');
  });

  test('what agents are given has a new revision when a model comes, changes or goes, and only then', async () => {
    let first = await given(namespace);
    await until('nothing of what was before is on its way', async () => {
      await sleep(1500);
      const before = first;
      first = await given(namespace);
      return first.desiredState.revision === before.desiredState.revision;
    });
    const { revision, hash } = first.desiredState;
    const untilGiven = (steps: number) =>
      until(`revision ${revision + steps} is given`, async () => {
        const now = await given(namespace);
        return now.desiredState.revision === revision + steps && now;
      });
    await plane.objects.create(model('counted', {}, { namespace }));
    expect((await untilGiven(1)).models.total).toBe(first.models.total + 1);
    await plane.objects.edit('OllamaModel', namespace, 'counted', {
      '/spec/parameters': { temperature: 0.5 },
    });
    await untilGiven(2);
    await plane.objects.edit('OllamaModel', namespace, 'counted', { '/metadata/labels/team': 'llm' });
    await plane.objects.remove('OllamaModel', namespace, 'counted');
    await isGone(namespace, 'counted');
    // What was the same once is the same again, one step later: the label was none.
    expect((await untilGiven(3)).desiredState).toEqual({ revision: revision + 3, hash });
  });

  test('a model that is deleted goes at once when no agent has it', async () => {
    await plane.objects.create(model('short-lived', {}, { namespace }));
    await resolved(namespace, 'short-lived', 'True', 'Accepted');
    const { metadata } = await plane.objects.get('OllamaModel', namespace, 'short-lived');
    expect(metadata.finalizers).toEqual(['ollamamax.io/finalizer']);
    const { code, stderr } = await plane.kubectl([
      'delete',
      'om',
      'short-lived',
      '-n',
      namespace,
      '--timeout=30s',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('a model that is deleted before the operator could look at it goes as well', async () => {
    await plane.objects.create(model('hurried', { clusterRef: { name: 'nowhere' } }, { namespace }));
    await plane.objects.remove('OllamaModel', namespace, 'hurried');
    await isGone(namespace, 'hurried');
  });
});

test('a model whose agents cannot be told waits, and goes when somebody says that it may', async () => {
  const namespace = await plane.namespace('blocked');
  await makeCluster(namespace);
  await plane.objects.create(model('tiny', {}, { namespace }));
  await resolved(namespace, 'tiny', 'True', 'Accepted');
  await until('the cluster has taken it up', async () => (await given(namespace)).models.total === 1);
  // Paused: agents are given nothing new, so they may still serve it.
  await plane.objects.edit('OllamaCluster', namespace, 'demo', {
    '/metadata/annotations/ollamamax.io~1paused': 'true',
  });
  const object = { kind: 'OllamaCluster', namespace, name: 'demo' } as const;
  await untilCondition(plane, object, 'Paused', { status: 'True', reason: 'PausedByAnnotation' });
  await plane.objects.remove('OllamaModel', namespace, 'tiny');
  const ready = { status: 'False', reason: 'Deleting' };
  await untilCondition(plane, { kind: 'OllamaModel', namespace, name: 'tiny' }, 'Ready', ready);
  await sleep(2500);
  expect((await plane.objects.get('OllamaModel', namespace, 'tiny')).status).toMatchObject({
    phase: 'Deleting',
  });
  await plane.kubectl(['annotate', 'om', 'tiny', '-n', namespace, 'ollamamax.io/skip-finalizer=true']);
  await isGone(namespace, 'tiny');
});

test('agents on nodes with the labels of a model may hold it', async () => {
  const namespace = await plane.namespace('nodes');
  await plane.control.addFakeNodes(2);
  await makeCluster(namespace, { replicas: 2, storage: { ephemeral: true } });
  await plane.objects.create(model('chosen', { nodeSelector: { type: 'fake' } }, { namespace }));
  await plane.objects.create(
    model('one-node', { nodeSelector: { 'kubernetes.io/hostname': 'fake-1' } }, { namespace }),
  );
  await plane.objects.create(model('none', { nodeSelector: { type: 'real' } }, { namespace }));
  await resolved(namespace, 'chosen', 'True', 'Accepted');
  await resolved(namespace, 'one-node', 'True', 'Accepted');
  expect(await resolved(namespace, 'none', 'False', 'NoMatchingNode')).toMatchObject({
    message: 'No agent runs on a node with the labels {"type":"real"}.',
  });
  const wanted = async (name: string) =>
    ((await plane.objects.get('OllamaModel', namespace, name)).status as { desiredReplicas: number })
      .desiredReplicas;
  await until('both agents are to hold it', async () => (await wanted('chosen')) === 2);
  // The pods spread over both nodes, as the template asks.
  expect(await wanted('one-node')).toBe(1);
});

// Last: the garbage collector of Kubernetes needs half a minute to learn of new kinds.
test('all of a cluster goes with it, but the volumes only when that is asked for', async () => {
  const claims = async (namespace: string) =>
    (await plane.objects.list('PersistentVolumeClaim', namespace))
      .map(({ metadata }) => metadata.name)
      .sort();
  const spaces = { Retain: 'retain', Delete: 'delete' } as const;
  for (const [retention, namespace] of Object.entries(spaces)) {
    await plane.namespace(namespace);
    await makeCluster(namespace, { storage: { retention } });
    await plane.objects.create(model('tiny', {}, { namespace }));
    await resolved(namespace, 'tiny', 'True', 'Accepted');
    await until('there are volumes', async () => (await claims(namespace)).length === 3);
  }
  for (const namespace of Object.values(spaces)) {
    const { code } = await plane.kubectl(['delete', 'oc', 'demo', '-n', namespace, '--timeout=60s']);
    expect(code).toBe(0);
  }
  for (const namespace of Object.values(spaces)) {
    await until('everything is gone', async () => {
      const [children, pods] = [
        await childrenOf(plane, namespace),
        await plane.objects.list('Pod', namespace),
      ];
      return children.length + pods.length === 0;
    });
    await resolved(namespace, 'tiny', 'False', 'ClusterNotFound');
  }
  await until('the volumes are gone', async () => (await claims('delete')).length === 0);
  expect(await claims('retain')).toEqual(['data-demo-0', 'data-demo-1', 'data-demo-2']);

  // A new cluster of that name takes over what was kept.
  await makeCluster('retain');
  await resolved('retain', 'tiny', 'True', 'Accepted');
  expect((await childrenOf(plane, 'retain', ['StatefulSet'])).map(nameOf)).toEqual(['StatefulSet demo']);
  for (const namespace of Object.values(spaces)) {
    await plane.objects.remove('OllamaModel', namespace, 'tiny');
    await isGone(namespace, 'tiny');
  }
});
