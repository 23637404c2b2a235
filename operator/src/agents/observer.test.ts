import { describe, expect, test } from '@jest/globals';
import { ApiError, type ConsensusStatus } from '@ollamamax/api';
import { memberOf, reportedModel } from '../cluster/agents.fixture.ts';
import { eventually, type AgentServer } from './agent-server.fixture.ts';
import { busyMs, ipOf, isWell, key, stateOf, useWorlds, type World } from './observer.fixture.ts';

const { setUp, newOperator } = useWorlds();

describe('desired state', () => {
  test('is given to agents that are behind, and then told of by them', async () => {
    const world = await setUp(2);
    world.watch(stateOf(5));
    for (const ordinal of [0, 1])
      await world.until(ordinal, ({ status }) => status?.catalogRevision === 5, 'told');
    for (const { pushed } of world.servers) expect(pushed).toEqual([stateOf(5)]);
  });

  test.each([5, 6])('is not given to an agent that has revision %d', async (revision) => {
    const world = await setUp();
    world.servers[0]!.status = { ...world.servers[0]!.status, catalogRevision: revision };
    world.watch(stateOf(5));
    await world.rounds(3);
    expect(world.servers[0]!.pushed).toEqual([]);
    expect(world.report(0)?.problem).toBeUndefined();
  });

  test('is not given where there is only to look', async () => {
    const world = await setUp();
    world.watch(undefined);
    await world.rounds(3);
    expect(world.servers[0]!.pushed).toEqual([]);
    expect(isWell(world.report(0)!)).toBe(true);
  });

  test('a newer one is given at once, not when it is time to look again', async () => {
    const world = await setUp(1, 3_600_000);
    world.watch(stateOf(3));
    await world.until(0, ({ status }) => status?.catalogRevision === 3, 'at 3');
    world.watch(stateOf(4));
    await world.until(0, ({ status }) => status?.catalogRevision === 4, 'at 4');
  });

  test('is given again to an agent that has lost it', async () => {
    const world = await setUp();
    world.watch(stateOf(3));
    await world.until(0, ({ status }) => status?.catalogRevision === 3, 'at 3');
    world.servers[0]!.status = { ...world.servers[0]!.status, catalogRevision: 0 };
    await eventually(
      () => world.servers[0]!.pushed.length,
      (count) => count === 2,
      'given again',
    );
  });
});

describe('problems', () => {
  test('an agent that refuses is told from one that cannot be reached', async () => {
    const world = await setUp(2);
    world.servers[0]!.refusePush = new ApiError('config_invalid', 'models[0] is wrong');
    await world.servers[1]!.close();
    world.watch(stateOf(5));
    const refusing = await world.until(0, ({ problem }) => problem !== undefined, 'refusing');
    expect(refusing.problem).toEqual({ kind: 'refused', message: 'demo-0: models[0] is wrong' });
    // It has answered: what it said of itself is known.
    expect(refusing.status?.catalogRevision).toBe(2);
    const away = await world.until(1, ({ problem }) => problem !== undefined, 'away');
    expect(away).toMatchObject({
      status: undefined,
      problem: {
        kind: 'unreachable',
        message: expect.stringContaining('demo-1 does not answer at 127.0.0.3'),
      },
    });
  });

  test('one that has a newer revision is known to have it: the next one can be above', async () => {
    const world = await setUp();
    world.watch(stateOf(5));
    await world.until(0, ({ status }) => status?.catalogRevision === 5, 'told');
    const [server] = world.servers;
    server!.refusePush = new ApiError('stale_revision', 'there is 9');
    server!.status = { ...server!.status, catalogRevision: 1, version: '9.9.9' };
    const report = await world.until(0, ({ problem }) => problem?.kind === 'refused', 'refused');
    expect(report.status?.version).toBe('9.9.9');
  });

  test('somebody else at the address is told nothing', async () => {
    const world = await setUp();
    const [server] = world.servers;
    world.watch(stateOf(5), { agents: [{ name: 'demo-7', ip: ipOf(0) }] });
    const report = await world.until(7, ({ problem }) => problem !== undefined, 'refused');
    expect(report.problem).toMatchObject({ kind: 'unreachable' });
    expect(server!.pushed).toEqual([]);
    expect(server!.asked).toBe(0);
  });

  test('a silent agent is believed to be what it last was, and the silence is measured', async () => {
    const world = await setUp();
    world.watch(undefined);
    await world.until(0, isWell, 'well');
    world.pass(1000);
    await world.rounds(2);
    expect(world.report(0)?.silentMs).toBe(0);
    await world.servers[0]!.close();
    await world.until(0, ({ problem }) => problem?.kind === 'unreachable', 'away');
    world.pass(40_000);
    expect(world.report(0)).toMatchObject({ status: { id: 'demo-0' }, silentMs: 40_000 });
  });

  test('one that never answered has been silent since it was first asked', async () => {
    const world = await setUp();
    await world.servers[0]!.close();
    world.pass(5000);
    world.watch(undefined);
    await world.until(0, ({ problem }) => problem !== undefined, 'away');
    world.pass(700);
    expect(world.report(0)).toMatchObject({ status: undefined, silentMs: 700 });
  });

  test('a pod of the same name at another address is another agent', async () => {
    const world = await setUp(2);
    world.watch(undefined, { agents: [{ name: 'demo-0', ip: ipOf(0) }] });
    await world.until(0, isWell, 'well');
    world.pass(60_000);
    world.watch(undefined, { agents: [{ name: 'demo-0', ip: '127.0.0.99' }] });
    const report = await world.until(0, ({ problem }) => problem !== undefined, 'away');
    expect(report).toMatchObject({ status: undefined, silentMs: 0 });
  });

  test('comes back', async () => {
    const world = await setUp();
    world.servers[0]!.refuse = new ApiError('internal', 'not now');
    world.watch(undefined);
    await world.until(0, ({ problem }) => problem?.kind === 'refused', 'refused');
    world.servers[0]!.refuse = undefined;
    await world.until(0, isWell, 'well');
  });
});

