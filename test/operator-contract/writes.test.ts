import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  isAlreadyExists,
  isConflict,
  isInvalid,
  isNotFound,
  type KubeClient,
  type KubeError,
  type KubeObject,
} from '../../operator/src/kube/index.ts';
import {
  addFinalizer,
  controllerReference,
  createEventRecorder,
  hasFinalizer,
  mergeConditions,
  removeFinalizer,
  type ConditionFacts,
} from '../../operator/src/runtime/index.ts';
import { until } from '../cluster/kubernetes/until.ts';
import {
  configMaps,
  events,
  services,
  startContract,
  widgets,
  type ConfigMap,
  type Contract,
  type Widget,
} from './harness.ts';

let contract: Contract;
let client: KubeClient;
let namespace: string;

beforeAll(async () => {
  contract = await startContract();
  ({ client, namespace } = contract);
}, 120_000);
afterAll(() => contract.stop(), 60_000);

const failure = (promise: Promise<unknown>): Promise<KubeError> =>
  promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as KubeError,
  );

const widget = (
  name: string,
  more: Omit<Partial<Widget>, 'metadata'> & { metadata?: object } = {},
): Widget => ({
  apiVersion: widgets.apiVersion,
  kind: widgets.kind,
  ...more,
  metadata: { namespace, name, ...more.metadata },
});

const configMap = (name: string, data: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name },
  data,
});

const apply = (
  object: KubeObject,
  fieldManager: string,
  options: { force?: boolean; subresource?: string } = {},
) =>
  client.serverSideApply<Widget & ConfigMap>(object.kind === 'Widget' ? widgets : configMaps, object, {
    fieldManager,
    ...options,
  });

describe('server-side apply', () => {
  test('creates, and applied again unchanged writes nothing', async () => {
    const first = await apply(configMap('same', { a: '1' }), 'one');
    const second = await apply(configMap('same', { a: '1' }), 'one');
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const changed = await apply(configMap('same', { a: '2' }), 'one');
    expect(changed.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
  });

  test('names the manager in the way; by force the field changes hands', async () => {
    await apply(configMap('shared', { a: '1', b: '1' }), 'one');
    const error = await failure(apply(configMap('shared', { a: '2' }), 'two'));
    expect(isConflict(error)).toBe(true);
    expect(isAlreadyExists(error)).toBe(false);
    expect(error.details?.causes).toEqual([
      { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' },
    ]);
    const forced = await apply(configMap('shared', { a: '2' }), 'two', { force: true });
    expect(forced.data).toEqual({ a: '2', b: '1' });
  });

  test('drops what its manager leaves out, and leaves the fields of others alone', async () => {
    await apply(configMap('dropped', { a: '1', b: '1' }), 'one');
    await apply(configMap('dropped', { c: '1' }), 'two');
    const after = await apply(configMap('dropped', { a: '1' }), 'one');
    expect(after.data).toEqual({ a: '1', c: '1' });
  });

  test('passes fields on that no library here knows', async () => {
    const object = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: 'raw' },
      spec: { selector: { a: 'b' }, ports: [{ port: 80 }], trafficDistribution: 'PreferClose' },
    };
    expect(await client.serverSideApply(services, object, { fieldManager: 'one' })).toMatchObject({
      spec: { trafficDistribution: 'PreferClose' },
    });
    const wrong = { ...object, spec: { ...object.spec, noSuchField: 1 } };
    expect(await failure(client.serverSideApply(services, wrong, { fieldManager: 'one' }))).toMatchObject({
      message: expect.stringContaining('noSuchField'),
    });
  });

  test('a dry run says what would be and writes nothing', async () => {
    await client.serverSideApply(configMaps, configMap('dry', { a: '1' }), {
      fieldManager: 'one',
      dryRun: true,
    });
    expect(isNotFound(await failure(client.get(configMaps, { namespace, name: 'dry' })))).toBe(true);
  });
});

