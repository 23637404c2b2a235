import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createKubeClient,
  inClusterConnection,
  isGone,
  type KubeClient,
  type KubeObject,
} from '../../operator/src/kube/index.ts';
import { createInformer, type Informer } from '../../operator/src/runtime/index.ts';
import { until } from '../cluster/kubernetes/until.ts';
import { FaultProxy, isWatch, type Fault } from './fault-proxy.ts';
import { createAccount, startContract, widgets, type Contract } from './harness.ts';

/*
 * The client as a pod has it, with a token from a file, behind a proxy that breaks things. Every change is made around
 * the proxy: what is asserted is that the informer ends up with what the server has.
 */

let contract: Contract;
let proxy: FaultProxy;
let newToken: () => Promise<string>;
let folder: string;
let client: KubeClient;
let informer: Informer;
let seen: string[];
let name: string;
let serial = 0;
const never = new AbortController().signal;
/** Below it a watch is still waiting for its first event; the server's bookmarks come each minute. */
const silenceMs = 4000;

beforeAll(async () => {
  contract = await startContract();
  newToken = await createAccount(contract);
  proxy = await FaultProxy.start(contract.controlPlane);
}, 120_000);
afterAll(async () => {
  await proxy.stop();
  await contract.stop();
}, 60_000);

beforeEach(async () => {
  serial += 1;
  name = `fault-${serial}`;
  seen = [];
  folder = mkdtempSync(join(tmpdir(), 'ollamamax-account-'));
  writeFileSync(join(folder, 'ca.crt'), proxy.ca);
  writeFileSync(join(folder, 'token'), await newToken());
  await connect();
});
afterEach(async () => {
  proxy.heal();
  await informer.stop();
  await client.close();
  rmSync(folder, { recursive: true });
});

const connect = async (): Promise<void> => {
  const connection = await inClusterConnection({
    host: '127.0.0.1',
    port: String(proxy.port),
    directory: folder,
  });
  client = createKubeClient({ connection, log: contract.log, userAgent: 'fault-test' });
  informer = createInformer({
    client,
    resource: widgets,
    namespaces: [contract.namespace],
    log: contract.log,
    silenceMs,
  });
  informer.onEvent((event) => seen.push(`${event.type} ${event.object.metadata.name ?? ''}`));
};

const start = async (): Promise<void> => {
  await informer.start(never);
  await until('the watch is open', () => proxy.watches > 0);
  seen.length = 0;
  proxy.requests.length = 0;
};

const widget = (size = 1): KubeObject & { readonly spec: object } => ({
  apiVersion: widgets.apiVersion,
  kind: widgets.kind,
  metadata: { namespace: contract.namespace, name },
  spec: { size },
});

const lists = (): number => proxy.requests.filter((url) => url.includes('widgets') && !isWatch(url)).length;
const key = (): string => `${contract.namespace}/${name}`;
const arrives = (): Promise<KubeObject> => until(`${name} arrives`, () => informer.store.get(key()));
const watching = ({ url }: { readonly url: string }): boolean => isWatch(url);
const answer = (code: number, reason: string, retryAfter?: number): Fault => ({
  kind: 'answer',
  code,
  reason,
  ...(retryAfter === undefined ? {} : { retryAfter }),
});