describe('changes', () => {
  const steady = async (consensus?: ConsensusStatus): Promise<World> => {
    const world = await setUp();
    const [server] = world.servers;
    if (consensus !== undefined) server!.status = { ...server!.status, consensus };
    world.watch(undefined);
    await world.until(0, isWell, 'well');
    await world.rounds(2);
    expect(world.changes).toEqual([key]);
    return world;
  };

  test('figures that change with every answer are none', async () => {
    const world = await steady(memberOf('demo-0'));
    const [server] = world.servers;
    for (let count = 1; count < 6; count += 1) {
      const { status } = server!;
      server!.status = {
        ...status,
        load: { ...status.load, requestsTotal: count, tokensPerSecond: count / 7 },
        consensus: { ...memberOf('demo-0'), commitIndex: count, appliedIndex: count },
        resources: { ...status.resources, residentBytes: count },
      };
      await world.rounds(2);
    }
    expect(world.changes).toEqual([key]);
  });

  test.each<[string, (server: AgentServer) => void]>([
    ['a phase', (server) => (server.status = { ...server.status, phase: 'draining' })],
    ['a version', (server) => (server.status = { ...server.status, version: '2.0.0' })],
    ['a revision', (server) => (server.status = { ...server.status, catalogRevision: 9 })],
    ['other content', (server) => (server.status = { ...server.status, catalogHash: 'a'.repeat(64) })],
    ['a model', (server) => (server.status = { ...server.status, models: [reportedModel('m:latest')] })],
    ['a leader', (server) => (server.status = { ...server.status, consensus: memberOf('demo-0') })],
    ['a problem', (server) => (server.refuse = new ApiError('internal', 'x'))],
  ])('%s is one', async (_what, change) => {
    const world = await steady();
    change(world.servers[0]!);
    await eventually(
      () => world.changes.length,
      (count) => count === 2,
      'told',
    );
    await world.rounds(3);
    expect(world.changes).toEqual([key, key]);
  });

  test('a download is told of once for each percent', async () => {
    const world = await steady();
    const [server] = world.servers;
    const bytes = async (completedBytes: number): Promise<void> => {
      const model = reportedModel('m:latest', { state: 'downloading', sizeBytes: 100_000, completedBytes });
      server!.status = { ...server!.status, models: [model] };
      await world.rounds(2);
    };
    await bytes(1000);
    expect(world.changes).toHaveLength(2);
    await bytes(1999);
    expect(world.changes).toHaveLength(2);
    await bytes(2000);
    expect(world.changes).toHaveLength(3);
  });

  test('an agent that is gone is no longer told of', async () => {
    const world = await setUp(2);
    world.watch(undefined);
    await world.until(1, isWell, 'well');
    const before = world.changes.length;
    world.watch(undefined, { agents: [{ name: 'demo-0', ip: ipOf(0) }] });
    await eventually(
      () => world.observer.reports(key).size,
      (size) => size === 1,
      'gone',
    );
    await eventually(
      () => world.changes.length,
      (count) => count > before,
      'told',
    );
  });
});

