import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { passwordMatches } from '@ollamamax/common';
import { until } from '../cluster/kubernetes/until.ts';
import { changes, deletions, essence } from './drift/changes.ts';
import { strangers } from './drift/strangers.ts';
import { childrenOf, childrenOfPlain, nameOf } from './harness/children.ts';
import { conditionOf, eventsAbout, untilCondition, untilObserved } from './harness/conditions.ts';
import { cluster, model } from './harness/documents.ts';
import { operatorUser, startPlane, startTimeoutMs } from './harness/plane.ts';
import type { Plane } from './harness/plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane();
  await plane.operator({ env: { LEADER_ELECTION: 'true' } });
}, startTimeoutMs);
afterAll(() => plane.stop());

/** Makes a cluster `demo` in a namespace of its own, after what is to be there before it. */
const makeCluster = async (name: string, ...before: readonly object[]): Promise<string> => {
  await plane.namespace(name);
  for (const object of [...before, cluster('demo', {})]) {
    const { metadata, ...rest } = object as { kind: string; metadata: object };
    await plane.objects.create({ ...rest, metadata: { ...metadata, namespace: name } });
  }
  return name;
};

const writesIn = (namespace: string) =>
  plane.control.auditedWrites(operatorUser).filter((write) => write.namespace === namespace);

/** What was written since the first call, without events: they tell of what has happened before. */
const settledSince = async (namespace: string): Promise<() => readonly string[]> => {
  const texts = () =>
    writesIn(namespace)
      .filter(({ resource }) => resource !== 'events')
      .map(({ verb, resource, name }) => `${verb} ${resource} ${name}`);
  await until('nothing is written any more', async () => {
    const before = writesIn(namespace).length;
    await sleep(3000);
    return writesIn(namespace).length === before;
  });
  const count = texts().length;
  return () => texts().slice(count);
};

let steady: { readonly writes: () => readonly string[]; readonly since: number };
let foreign: readonly string[];

// Made first, so that they have been quiet for long when they are looked at in the end.
beforeAll(async () => {
  await makeCluster('steady');
  await plane.objects.create(model('tiny', {}, { namespace: 'steady' }));
  await untilObserved(plane, 'steady', 'demo');
  await untilObserved(plane, 'steady', 'tiny', 'OllamaModel');
  foreign = await Promise.all(
    strangers.map((stranger) => makeCluster(`foreign-${stranger.kind.toLowerCase()}`, stranger)),
  );
  steady = { writes: await settledSince('steady'), since: Date.now() };
}, 120_000);

describe('an object of somebody else that has a name of ours', () => {
  // What happens then is looked at later.
  afterAll(async () => {
    for (const [index, { kind, metadata }] of strangers.entries())
      await plane.objects.remove(kind, foreign[index], metadata.name);
  });

  test.each(strangers.map((stranger) => [stranger.kind, stranger.metadata.name, stranger] as const))(
    'is left alone and told: %s %s',
    async (kind, name) => {
      const namespace = foreign[strangers.findIndex((stranger) => stranger.kind === kind)] ?? '';
      const before = await plane.objects.get(kind, namespace, name);
      const object = { kind: 'OllamaCluster', namespace, name: 'demo' } as const;
      const { message } = await untilCondition(plane, object, 'Degraded', {
        status: 'True',
        reason: 'NameConflict',
      });
      const sentence = `${kind} ${name} exists and does not belong to this OllamaCluster. Delete or rename it, or give the OllamaCluster another name.`;
      expect(message).toBe(sentence);
      await until('the event is written', async () =>
        (await eventsAbout(plane, namespace, 'demo')).includes(`NameConflict: NameConflict: ${sentence}`),
      );
      const own = await plane.objects.get('OllamaCluster', namespace, 'demo');
      expect(own.status).toMatchObject({ phase: 'Degraded', lastError: sentence });
      expect(conditionOf(own, 'Ready')).toMatchObject({
        status: 'False',
        reason: 'Degraded',
        message: sentence,
      });
      const after = await plane.objects.get(kind, namespace, name);
      expect(after.metadata.uid).toBe(before.metadata.uid);
      expect(after.metadata.generation).toBe(before.metadata.generation);
      expect(after.metadata.ownerReferences).toBeUndefined();
      expect({ data: after.data, spec: after.spec }).toEqual({
        data: before.data,
        spec: before.spec,
      });
    },
  );
});

