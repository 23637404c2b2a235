import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '../cluster/kubernetes/until.ts';
import { conditionOf, eventsAbout, untilCondition, untilObserved } from './harness/conditions.ts';
import { cluster } from './harness/documents.ts';
import { startPlane, startTimeoutMs } from './harness/plane.ts';
import type { Plane } from './harness/plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane();
  await plane.operator();
}, startTimeoutMs);
afterAll(() => plane.stop());

test('a cluster that is being deleted says so for as long as it is there', async () => {
  const namespace = await plane.namespace('deleting');
  const held = { namespace, finalizers: ['example.com/hold'] };
  await plane.objects.create(cluster('demo', {}, held));
  await untilObserved(plane, namespace, 'demo');
  await plane.objects.remove('OllamaCluster', namespace, 'demo');
  await until('it says that it is being deleted', async () => {
    const { status } = await plane.objects.get('OllamaCluster', namespace, 'demo');
    return (status as { readonly phase: string }).phase === 'Deleting';
  });
  await plane.objects.edit('OllamaCluster', namespace, 'demo', { '/metadata/finalizers': [] });
  await until(
    'it is gone',
    async () => (await plane.objects.find('OllamaCluster', namespace, 'demo')) === undefined,
  );
});

test('a cluster that follows one of the same name waits for what that has left, without a word of conflict', async () => {
  const namespace = await plane.namespace('again');
  await plane.objects.create(cluster('demo', {}, { namespace }));
  await untilObserved(plane, namespace, 'demo');
  const before = await plane.objects.get('StatefulSet', namespace, 'demo');
  await plane.objects.remove('OllamaCluster', namespace, 'demo');
  await plane.objects.create(cluster('demo', { replicas: 2 }, { namespace }));
  const after = await untilObserved(plane, namespace, 'demo');
  const statefulSet = await plane.objects.get('StatefulSet', namespace, 'demo');
  expect(statefulSet.metadata.uid).not.toBe(before.metadata.uid);
  expect(statefulSet.metadata.ownerReferences).toMatchObject([{ uid: after.metadata.uid }]);
  expect((await eventsAbout(plane, namespace, 'demo')).join('\n')).not.toContain('NameConflict');
});

test('volumes that cannot grow stop nothing else', async () => {
  const namespace = await plane.namespace('small');
  await plane.objects.create({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'fixed' },
    provisioner: 'example.com/none',
  });
  await plane.objects.create(
    cluster('demo', { replicas: 1, storage: { className: 'fixed', size: '1Gi' } }, { namespace }),
  );
  await until('there is a volume', async () =>
    (await plane.objects.list('PersistentVolumeClaim', namespace)).at(0),
  );
  await plane.objects.edit('OllamaCluster', namespace, 'demo', { '/spec/storage/size': '2Gi' });
  const demo = { kind: 'OllamaCluster', namespace, name: 'demo' } as const;
  const told = await untilCondition(plane, demo, 'StorageReady', {
    status: 'False',
    reason: 'ResizeNotSupported',
  });
  expect(told.message).toBe('StorageClass fixed does not let volumes grow to 2Gi.');
  await plane.objects.edit('OllamaCluster', namespace, 'demo', { '/spec/replicas': 2 });
  expect(conditionOf(await untilObserved(plane, namespace, 'demo'), 'Degraded')?.reason).not.toBe(
    'ApplyFailed',
  );
  expect((await plane.objects.get('StatefulSet', namespace, 'demo')).spec).toMatchObject({
    replicas: 2,
    volumeClaimTemplates: [{ spec: { resources: { requests: { storage: '1Gi' } } } }],
  });
});
