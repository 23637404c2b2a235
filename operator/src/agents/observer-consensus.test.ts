import { describe, expect, test } from '@jest/globals';
import { ApiError } from '@ollamamax/api';
import { memberOf, noMember } from '../cluster/agents.fixture.ts';
import { isWell, key, stateOf, useWorlds, type World } from './observer.fixture.ts';

const { setUp } = useWorlds();

describe('agents that agree', () => {
  const agree = async (leader: string | undefined): Promise<World> => {
    const world = await setUp(3);
    for (const server of world.servers)
      server.status = { ...server.status, consensus: memberOf(server.name, { leader }) };
    return world;
  };

  test('are given the desired state by way of the one that leads', async () => {
    const world = await agree('demo-1');
    world.watch(stateOf(5));
    await world.until(1, ({ status }) => status?.catalogRevision === 5, 'told');
    await world.rounds(3);
    expect(world.servers.map(({ pushed }) => pushed.length)).toEqual([0, 1, 0]);
  });

  test.each(['no_leader', 'not_a_member', 'outcome_unknown', 'deadline_exceeded'] as const)(
    'and cannot just now are no problem, and are given it again: %s',
    async (code) => {
      const world = await agree(undefined);
      world.servers[0]!.refusePush = new ApiError(code);
      world.watch(stateOf(5));
      await world.rounds(3);
      expect(world.report(0)).toMatchObject({ problem: undefined, fresh: true });
      world.servers[0]!.refusePush = undefined;
      await world.until(0, ({ status }) => status?.catalogRevision === 5, 'told');
    },
  );

  test('of another group are given nothing', async () => {
    const world = await agree('demo-0');
    world.watch(stateOf(5), { clusterId: 'group-2' });
    await world.rounds(3);
    expect(world.servers.flatMap(({ pushed }) => pushed)).toEqual([]);
  });

  test('are asked at once when something was done of which they tell', async () => {
    const world = await setUp(1, 3_600_000);
    world.servers[0]!.status = { ...world.servers[0]!.status, consensus: memberOf('demo-0') };
    world.watch(undefined);
    await world.until(0, isWell, 'well');
    world.servers[0]!.status = { ...world.servers[0]!.status, consensus: noMember };
    world.observer.refresh(key);
    await world.until(0, ({ status }) => status?.consensus?.state === 'none', 'asked');
    world.observer.refresh('team/other');
  });

  test('are asked often while something rests on it', async () => {
    const world = await setUp(1, 3_600_000);
    world.watch(undefined, { hurry: true });
    await world.rounds(5);
  });

  test('that do not answer any more are not believed to be what they said', async () => {
    const world = await agree('demo-0');
    world.watch(undefined);
    expect((await world.until(0, isWell, 'well')).fresh).toBe(true);
    world.servers[0]!.refuse = new ApiError('internal', 'x');
    const refusing = await world.until(0, ({ problem }) => problem !== undefined, 'refusing');
    expect(refusing).toMatchObject({ fresh: false, status: { consensus: { state: 'member' } } });
  });
});