describe('a watch', () => {
  beforeEach(start);

  test.each(['reset', 'close', 'silence'] as const)(
    'that ends by %s goes on from where it was, without a list',
    async (how) => {
      await contract.client.create(widgets, widget());
      await arrives();
      proxy.cut(how);
      await contract.client.serverSideApply(widgets, widget(2), {
        fieldManager: 'operator-contract',
        force: true,
      });
      await until('the change arrives', () => seen.includes(`update ${name}`));
      expect(seen.filter((text) => text.endsWith(name))).toEqual([`add ${name}`, `update ${name}`]);
      expect(lists()).toBe(0);
    },
  );

  test('that is told its version is too old lists again, and finds what it missed', async () => {
    await contract.client.create(widgets, widget());
    await arrives();
    proxy.break(watching, { kind: 'reset' });
    proxy.cut('reset');
    await contract.client.delete(widgets, { namespace: contract.namespace, name });
    proxy.heal();
    proxy.break(watching, answer(410, 'Expired'), 1);
    await until('the deletion is found', () => seen.includes(`delete ${name}`));
    expect(lists()).toBe(1);
  });

  test('that is told so in the middle lists again too', async () => {
    const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
    proxy.inject({ type: 'ERROR', object: status });
    await until('it lists', () => lists() === 1);
    await contract.client.create(widgets, widget());
    await arrives();
  });

  test('that the server turns away comes back when it was told to', async () => {
    proxy.break(watching, answer(429, 'TooManyRequests', 2), 1);
    const cutAt = Date.now();
    proxy.cut('close');
    await contract.client.create(widgets, widget());
    await arrives();
    expect(Date.now() - cutAt).toBeGreaterThanOrEqual(1900);
    expect(lists()).toBe(0);
  });

  test('outlives a server that fails for a while', async () => {
    proxy.break(watching, answer(500, 'InternalError'), 3);
    proxy.cut('reset');
    await contract.client.create(widgets, widget());
    await arrives();
    expect(lists()).toBe(0);
  });

  test('outlives its token, once the file has a new one', async () => {
    await refuseCurrentToken();
    proxy.cut('reset');
    await until('the old token was refused', () => proxy.requests.length > 0);
    writeFileSync(join(folder, 'token'), await newToken());
    await contract.client.create(widgets, widget());
    await arrives();
    expect(lists()).toBe(0);
  });

  test('outlives a restart of the API server', async () => {
    await contract.client.create(widgets, widget());
    await arrives();
    await contract.controlPlane.restartApiServer();
    await until('the server is back', () =>
      contract.client.mergePatch(widgets, { namespace: contract.namespace, name }, { spec: { size: 7 } }),
    );
    await until('the change arrives', () => seen.includes(`update ${name}`));
    await until('the proxy has a watch', () => proxy.watches === 1);
  });
});

/** The token in use is worth nothing from now on. */
const refuseCurrentToken = async (): Promise<void> => {
  let current: string | undefined;
  proxy.break(
    ({ token }) => {
      current = token;
      return false;
    },
    { kind: 'reset' },
  );
  await client.list(widgets, { namespace: contract.namespace });
  proxy.heal();
  proxy.break(({ token }) => token === current, answer(401, 'Unauthorized'));
  proxy.requests.length = 0;
};

describe('a start', () => {
  test('that meets failures ends well', async () => {
    proxy.break(() => true, { kind: 'reset' }, 2);
    proxy.break(() => true, answer(503, 'ServiceUnavailable'), 2);
    await contract.client.create(widgets, widget());
    await informer.start(never);
    expect(informer.store.get(key())).toBeDefined();
  });

  test('at which the server only answers errors fails loudly', async () => {
    proxy.break(() => true, answer(500, 'InternalError'));
    const hopeless = createInformer({ client, resource: widgets, log: contract.log, syncTimeoutMs: 3000 });
    await expect(hopeless.start(never)).rejects.toThrow('informer of widgets is not filled after 3000 ms');
  });
});

describe('a call', () => {
  test('to a server that hangs ends with its deadline', async () => {
    contract.controlPlane.pauseApiServer();
    try {
      const began = Date.now();
      const call = client.get(widgets, { namespace: contract.namespace, name }, { timeoutMs: 1500 });
      await expect(call).rejects.toMatchObject({ code: 0, reason: 'Timeout' });
      expect(Date.now() - began).toBeLessThan(5000);
    } finally {
      contract.controlPlane.resumeApiServer();
    }
  });

  test('in hundreds uses few connections', async () => {
    const one = () => client.list(widgets, { namespace: contract.namespace, limit: 1 });
    const atFirst = proxy.connections;
    await Promise.all(Array.from({ length: 300 }, one));
    expect(proxy.connections - atFirst).toBeLessThanOrEqual(64);
    const before = proxy.connections;
    for (let times = 0; times < 50; times += 1) await one();
    expect(proxy.connections).toBe(before);
  });

  test('with a version the server has forgotten is told so by the real one', async () => {
    const follow = async (): Promise<void> => {
      for await (const event of contract.client.watch(widgets, { resourceVersion: '1' }))
        seen.push(event.type);
    };
    const problem: unknown = await follow().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(isGone(problem)).toBe(true);
  });
});
