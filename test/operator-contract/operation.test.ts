import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Registry } from '@ollamamax/common';
import {
  createKubeClient,
  inClusterConnection,
  keyOf,
  parseKey,
  writesUntil,
  type KubeClient,
} from '../../operator/src/kube/index.ts';
import {
  byControllerUid,
  controllerReference,
  createController,
  createFailpoints,
  createInformer,
  createLeaderElection,
  createRuntimeMetrics,
  mergeConditions,
  ownedBy,
  sameJson,
  TerminalError,
  toController,
  toItself,
  unlessStatusOnly,
  type Controller,
  type Informer,
  type LeaderElection,
} from '../../operator/src/runtime/index.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../cluster/kubernetes/until.ts';
import { FaultProxy } from './fault-proxy.ts';
import {
  configMaps,
  createAccount,
  leases,
  startContract,
  widgets,
  type ConfigMap,
  type Contract,
  type Widget,
} from './harness.ts';

let contract: Contract;
let client: KubeClient;
let namespace: string;
const never = new AbortController().signal;

beforeAll(async () => {
  contract = await startContract();
  ({ client, namespace } = contract);
}, 120_000);
afterAll(() => contract.stop(), 60_000);

describe('leader election', () => {
  const diary: string[] = [];
  const candidate = (identity: string, own: KubeClient, lease: string): LeaderElection =>
    createLeaderElection({
      client: own,
      log: contract.log,
      namespace,
      lease,
      identity,
      leaseDurationMs: 4000,
      renewDeadlineMs: 2500,
      retryPeriodMs: 500,
      onLost: () => diary.push(`${identity} lost at ${Date.now()}`),
      lead: async (signal) => {
        // As fast as it can, so that a write after the end would be seen.
        const fenced = writesUntil(own, signal);
        for (let count = 1; !signal.aborted; count += 1) {
          const data = { leader: identity, count: String(count) };
          const object = {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { namespace, name: `of-${lease}` },
            data,
          };
          await fenced
            .serverSideApply(configMaps, object, { fieldManager: identity, force: true })
            .catch(() => sleep(20));
        }
      },
    });
  const writer = async (lease: string): Promise<string | undefined> =>
    (await client.get<ConfigMap>(configMaps, { namespace, name: `of-${lease}` })).data?.leader;

  test('has one leader, and a clean stop hands over within two seconds', async () => {
    const [a, b] = [candidate('a', client, 'clean'), candidate('b', client, 'clean')];
    await a.start(never);
    await until('a leads', () => a.leading);
    await b.start(never);
    await sleep(3000);
    expect([a.leading, b.leading, b.leader]).toEqual([true, false, 'a']);
    expect(await writer('clean')).toBe('a');

    const stopAt = Date.now();
    await a.stop(AbortSignal.timeout(5000));
    await until('b leads', () => b.leading, { everyMs: 10 });
    expect(Date.now() - stopAt).toBeLessThan(2000);
    await until('b writes', async () => (await writer('clean')) === 'b');
    await b.stop(AbortSignal.timeout(5000));
    const lease = await client.get(leases, { namespace, name: 'clean' });
    expect(lease).toMatchObject({ spec: { leaseTransitions: 1 } });
    expect(lease).not.toHaveProperty('spec.holderIdentity');
  });

  test('ends for a leader that is cut off before another may begin, who then is the only one to write', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ollamamax-leader-'));
    const proxy = await FaultProxy.start(contract.controlPlane);
    const newToken = await createAccount(contract);
    writeFileSync(join(folder, 'ca.crt'), proxy.ca);
    writeFileSync(join(folder, 'token'), await newToken());
    const connection = await inClusterConnection({
      host: '127.0.0.1',
      port: String(proxy.port),
      directory: folder,
    });
    const own = createKubeClient({ connection, log: contract.log, userAgent: 'leader-test' });
    const [a, b] = [candidate('c', own, 'cut'), candidate('d', client, 'cut')];
    const writes = () => contract.controlPlane.auditedWrites(`system:serviceaccount:${namespace}:tester`);
    try {
      await a.start(never);
      await until('it leads', () => a.leading);
      await b.start(never);
      await sleep(1000);
      const cutAt = Date.now();
      proxy.break(() => true, { kind: 'reset' });
      await until('it has lost', () => !a.leading, { everyMs: 10 });
      expect(Date.now() - cutAt).toBeLessThan(3000);
      expect(b.leading).toBe(false);
      expect(diary).toContainEqual(expect.stringMatching(/^c lost/));
      await until('the other leads', () => b.leading, { everyMs: 10 });
      const before = writes().length;
      proxy.heal();
      await until('the other writes', async () => (await writer('cut')) === 'd');
      await sleep(1500);
      expect(before).toBeGreaterThan(10);
      expect(writes()).toHaveLength(before);
      const lease = await client.get(leases, { namespace, name: 'cut' });
      expect(lease).toMatchObject({ spec: { holderIdentity: 'd', leaseTransitions: 1 } });
    } finally {
      await Promise.all([a.stop(AbortSignal.timeout(3000)), b.stop(AbortSignal.timeout(3000))]);
      await own.close();
      await proxy.stop();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a controller', () => {
  let controller: Controller;
  let running: Promise<void>;
  let informers: { readonly widgets: Informer<Widget>; readonly children: Informer<ConfigMap> };
  let reconciles = 0;
  const registry = new Registry();
  const failpoints = createFailpoints({ spec: 'between=3*error', crash: () => undefined });
  const selector = 'contract.test/child=yes';

  /** A widget wants a ConfigMap that says its color, and a status that says it has it. */
  const reconcile = async (key: string): Promise<undefined> => {
    reconciles += 1;
    const widget = informers.widgets.store.get(key);
    const uid = widget?.metadata.uid;
    if (widget === undefined || uid === undefined) return undefined;
    if (widget.spec?.color === 'impossible') throw new TerminalError('there is no such color');
    const { name = '', generation = 0 } = widget.metadata;
    const wanted = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        namespace,
        name: `child-${name}`,
        labels: { 'contract.test/child': 'yes' },
        ownerReferences: [controllerReference(widget)],
      },
      data: { color: widget.spec?.color ?? 'none' },
    };
    const [there] = informers.children.store.byIndex('owner', uid);
    if (!sameJson(there?.data, wanted.data))
      await client.serverSideApply(configMaps, wanted, { fieldManager: 'contract', force: true });
    await failpoints.hit('between');
    const facts = {
      type: 'Ready',
      status: 'True' as const,
      reason: 'Applied',
      message: '',
      observedGeneration: generation,
    };
    const conditions = mergeConditions(widget.status?.conditions, [facts], Date.now());
    if (!sameJson(widget.status?.conditions, conditions)) {
      const status = {
        apiVersion: widgets.apiVersion,
        kind: widgets.kind,
        metadata: { namespace, name },
        status: { conditions },
      };
      await client.serverSideApply(widgets, status, {
        fieldManager: 'contract',
        force: true,
        subresource: 'status',
      });
    }
    return undefined;
  };

  beforeAll(async () => {
    const options = { client, log: contract.log, namespaces: [namespace] };
    informers = {
      widgets: createInformer<Widget>({ ...options, resource: widgets }),
      children: createInformer<ConfigMap>({
        ...options,
        resource: configMaps,
        labelSelector: selector,
        indexes: { owner: byControllerUid },
      }),
    };
    controller = createController({
      name: 'widget',
      reconcile,
      log: contract.log,
      workers: 4,
      metrics: createRuntimeMetrics(registry),
      generationOf: (key) => {
        const metadata = informers.widgets.store.get(key)?.metadata;
        return metadata && `${metadata.uid ?? ''}/${metadata.generation ?? 0}`;
      },
      resync: { keys: () => informers.widgets.store.keys(), everyMs: 600_000 },
    });
    controller.watch(informers.widgets, toItself, { when: unlessStatusOnly });
    controller.watch(informers.children, toController(widgets));
    await Promise.all([informers.widgets.start(never), informers.children.start(never)]);
    running = controller.run(never);
  });
  afterAll(async () => {
    await controller.stop();
    await running;
    await Promise.all([informers.widgets.stop(), informers.children.stop()]);
  });

  const create = (name: string, color: string) =>
    client.create(widgets, {
      apiVersion: widgets.apiVersion,
      kind: widgets.kind,
      metadata: { namespace, name },
      spec: { color },
    } as Widget);
  const child = (name: string) => client.get<ConfigMap>(configMaps, { namespace, name: `child-${name}` });
  const ready = (name: string, generation: number) =>
    until(`${name} is ready`, async () => {
      const { status } = await client.get<Widget>(widgets, { namespace, name });
      return status?.conditions?.[0]?.observedGeneration === generation;
    });

  test('makes what is wanted, although it fails between two writes', async () => {
    const owner = await create('one', 'red');
    await ready('one', 1);
    const made = await child('one');
    expect(made.data).toEqual({ color: 'red' });
    expect(ownedBy(made, owner.metadata.uid ?? '')).toBe(true);
    expect(await registry.metrics()).toContain(
      'controller_runtime_reconcile_errors_total{controller="widget"} 3',
    );
  });

  test('follows a new generation, and puts right what others change or delete', async () => {
    await client.mergePatch(widgets, { namespace, name: 'one' }, { spec: { color: 'blue' } });
    await ready('one', 2);
    await client.mergePatch(
      configMaps,
      { namespace, name: 'child-one' },
      { data: { color: 'brown', more: '1' } },
    );
    await until('the color is back', async () => (await child('one')).data?.color === 'blue');
    await client.delete(configMaps, { namespace, name: 'child-one' });
    await until('the child is back', async () => (await child('one')).data?.color === 'blue');
  });

  test('lets rest what makes no sense, until somebody changes it', async () => {
    await create('wrong', 'impossible');
    await until('it was refused', async () =>
      (await registry.metrics()).includes('terminal_reconcile_errors_total{controller="widget"} 1'),
    );
    const before = reconciles;
    const patch = (body: object) => client.mergePatch(widgets, { namespace, name: 'wrong' }, body);
    await patch({ metadata: { annotations: { touched: 'yes' } } });
    await sleep(500);
    expect(reconciles).toBe(before);
    await patch({ spec: { color: 'green' } });
    await ready('wrong', 2);
  });

  test('works through many, then is still: no write and no reconcile', async () => {
    const names = Array.from({ length: 40 }, (_value, index) => `many-${index}`);
    await Promise.all(names.map((name) => create(name, 'green')));
    for (const name of names) await ready(name, 1);
    await sleep(1000);
    const before = { reconciles, writes: contract.controlPlane.auditedWrites().filter(ours).length };
    expect(before.writes).toBeGreaterThan(80);
    await sleep(4000);
    expect({ reconciles, writes: contract.controlPlane.auditedWrites().filter(ours).length }).toEqual(before);
    expect(informers.children.store.keys()).toContain(
      keyOf({ metadata: { namespace, name: 'child-many-7' } }),
    );
    expect(parseKey(`${namespace}/child-many-7`)).toEqual({ namespace, name: 'child-many-7' });
  });
});

const ours = ({ resource }: { readonly resource: string }): boolean =>
  /^(widgets|configmaps)\b/.test(resource);
