import { beforeEach, describe, expect, test } from '@jest/globals';
import { KubeError } from '../kube/index.ts';
import { SecretsStandIn, writingOf } from './child-writer.fixture.ts';
import { clusterOf, type ClusterFields } from './cluster.fixture.ts';
import { SecretKeeper } from './secret-keeper.ts';
import { foreign } from './secrets.fixture.ts';

const open = (spec: object = {}, fields: ClusterFields = {}) =>
  clusterOf({ auth: { enabled: false }, ...spec }, fields);
const own = (name: string) => foreign(name, {}, open());

let server: SecretsStandIn;
let keeper: SecretKeeper;
beforeEach(() => {
  server = new SecretsStandIn();
  keeper = new SecretKeeper(server);
});

describe('read', () => {
  const { signal } = new AbortController();
  const read = (fields: ClusterFields = {}) => keeper.read(open({}, fields), signal);

  test('asks again after a while, not each time', async () => {
    server.put(own('demo-ca'));
    const first = await read();
    expect(first.authority).toBe(server.secrets.get('demo-ca'));
    server.put(own('demo-ca'));
    await server.clock.advance(14_999);
    expect(await read()).toBe(first);
    await server.clock.advance(1);
    expect((await read()).authority).toBe(server.secrets.get('demo-ca'));
    expect(server.read.filter((name) => name === 'demo-ca')).toHaveLength(2);
  });

  test.each<[string, ClusterFields]>([
    ['spec', { generation: 2 }],
    ['annotations', { annotations: { 'ollamamax.io/paused': 'true' } }],
  ])('asks at once when somebody has changed the %s', async (_what, fields) => {
    const first = await read();
    const second = await read(fields);
    expect(second).not.toBe(first);
    expect(await read(fields)).toBe(second);
  });

  test('asks at once where it is told to, for that cluster', async () => {
    const other = { name: 'other', uid: 'uid-other' };
    let last = await read();
    const ofOther = await read(other);
    for (const again of [() => keeper.expire('uid-demo'), () => keeper.forget('uid-demo')]) {
      again();
      const next = await read();
      expect(next).not.toBe(last);
      last = next;
    }
    expect(await read(other)).toBe(ofOther);
  });

  test('remembers no failure', async () => {
    server.failure.get = new KubeError({ code: 500, reason: 'InternalError', message: 'no' });
    await expect(read()).rejects.toMatchObject({ reason: 'InternalError' });
    server.put(own('demo-ca'));
    expect((await read()).authority).toBeDefined();
  });
});

describe('prune', () => {
  const all = ['demo-ca', 'demo-agent-tls', 'demo-operator-tls', 'demo-api-tls', 'demo-auth', 'demo-admin'];
  const needed = all.slice(0, 3);
  beforeEach(() => {
    for (const name of all) server.put(own(name));
  });

  /** Names of what is left. */
  const prune = async (cluster = open(), wanted = needed): Promise<readonly string[]> => {
    await keeper.prune(writingOf(cluster), wanted.map(own));
    return [...server.secrets.keys()];
  };

  test('deletes what has become superfluous', async () => {
    expect(await prune()).toEqual(needed);
    expect(server.told).toHaveLength(3);
  });

  test('deletes nothing that is wanted', async () => {
    expect(await prune(open(), all)).toEqual(all);
    expect(server.read).toEqual([]);
  });

  test('deletes only what the operator makes for some clusters', async () => {
    expect(await prune(open(), [])).toEqual(needed);
  });

  test.each<[string, string, object]>([
    ['TLS', 'demo-api-tls', { tls: { secretName: 'demo-api-tls' } }],
    ['the Ingress', 'demo-api-tls', { ingress: { tlsSecretName: 'demo-api-tls' } }],
    [
      'the environment',
      'demo-admin',
      { pod: { env: [{ name: 'P', valueFrom: { secretKeyRef: { name: 'demo-admin', key: 'password' } } }] } },
    ],
  ])('keeps what the spec mentions: %s', async (_where, name, spec) => {
    expect(await prune(open(spec))).toEqual([...needed, name]);
  });

  test('does not keep what the spec mentions only a part of', async () => {
    expect(await prune(open({ tls: { secretName: 'demo-api-tls-2' } }))).toEqual(needed);
  });

  test('looks once for each generation', async () => {
    await prune();
    const { length } = server.read;
    server.put(own('demo-auth'));
    expect(await prune()).toContain('demo-auth');
    expect(server.read).toHaveLength(length);
    expect(await prune(open({}, { generation: 2 }))).toEqual(needed);
  });

  test('looks again for one that was forgotten', async () => {
    await prune();
    server.put(own('demo-auth'));
    keeper.forget('uid-demo');
    expect(await prune()).toEqual(needed);
  });

  test('tries again what has failed', async () => {
    server.failure.delete = new KubeError({ code: 500, reason: 'InternalError', message: 'no' });
    await expect(prune()).rejects.toMatchObject({ reason: 'InternalError' });
    expect(await prune()).toEqual(needed);
  });
});