describe('how often', () => {
  test('seldom while nothing moves', async () => {
    const world = await setUp(1, 3_600_000);
    world.watch(stateOf(2));
    await world.until(0, isWell, 'well');
    const { asked } = world.servers[0]!;
    await new Promise((resolve) => setTimeout(resolve, 10 * busyMs));
    expect(world.servers[0]!.asked).toBe(asked);
    // The same again is no reason to ask.
    world.watch(stateOf(2));
    await new Promise((resolve) => setTimeout(resolve, 5 * busyMs));
    expect(world.servers[0]!.asked).toBe(asked);
  });

  test.each<[string, (server: AgentServer) => void]>([
    ['starts', (server) => (server.status = { ...server.status, phase: 'starting' })],
    [
      'downloads',
      (server) =>
        (server.status = { ...server.status, models: [reportedModel('m:latest', { state: 'downloading' })] }),
    ],
    ['refuses', (server) => (server.refuse = new ApiError('internal', 'x'))],
  ])('often while an agent %s', async (_what, change) => {
    const world = await setUp(1, 3_600_000);
    change(world.servers[0]!);
    world.watch(stateOf(2));
    await world.rounds(5);
  });

  test('with new certificates at once', async () => {
    const world = await setUp(1, 3_600_000);
    world.watch(stateOf(2));
    await world.until(0, isWell, 'well');
    const { asked } = world.servers[0]!;
    world.watch(stateOf(2), { tls: await newOperator() });
    await eventually(
      () => world.servers[0]!.asked,
      (count) => count > asked,
      'asked',
    );
    await world.until(0, isWell, 'well');
    await eventually(
      () => world.servers[0]!.connections.size,
      (count) => count === 1,
      'with one connection',
    );
  });
});

describe('the end', () => {
  const quiet = async (world: World): Promise<void> => {
    for (const server of world.servers) {
      await eventually(
        () => server.connections.size,
        (count) => count === 0,
        'without connections',
      );
      const { asked } = server;
      await new Promise((resolve) => setTimeout(resolve, 5 * busyMs));
      expect(server.asked).toBe(asked);
    }
  };

  test('forgotten agents are neither asked nor told of, and no connection to them stays', async () => {
    const world = await setUp(2);
    world.watch(undefined);
    await world.until(1, isWell, 'well');
    world.observer.forget(key);
    expect(world.observer.reports(key).size).toBe(0);
    await quiet(world);
    const changes = world.changes.length;
    world.observer.forget(key);
    world.observer.forget('team/other');
    expect(world.changes).toHaveLength(changes);
  });

  test('and can be watched again', async () => {
    const world = await setUp();
    world.watch(undefined);
    await world.until(0, isWell, 'well');
    world.observer.forget(key);
    world.watch(stateOf(7));
    await world.until(0, ({ status }) => status?.catalogRevision === 7, 'told');
  });

  test('after stop nothing is asked, whatever comes', async () => {
    const world = await setUp(2);
    world.watch(undefined);
    await world.until(1, isWell, 'well');
    await world.observer.stop();
    world.watch(stateOf(9));
    await quiet(world);
    expect(world.servers[0]!.pushed).toEqual([]);
    await world.observer.stop();
  });

  test('stop does not wait for an agent that says nothing', async () => {
    const world = await setUp();
    world.servers[0]!.mute = true;
    world.watch(undefined);
    await eventually(
      () => world.servers[0]!.asked,
      (count) => count > 0,
      'asked',
    );
    const before = Date.now();
    await world.observer.stop();
    expect(Date.now() - before).toBeLessThan(3000);
  });
});
