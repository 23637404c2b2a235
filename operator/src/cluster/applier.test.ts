import { describe, expect, test } from '@jest/globals';
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ObjectName,
  type Resource,
} from '../kube/index.ts';
import { resources } from '../resources.ts';
import { createFailpoints, noFailpoints } from '../runtime/failpoints.ts';
import { clientOf } from '../runtime/unused-client.fixture.ts';
import { Applier, type Change } from './applier.ts';
import { clusterOf } from './cluster.fixture.ts';
import { child, type Child } from './desired/child.ts';

const signal = new AbortController().signal;
const cluster = clusterOf();
const { uid } = cluster.metadata;

/**
 * As much of the API server as the memory of the Applier depends on: it keeps fields of others, fills in what was
 * left out, and gives a new version only when something changed. What it really does is tested with a real one.
 */
class ServerStandIn {
  readonly objects = new Map<string, KubeObject>();
  readonly filledIn: Readonly<Record<string, unknown>>;
  #version = 100;

  constructor(filledIn: Readonly<Record<string, unknown>> = {}) {
    this.filledIn = filledIn;
  }

  get client(): KubeClient {
    return clientOf({
      get: async <T extends KubeObject>(_resource: Resource, { name }: ObjectName) => {
        const found = this.objects.get(name);
        if (found === undefined) throw new KubeError({ code: 404, reason: 'NotFound', message: name });
        return found as T;
      },
      serverSideApply: async <T extends KubeObject>(_resource: Resource, object: KubeObject) => {
        const { name = '' } = object.metadata;
        const before = this.objects.get(name);
        const metadata = { ...before?.metadata, ...object.metadata };
        return this.put(name, { ...this.filledIn, ...before, ...object, metadata }) as T;
      },
    });
  }

  put(name: string, object: KubeObject): KubeObject {
    const before = this.objects.get(name);
    const content = ({ metadata, ...fields }: KubeObject): string => {
      const { resourceVersion: _dropped, ...rest } = metadata;
      return JSON.stringify([fields, rest]);
    };
    if (before !== undefined && content(before) === content(object)) return before;
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.objects.set(name, stored);
    return stored;
  }

  /** Somebody changes fields. */
  change(name: string, fields: Readonly<Record<string, unknown>>): KubeObject {
    return this.put(name, { ...this.objects.get(name)!, ...fields });
  }
}

const configMap = (data: Readonly<Record<string, unknown>>): Child =>
  child(cluster, 'v1', 'ConfigMap', 'demo-config', { data });

const setUp = (filledIn?: Readonly<Record<string, unknown>>) => {
  const server = new ServerStandIn(filledIn);
  const applier = new Applier(server.client, noFailpoints);
  const apply = async (wanted: Child, live = server.objects.get('demo-config')): Promise<Change> =>
    (await applier.apply(resources.configMap, wanted, live, uid, signal)).change;
  return { server, applier, apply, live: () => server.objects.get('demo-config')! };
};