describe('status', () => {
  const facts = (type: string, status: 'True' | 'False'): ConditionFacts => ({
    type,
    status,
    reason: 'Tested',
    message: '',
    observedGeneration: 1,
  });
  const judged = (previous: Widget, ...wanted: ConditionFacts[]): Widget =>
    widget(previous.metadata.name ?? '', {
      status: { conditions: mergeConditions(previous.status?.conditions, wanted, Date.now()) },
    });

  test('is written apart from spec, and moves no generation', async () => {
    const created = await apply(widget('status', { spec: { size: 1 } }), 'user');
    expect(created.metadata.generation).toBe(1);
    const ignored = await apply(widget('status', { status: { phase: 'Ready' } }), 'operator');
    expect(ignored.status).toBeUndefined();
    const written = await apply(widget('status', { status: { phase: 'Ready' } }), 'operator', {
      subresource: 'status',
    });
    expect(written).toMatchObject({
      spec: { size: 1 },
      status: { phase: 'Ready' },
      metadata: { generation: 1 },
    });
    const grown = await apply(widget('status', { spec: { size: 2 } }), 'user');
    expect(grown.metadata.generation).toBe(2);
  });

  test('belongs to two managers by condition, each in its own list', async () => {
    const created = await apply(widget('two', { spec: { size: 1 } }), 'user');
    const status = { subresource: 'status', force: true };
    await apply(judged(created, facts('Ready', 'True'), facts('Available', 'True')), 'one', status);
    const both = await apply(judged(created, facts('Healthy', 'True')), 'two', status);
    expect(both.status?.conditions?.map(({ type }) => type).toSorted()).toEqual([
      'Available',
      'Healthy',
      'Ready',
    ]);
    const less = await apply(judged(both, facts('Ready', 'False')), 'one', status);
    expect(less.status?.conditions?.map(({ type, status: value }) => `${type} ${value}`).toSorted()).toEqual([
      'Healthy True',
      'Ready False',
    ]);
  });

  test('judged the same again is the same version', async () => {
    const created = await apply(widget('idle', { spec: { size: 1 } }), 'user');
    const status = { subresource: 'status', force: true };
    const first = await apply(judged(created, facts('Ready', 'True')), 'one', status);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const second = await apply(judged(first, facts('Ready', 'True')), 'one', status);
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });
});

describe('patches and replacements', () => {
  test('a replacement must build on the newest version', async () => {
    const first = await client.create<ConfigMap>(configMaps, configMap('replaced', { a: '1' }));
    expect(isAlreadyExists(await failure(client.create(configMaps, configMap('replaced', {}))))).toBe(true);
    const second = await client.replace<ConfigMap>(configMaps, { ...first, data: { a: '2' } } as KubeObject);
    expect(second.data).toEqual({ a: '2' });
    expect(isConflict(await failure(client.replace(configMaps, first)))).toBe(true);
  });

  test('a merge patch changes what it names, a JSON patch only what it has tested', async () => {
    const name = { namespace, name: 'patched' };
    await client.create(configMaps, configMap('patched', { a: '1', b: '1' }));
    const merged = await client.mergePatch<ConfigMap>(configMaps, name, { data: { b: null, c: '1' } });
    expect(merged.data).toEqual({ a: '1', c: '1' });
    const patch = (value: string) =>
      client.jsonPatch<ConfigMap>(configMaps, name, [
        { op: 'test', path: '/data/a', value },
        { op: 'replace', path: '/data/a', value: '9' },
      ]);
    expect((await patch('1')).data).toEqual({ a: '9', c: '1' });
    expect(isInvalid(await failure(patch('1')))).toBe(true);
  });

  test('what the schema forbids is named by field', async () => {
    const error = await failure(client.create(widgets, widget('wrong', { spec: { size: -1 } })));
    expect(isInvalid(error)).toBe(true);
    expect(error.details?.causes?.map(({ field }) => field)).toEqual(['spec.size']);
  });
});