describe('what somebody has changed is set back', () => {
  const namespace = 'drift';
  beforeAll(async () => {
    await makeCluster(namespace);
    await untilObserved(plane, namespace, 'demo');
  });

  test.each(changes)('%s (%s %s)', async (_title, kind, name, change) => {
    const object = await plane.objects.get(kind, namespace, name);
    const before = essence(object);
    const changed = await plane.objects.edit(
      kind,
      namespace,
      name,
      typeof change === 'function' ? change(object) : change,
    );
    expect(essence(changed)).not.toEqual(before);
    await until(`${kind} ${name} is as before`, async () => {
      expect(essence(await plane.objects.get(kind, namespace, name))).toEqual(before);
      return true;
    });
  });

  test.each(deletions)('no %s %s', async (kind, name) => {
    const { uid } = (await plane.objects.get(kind, namespace, name)).metadata;
    await plane.objects.remove(kind, namespace, name);
    await until(`${kind} ${name} is there again`, async () => {
      const found = await plane.objects.find(kind, namespace, name);
      return (
        found !== undefined && found.metadata.uid !== uid && found.metadata.deletionTimestamp === undefined
      );
    });
  });

  test('and told', async () => {
    const events = await until('the events are written', async () => {
      const all = await eventsAbout(plane, namespace, 'demo');
      const reverted = all.filter((text) => text.startsWith('DriftReverted:'));
      return reverted.length >= 7 && reverted;
    });
    expect([...new Set(events)].sort()).toEqual(
      [
        'ConfigMap demo-config',
        'NetworkPolicy demo',
        'PodDisruptionBudget demo',
        'Service demo',
        'Service demo-agents',
        'ServiceAccount demo-agent',
        'StatefulSet demo',
      ].map((name) => `DriftReverted: ${name} was changed by somebody; it is set back.`),
    );
  });

  test('but what others have added stays', async () => {
    const marked = [...deletions, ['Secret', 'demo-ca']] as const;
    for (const [kind, name] of marked)
      await plane.objects.edit(kind, namespace, name, {
        '/metadata/labels/example.com~1team': 'llm',
        '/metadata/annotations/example.com~1note': 'ours',
      });
    await plane.objects.edit('OllamaCluster', namespace, 'demo', {
      '/spec/service': { type: 'NodePort', annotations: { 'example.com/asked': 'for' } },
      '/spec/logging/level': 'debug',
    });
    await untilObserved(plane, namespace, 'demo');
    for (const [kind, name] of marked)
      expect((await plane.objects.get(kind, namespace, name)).metadata).toMatchObject({
        labels: { 'example.com/team': 'llm', 'ollamamax.io/cluster': 'demo' },
        annotations: { 'example.com/note': 'ours' },
      });
    expect(await plane.objects.get('Service', namespace, 'demo')).toMatchObject({
      metadata: { annotations: { 'example.com/asked': 'for' } },
      spec: { type: 'NodePort' },
    });
  });
});

const decoded = async (namespace: string, name: string): Promise<Readonly<Record<string, string>>> => {
  const { data } = await plane.objects.get('Secret', namespace, name);
  return Object.fromEntries(
    Object.entries(data as Record<string, string>).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]),
  );
};