describe('Applier', () => {
  test('makes what is not there, and then leaves it alone', async () => {
    const { apply, live } = setUp();
    expect(await apply(configMap({ a: '1' }))).toBe('created');
    const made = live();
    expect(made).toMatchObject({ data: { a: '1' } });
    expect(await apply(configMap({ a: '1' }))).toBe('none');
    expect(live()).toBe(made);
  });

  test('what the server fills in and normalizes is no change', async () => {
    const { apply, live } = setUp({ immutable: false, binaryData: {} });
    await apply(configMap({ a: '1' }));
    const made = live();
    expect(await apply(configMap({ a: '1' }))).toBe('none');
    expect(live()).toBe(made);
  });

  test('writes another wish', async () => {
    const { apply, live } = setUp();
    await apply(configMap({ a: '1' }));
    expect(await apply(configMap({ a: '2' }))).toBe('updated');
    expect(live()).toMatchObject({ data: { a: '2' } });
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['a value', { data: { a: 'x', list: [{ n: 1 }] } }],
    ['a field that is gone', { data: { list: [{ n: 1 }] } }],
    ['all that is gone', { data: undefined }],
    ['a list that is longer', { data: { a: '1', list: [{ n: 1 }, { n: 2 }] } }],
    ['a list that is shorter', { data: { a: '1', list: [] } }],
    ['a field of an item', { data: { a: '1', list: [{ n: 2 }] } }],
    ['another type', { data: { a: '1', list: 'none' } }],
  ])('sets back what somebody changed: %s', async (_what, fields) => {
    const { server, apply, live } = setUp();
    const wanted = configMap({ a: '1', list: [{ n: 1 }] });
    await apply(wanted);
    server.change('demo-config', fields);
    expect(await apply(wanted)).toBe('reverted');
    expect(live()).toMatchObject({ data: { a: '1', list: [{ n: 1 }] } });
  });

  test('leaves alone what others add beside it', async () => {
    const { server, apply, live } = setUp();
    await apply(configMap({ a: '1' }));
    const changed = server.change('demo-config', { status: { seen: true }, data: { a: '1', more: 'x' } });
    expect(await apply(configMap({ a: '1' }))).toBe('none');
    expect(live()).toBe(changed);
  });

  test('a cache that has not heard of the last application is no drift', async () => {
    const { apply, live } = setUp();
    await apply(configMap({ a: '1' }));
    const stale = live();
    expect(await apply(configMap({ a: '2' }))).toBe('updated');
    expect(await apply(configMap({ a: '2' }), stale)).toBe('none');
    expect(live()).toMatchObject({ data: { a: '2' } });
  });

  test('after a restart an object that is right is none that was changed', async () => {
    const { server, apply } = setUp();
    await apply(configMap({ a: '1' }));
    const restarted = new Applier(server.client, noFailpoints);
    const again = await restarted.apply(
      resources.configMap,
      configMap({ a: '1' }),
      server.objects.get('demo-config'),
      uid,
      signal,
    );
    expect(again.change).toBe('none');
  });

  test('what is deleted is made again', async () => {
    const { server, apply, live } = setUp();
    await apply(configMap({ a: '1' }));
    server.objects.clear();
    expect(await apply(configMap({ a: '1' }))).toBe('created');
    expect(live()).toMatchObject({ data: { a: '1' } });
  });

  test('an object of somebody else is left as it is, whether a cache knows it or not', async () => {
    const { server, applier } = setUp();
    const stranger = clusterOf({}, { name: 'other', uid: 'uid-other' });
    const theirs = server.put(
      'demo-config',
      child(stranger, 'v1', 'ConfigMap', 'demo-config', { data: { b: '2' } }),
    );
    for (const live of [theirs, undefined])
      await expect(
        applier.apply(resources.configMap, configMap({ a: '1' }), live, uid, signal),
      ).rejects.toMatchObject({
        name: 'NameConflictError',
        reason: 'NameConflict',
        message: expect.stringContaining(
          'ConfigMap demo-config exists and does not belong to this OllamaCluster.',
        ),
      });
    expect(server.objects.get('demo-config')).toBe(theirs);
  });

  const ownedBy = (kind: string, name: string) => ({
    ownerReferences: [{ apiVersion: 'v1', kind, name, uid: 'uid-1', controller: true }],
  });
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const leaving = {
    name: 'StillLeavingError',
    message: 'ConfigMap demo-config has not gone yet: it is being deleted, or what it belonged to was.',
  };
  const conflict = { name: 'NameConflictError', reason: 'NameConflict' };
  test.each<[string, KubeObject['metadata'], object]>([
    ['of an earlier cluster of the same name', ownedBy('OllamaCluster', 'demo'), leaving],
    ['of nobody, that is being deleted', { deletionTimestamp }, leaving],
    ['of somebody else, that is being deleted', { ...ownedBy('Job', 'x'), deletionTimestamp }, leaving],
    ['of a cluster of another name', ownedBy('OllamaCluster', 'other'), conflict],
    ['of something else of the same name', ownedBy('Job', 'demo'), conflict],
    ['of nobody', {}, conflict],
  ])(
    'an incarnation of the cluster waits for what goes by itself, and only for that: an object %s',
    async (_what, metadata, expected) => {
      const { applier, server, apply } = setUp();
      await apply(configMap({ a: '1' }));
      server.objects.clear();
      const theirs = server.put('demo-config', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'demo-config', namespace: 'team', ...metadata },
      });
      for (const live of [theirs, undefined])
        await expect(
          applier.apply(resources.configMap, configMap({ a: '1' }), live, uid, signal),
        ).rejects.toMatchObject(expected);
      expect(server.objects.get('demo-config')).toBe(theirs);
    },
  );

  test('what was remembered is forgotten with the cluster, and only with that one', async () => {
    const { server, applier, apply } = setUp();
    await apply(configMap({ a: '1' }));
    applier.forget('uid-other');
    server.change('demo-config', { data: { a: 'x' } });
    expect(await apply(configMap({ a: '1' }))).toBe('reverted');
    applier.forget(uid);
    server.change('demo-config', { data: { a: 'x' } });
    expect(await apply(configMap({ a: '1' }))).toBe('updated');
  });

  test('a failure is passed on, and remembered as nothing', async () => {
    const server = new ServerStandIn();
    const failpoints = createFailpoints({
      spec: 'before apply ConfigMap demo-config=error;after apply ConfigMap demo-config=error',
      crash: () => undefined,
    });
    const applier = new Applier(server.client, failpoints);
    const apply = () =>
      applier.apply(
        resources.configMap,
        configMap({ a: '1' }),
        server.objects.get('demo-config'),
        uid,
        signal,
      );
    await expect(apply()).rejects.toThrow('failpoint before');
    expect(server.objects.size).toBe(0);
    await expect(apply()).rejects.toThrow('failpoint after');
    expect((await apply()).change).toBe('none');
    expect(server.objects.get('demo-config')).toMatchObject({ data: { a: '1' } });
  });
});