describe('deletion', () => {
  test('meets only the incarnation it names', async () => {
    const name = { namespace, name: 'deleted' };
    await client.create(configMaps, configMap('deleted', {}));
    expect(isConflict(await failure(client.delete(configMaps, name, { uid: 'another' })))).toBe(true);
    const { metadata } = await client.get(configMaps, name);
    await client.delete(configMaps, name, { uid: metadata.uid, propagation: 'Background' });
    expect(isNotFound(await failure(client.delete(configMaps, name)))).toBe(true);
  });

  test('waits for finalizers, ours and those of others', async () => {
    const name = { namespace, name: 'finalized' };
    const created = await client.create(widgets, widget('finalized'));
    const ours = await addFinalizer(client, widgets, created, 'contract.test/ours');
    expect(hasFinalizer(ours, 'contract.test/ours')).toBe(true);
    expect(await addFinalizer(client, widgets, ours, 'contract.test/ours')).toBe(ours);
    // What was read before another finalizer came is outdated.
    const both = await addFinalizer(client, widgets, ours, 'contract.test/theirs');
    expect(isConflict(await failure(addFinalizer(client, widgets, ours, 'contract.test/more')))).toBe(true);
    expect(isConflict(await failure(removeFinalizer(client, widgets, ours, 'contract.test/ours')))).toBe(
      true,
    );
    expect(isInvalid(await failure(addFinalizer(client, widgets, both, 'no name at all!')))).toBe(true);

    await client.delete(widgets, name);
    const dying = await client.get(widgets, name);
    expect(dying.metadata.deletionTimestamp).toBeDefined();
    await removeFinalizer(client, widgets, dying, 'contract.test/ours');
    const left = await client.get(widgets, name);
    expect(left.metadata.finalizers).toEqual(['contract.test/theirs']);
    await removeFinalizer(client, widgets, left, 'contract.test/theirs');
    expect(isNotFound(await failure(client.get(widgets, name)))).toBe(true);
    await removeFinalizer(client, widgets, left, 'contract.test/theirs');
  });

  test('does not take a finalizer from a later object of the same name', async () => {
    const first = await client.create(
      widgets,
      widget('again', { metadata: { finalizers: ['contract.test/a'] } }),
    );
    await removeFinalizer(client, widgets, first, 'contract.test/a');
    await client.delete(widgets, { namespace, name: 'again' });
    await client.create(widgets, widget('again', { metadata: { finalizers: ['contract.test/a'] } }));
    expect(isConflict(await failure(removeFinalizer(client, widgets, first, 'contract.test/a')))).toBe(true);
  });

  test('of an owner takes its children along', async () => {
    // Of a kind that was there from the start: garbage collection learns of new kinds after half a minute.
    const owner = await client.create(configMaps, configMap('owner', {}));
    const child = configMap('child', {});
    const owned = {
      ...child,
      metadata: { ...child.metadata, ownerReferences: [controllerReference(owner)] },
    };
    await client.create(configMaps, owned);
    await client.delete(configMaps, { namespace, name: 'owner' }, { propagation: 'Foreground' });
    await until('both are gone', async () => {
      const names = (await client.list(configMaps, { namespace })).items.map(({ metadata }) => metadata.name);
      return !names.includes('child') && !names.includes('owner');
    });
  });
});

test('discovery tells what is served', async () => {
  expect(await client.hasResource(widgets.apiVersion, 'widgets')).toBe(true);
  expect(await client.hasResource(widgets.apiVersion, 'gadgets')).toBe(false);
  expect(await client.hasResource('monitoring.coreos.com/v1', 'servicemonitors')).toBe(false);
  await contract.controlPlane.installMonitoringKinds();
  await until('ServiceMonitor is served', () =>
    client.hasResource('monitoring.coreos.com/v1', 'servicemonitors'),
  );
});

test('a list goes over pages to its end', async () => {
  const names = Array.from({ length: 23 }, (_value, index) => `page-${String(index).padStart(2, '0')}`);
  const labels = { paged: 'yes' };
  for (const name of names) await client.create(widgets, widget(name, { metadata: { labels } }));
  const list = await client.listAll(widgets, { namespace, labelSelector: 'paged=yes', limit: 5 });
  expect(list.items.map(({ metadata }) => metadata.name)).toEqual(names);
  expect(
    list.items.every(({ kind, apiVersion }) => kind === 'Widget' && apiVersion === widgets.apiVersion),
  ).toBe(true);
  expect(list.resourceVersion).toMatch(/^\d+$/);
});

type Event = KubeObject & { readonly regarding: { readonly uid: string } };

test('events are kept by the server, repeats as a count, as kubectl shows them', async () => {
  const about = await client.create(widgets, widget('eventful'));
  const recorder = createEventRecorder({
    client,
    log: contract.log,
    controller: 'contract.test/operator',
    instance: 'test',
    refreshMs: 200,
  });
  for (let times = 0; times < 7; times += 1)
    recorder.record(about, { type: 'Warning', reason: 'Shaken', action: 'Shaking', note: 'it was shaken' });
  recorder.record(about, { type: 'Normal', reason: 'Stirred', note: 'it was stirred' });
  await recorder.stop(AbortSignal.timeout(10_000));
  const { items } = await client.list<Event>(events, { namespace });
  const mine = items.filter(({ regarding }) => regarding.uid === about.metadata.uid);
  expect(mine).toHaveLength(2);
  expect(mine).toContainEqual(
    expect.objectContaining({ reason: 'Shaken', series: expect.objectContaining({ count: 7 }) }),
  );
  const shown = await contract.controlPlane.kubectl([
    'describe',
    'widget',
    'eventful',
    `--namespace=${namespace}`,
  ]);
  expect(shown).toMatch(/Warning\s+Shaken\s+.*x7.*it was shaken/);
});