describe('secrets that are gone', () => {
  const namespace = 'secrets';
  const names = ['demo-admin', 'demo-auth', 'demo-agent-tls', 'demo-operator-tls'];
  beforeAll(async () => {
    await makeCluster(namespace);
    await untilObserved(plane, namespace, 'demo');
  });

  const allThere = () =>
    until('all secrets are there', async () => {
      const found = (await childrenOf(plane, namespace, ['Secret'])).map(nameOf);
      return childrenOfPlain('demo').filter((name) => name.startsWith('Secret')).length === found.length;
    });

  /** Of the first agent and of the operator: both ends of a connection. */
  const certificates = async () => {
    const [agents, own] = [
      await decoded(namespace, 'demo-agent-tls'),
      await decoded(namespace, 'demo-operator-tls'),
    ];
    expect(agents['ca.crt']).toBe(own['ca.crt']);
    return {
      authority: new X509Certificate(own['ca.crt'] ?? ''),
      leaves: [agents['demo-0.crt'] ?? '', own['tls.crt'] ?? ''].map((pem) => new X509Certificate(pem)),
    };
  };

  test('are made anew within a minute, by the same authority', async () => {
    const before = await certificates();
    const admin = await decoded(namespace, 'demo-admin');
    for (const name of names) await plane.objects.remove('Secret', namespace, name);
    await allThere();
    const after = await certificates();
    expect(after.authority.fingerprint256).toBe(before.authority.fingerprint256);
    for (const leaf of after.leaves) expect(leaf.verify(after.authority.publicKey)).toBe(true);
    const { username, password = '' } = await decoded(namespace, 'demo-admin');
    expect({ username, changed: password !== admin.password }).toEqual({ username: 'admin', changed: true });
    const { 'users.yaml': users = '', 'signing-secret': signing = '' } = await decoded(
      namespace,
      'demo-auth',
    );
    expect(signing.length).toBeGreaterThanOrEqual(32);
    const hash = /passwordHash: ['"]?([^'"\n]+)/.exec(users)?.[1] ?? '';
    expect(await passwordMatches(hash, password)).toBe(true);
  });

  /** Gives the operator a reason to look at once: that it looks by itself has been shown. */
  const look = (why: string) =>
    plane.objects.edit('OllamaCluster', namespace, 'demo', {
      '/metadata/annotations/example.com~1look': why,
    });

  test('that of the authority comes back with another one, and new certificates', async () => {
    const before = await certificates();
    await plane.objects.remove('Secret', namespace, 'demo-ca');
    await look('the authority is gone');
    await allThere();
    const after = await until('the certificates are new', async () => {
      const now = await certificates();
      return now.authority.fingerprint256 !== before.authority.fingerprint256 && now;
    });
    for (const leaf of after.leaves) expect(leaf.verify(after.authority.publicKey)).toBe(true);
  });

  test('an authority that was made unusable is told, and replaced when it is deleted', async () => {
    const before = await certificates();
    await plane.objects.edit('Secret', namespace, 'demo-ca', {
      '/data/ca.crt': Buffer.from('no certificate').toString('base64'),
    });
    await look('the authority is broken');
    const { message } = await untilCondition(
      plane,
      { kind: 'OllamaCluster', namespace, name: 'demo' },
      'Degraded',
      { status: 'True', reason: 'ReferenceInvalid' },
    );
    expect(message).toBe(
      'Secret demo-ca has no certificate and key of an authority that fit each other. Delete it: the operator makes a new one.',
    );
    expect((await certificates()).authority.fingerprint256).toBe(before.authority.fingerprint256);
    await plane.objects.remove('Secret', namespace, 'demo-ca');
    await look('the broken one is gone');
    await until('there is another authority', async () => {
      const now = await certificates();
      return now.authority.fingerprint256 !== before.authority.fingerprint256;
    });
  });
});

test('what somebody else had under a name of ours is replaced by ours once it is gone', async () => {
  for (const namespace of foreign) {
    await untilObserved(plane, namespace, 'demo');
    expect((await childrenOf(plane, namespace)).map(nameOf)).toEqual(childrenOfPlain('demo'));
    await until('the event is written', async () =>
      (await eventsAbout(plane, namespace, 'demo')).some((text) => text.startsWith('Recovered:')),
    );
  }
});

test('scaling by the scale subresource', async () => {
  const namespace = await makeCluster('scale');
  await untilObserved(plane, namespace, 'demo');
  const { code, stdout, stderr } = await plane.kubectl([
    'scale',
    'oc',
    'demo',
    '-n',
    namespace,
    '--replicas=5',
  ]);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: 'ollamacluster.ollamamax.io/demo scaled\n',
    stderr: '',
  });
  await until('there are five pods', async () => (await plane.objects.list('Pod', namespace)).length === 5);
  const path = `/apis/ollamamax.io/v1alpha1/namespaces/${namespace}/ollamaclusters/demo/scale`;
  const scale = await until('all are counted', async () => {
    const found = await plane.objects.raw<{ status: { replicas: number; selector: string } }>(path);
    return found.status.replicas === 5 && found;
  });
  const selector = encodeURIComponent(scale.status.selector);
  const { items } = await plane.objects.raw<{ items: readonly unknown[] }>(
    `/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`,
  );
  expect(items).toHaveLength(5);
});

test('a cluster that is paused is left alone until it goes on', async () => {
  const namespace = await makeCluster('paused');
  await untilObserved(plane, namespace, 'demo');
  const object = { kind: 'OllamaCluster', namespace, name: 'demo' } as const;
  await plane.kubectl(['annotate', 'oc', 'demo', '-n', namespace, 'ollamamax.io/paused=true']);
  await untilCondition(plane, object, 'Paused', { status: 'True', reason: 'PausedByAnnotation' });
  const { generation = 0 } = (await plane.objects.get('OllamaCluster', namespace, 'demo')).metadata;
  const writes = await settledSince(namespace);
  await plane.objects.remove('ConfigMap', namespace, 'demo-config');
  await plane.objects.remove('Secret', namespace, 'demo-ca');
  await plane.kubectl(['scale', 'oc', 'demo', '-n', namespace, '--replicas=4']);
  await sleep(4000);
  expect([...new Set(writes())]).toEqual(['patch ollamaclusters/status demo']);
  expect((await plane.objects.get('OllamaCluster', namespace, 'demo')).status).toMatchObject({
    phase: 'Paused',
    observedGeneration: generation,
  });
  await plane.kubectl(['annotate', 'oc', 'demo', '-n', namespace, 'ollamamax.io/paused-']);
  await untilCondition(plane, object, 'Paused', { status: 'False', reason: 'NotPaused' });
  await untilObserved(plane, namespace, 'demo');
  expect((await childrenOf(plane, namespace)).map(nameOf)).toEqual(childrenOfPlain('demo'));
  expect(await plane.objects.get('StatefulSet', namespace, 'demo')).toMatchObject({ spec: { replicas: 4 } });
});

test('a cluster that is as it should be is not written to in half a minute', async () => {
  await sleep(Math.max(0, steady.since + 30_000 - Date.now()));
  expect(steady.writes()).toEqual([]);
  const elsewhere = plane.control
    .auditedWrites(operatorUser)
    .filter(({ namespace }) => namespace === 'default');
  expect([...new Set(elsewhere.map(({ resource }) => resource))]).toEqual(['leases']);
});
