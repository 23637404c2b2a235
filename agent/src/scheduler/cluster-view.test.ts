import { describe, expect, test } from '@jest/globals';
import type { ModelStatus } from '@ollamamax/api';
import type { Peer } from '../p2p/peers.ts';
import { memoryCatalog, newDesiredState, newStatus } from '../p2p/wire.fixture.ts';
import { createClusterView, mergeAgents, mergeMetrics, mergeModels } from './cluster-view.ts';

const now = '2026-02-02T00:00:00.000Z';
const seen = '2026-02-01T23:59:59.000Z';
const model = (fields: Partial<ModelStatus> = {}): ModelStatus => ({
  name: 'tiny:latest',
  state: 'ready',
  sizeBytes: 10,
  completedBytes: 10,
  ...fields,
});
const peer = (id: string, fields: Partial<Peer> = {}): Peer => ({
  id,
  address: `${id}:9443`,
  online: true,
  lastSeen: seen,
  status: newStatus(id),
  ...fields,
});

describe('agents', () => {
  test('this one and its peers, sorted, with what they last said', () => {
    const agents = mergeAgents(
      newStatus('b', { phase: 'draining' }),
      [
        peer('c', { online: false }),
        peer('a'),
        peer('d', { online: false, lastSeen: undefined, status: undefined }),
      ],
      now,
    );
    expect(agents.map(({ id, phase, lastSeen, apiUrl }) => [id, phase, lastSeen, apiUrl])).toEqual([
      ['a', 'ready', seen, 'http://a:8080'],
      ['b', 'draining', now, 'http://b:8080'],
      ['c', 'offline', seen, 'http://c:8080'],
      ['d', 'offline', '', ''],
    ]);
  });
});

describe('metrics', () => {
  test('of agents that answer only', () => {
    const metrics = mergeMetrics(newStatus('b'), [peer('a'), peer('c', { online: false })], now);
    expect(Object.keys(metrics).sort()).toEqual(['a', 'b']);
    expect(metrics.a).toEqual({ at: seen, ...newStatus('a').load });
    expect(metrics.b?.at).toBe(now);
  });
});

describe('models', () => {
  test('desired ones with every copy that can be reached', () => {
    const models = mergeModels(
      newDesiredState(1, ['tiny', 'none']),
      newStatus('self', {
        models: [model({ state: 'downloading', sizeBytes: 0, completedBytes: 3 }), model({ name: 'old:1' })],
      }),
      [
        peer('a', {
          status: newStatus('a', { models: [model({ digest: 'd', adapters: ['e'], modifiedAt: now })] }),
        }),
        peer('b', { online: false, status: newStatus('b', { models: [model()] }) }),
      ],
    );
    expect(models).toEqual([
      { name: 'none:latest', sizeBytes: 0, replicasDesired: 3, replicasReady: 0, agents: [] },
      {
        name: 'tiny:latest',
        digest: 'd',
        adapters: ['e'],
        sizeBytes: 10,
        modifiedAt: now,
        replicasDesired: 3,
        replicasReady: 1,
        agents: [
          { id: 'a', state: 'ready', completedBytes: 10, sizeBytes: 10 },
          { id: 'self', state: 'downloading', completedBytes: 3, sizeBytes: 0 },
        ],
      },
    ]);
  });

  test.each([
    [undefined, 0, 1],
    [undefined, 4, 3],
    [2, 4, 2],
    [9, 4, 5],
  ])('%s replicas among this and %d peers: %d', (replicas, count, expected) => {
    const desired = newDesiredState(1);
    const models = desired.models.map((spec) => (replicas === undefined ? spec : { ...spec, replicas }));
    const peers = Array.from({ length: count }, (_, index) => peer(`p${index}`));
    expect(mergeModels({ ...desired, models }, newStatus('self'), peers)[0]?.replicasDesired).toBe(expected);
  });
});

test('as many copies are wanted as agents may hold the model', () => {
  const state = newDesiredState(1, ['a', 'b', 'c']);
  const [a, b, c] = state.models;
  const models = mergeModels(
    {
      ...state,
      models: [
        { ...a!, replicas: 2 },
        { ...b!, agents: ['self', 'gone'] },
        { ...c!, agents: [] },
      ],
    },
    newStatus('self'),
    [peer('p'), peer('q')],
  );
  expect(models.map(({ replicasDesired }) => replicasDesired)).toEqual([2, 1, 0]);
});

describe('the view', () => {
  test('reads what is there now and passes changes of all its sources on', async () => {
    const listeners = new Set<() => void>();
    const source = {
      onChange: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const catalog = memoryCatalog();
    const drains: Record<string, unknown> = {};
    const peers: Peer[] = [];
    const view = createClusterView({
      bootId: 'boot-self',
      status: () => newStatus('self'),
      peers: { list: () => peers, onChange: source.onChange },
      catalog: { ...catalog, agreed: () => ({ drains }), onAgreed: catalog.onChange },
      own: [source],
      now: () => new Date(now),
    });
    expect(view.bootId).toBe('boot-self');
    expect(view.agents().map(({ id }) => id)).toEqual(['self']);
    let changes = 0;
    const stop = view.onChange(() => (changes += 1));
    peers.push(peer('a'));
    for (const listener of listeners) listener();
    await catalog.apply(newDesiredState(2, ['other']));
    expect(changes).toBe(2);
    expect(view.agents().map(({ phase }) => phase)).toEqual(['ready', 'ready']);
    drains.a = {};
    expect(view.agents().map(({ phase }) => phase)).toEqual(['draining', 'ready']);
    expect(view.models().map(({ name }) => name)).toEqual(['other:latest']);
    expect(Object.keys(view.metrics()).sort()).toEqual(['a', 'self']);
    stop();
    for (const listener of listeners) listener();
    await catalog.apply(newDesiredState(3));
    expect(changes).toBe(2);
  });
});
