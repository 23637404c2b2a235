import { describe, expect, test } from '@jest/globals';
import { chances } from './chances.fixture.ts';
import { GroupWorld, type WorldOptions } from './group-simulation.fixture.ts';

/* Whole lives of clusters: the real decisions, with Kubernetes and the agents in small, in any order of steps. */

/** What an operator could not know yet is not its fault. */
const foreseeable = 12;

/** Fails when a step in which nobody but operator and controller acted has cost the majority. */
const watching = (world: GroupWorld): (() => void) => {
  let before = { had: false, voters: 0 };
  return () => {
    const had = world.group.hasQuorum();
    const { length } = world.group.voters;
    // One vote alone is away while its agent starts again, whatever anybody does.
    if (before.had && !had && before.voters > 1 && world.now - world.faultAt > foreseeable)
      throw new Error(`the majority is lost: ${JSON.stringify([world.set.decision, world.group.members])}`);
    before = { had, voters: length };
  };
};

const votersOf = (members: number): number => (members < 3 ? 1 : members < 5 ? 3 : 5);

const expectWhole = (world: GroupWorld): void => {
  const names = Array.from({ length: world.wanted }, (_unused, ordinal) => `demo-${ordinal}`);
  expect([...world.set.agents.keys()].map((ordinal) => `demo-${ordinal}`).sort()).toEqual([...names].sort());
  expect(world.set.revisions()).toEqual(names.map(() => world.set.revision));
  expect(world.set.decision.kind).toBe('settled');
  expect(world.group.members.map(({ agent }) => agent).sort()).toEqual([...names].sort());
  expect(world.group.voters).toHaveLength(votersOf(names.length));
  expect(world.group.leader).toBeDefined();
  expect(world.recorded).toMatchObject({ clusterId: world.group.clusterId, begun: true });
};

const begunWorld = (options: WorldOptions): GroupWorld => {
  const world = new GroupWorld(options);
  world.calm();
  expectWhole(world);
  return world;
};

describe('calm', () => {
  test.each([1, 2, 3, 5, 7])('a group of %d begins, once', (replicas) => {
    const world = begunWorld({ replicas });
    expect([world.ids, world.group.term]).toEqual([1, 1]);
  });

  test.each([
    [3, 5],
    [5, 3],
    [7, 1],
    [1, 7],
    [2, 1],
    [3, 2],
  ])('from %d agents to %d', (from, to) => {
    const world = begunWorld({ replicas: from });
    const check = watching(world);
    world.wanted = to;
    world.calm(check);
    expectWhole(world);
    expect(world.lost).toBe(0);
  });

  test.each([1, 2, 3, 5])('a roll of %d, the leader last', (replicas) => {
    const world = begunWorld({ replicas });
    world.set.revision = 'v2';
    world.calm(watching(world));
    expectWhole(world);
    // The one that leads hands over once and gets it back at the end, if at all.
    expect(world.group.term).toBeLessThanOrEqual(replicas < 3 ? 3 : 2);
  });

  test.each([0, 1, 2])('a template that cures agent %d of three reaches it', (sick) => {
    const works = (revision: string, ordinal: number) => revision !== 'bad' || ordinal !== sick;
    const world = begunWorld({ replicas: 3, works });
    world.set.revision = 'bad';
    world.calm(watching(world));
    expect(world.set.serving).toHaveLength(2);
    world.set.revision = 'v3';
    world.calm(watching(world));
    expectWhole(world);
  });

  test('one of three breaks with the template that it has: another one reaches it without losing the majority', () => {
    for (const sick of [0, 1, 2]) {
      let broken = false;
      const works = (revision: string, ordinal: number) => revision === 'v2' || !broken || ordinal !== sick;
      const world = begunWorld({ replicas: 3, works });
      broken = true;
      world.crash(sick, false);
      world.calm();
      world.now += 100;
      world.set.revision = 'v2';
      world.calm(watching(world));
      expectWhole(world);
    }
  });

  test('all volumes are lost: the agents begin anew, under another id', () => {
    const world = begunWorld({ replicas: 3 });
    for (const ordinal of [0, 1, 2]) world.crash(ordinal, true);
    world.calm();
    expectWhole(world);
    expect([world.lost, world.ids]).toEqual([1, 2]);
  });

  test('two of three have lost their volumes: nothing is repaired', () => {
    const world = begunWorld({ replicas: 3 });
    for (const ordinal of [1, 2]) world.crash(ordinal, true);
    world.wanted = 1;
    world.set.revision = 'v2';
    const { members } = world.group;
    world.calm();
    expect(world.ids).toBe(1);
    expect(world.group.members).toEqual(members);
    expect(world.set.replicas).toBe(3);
    expect(world.blocked).toContain('no agent leads');
  });
});

describe('in any order', () => {
  const live = (seed: number, ephemeral: boolean): void => {
    const chance = chances(seed);
    const upTo = (count: number): number => Math.floor(chance() * (count + 1));
    // The volume of the only voter is the end of the group, whoever takes it away.
    const least = ephemeral ? 3 : 1;
    const world = new GroupWorld({ replicas: least + upTo(7 - least), ephemeral });
    const check = watching(world);
    let revision = 1;
    const anybody = (): number => upTo(Math.max(0, world.set.agents.size - 1));
    const spare = (): void => {
      // One at a time, and never one too many: what is lost by faults alone says nothing.
      const enough = world.group.aliveVoters.length > Math.floor(world.group.voters.length / 2) + 1;
      if (!ephemeral && enough && world.now - world.faultAt > 60) world.crash(anybody(), chance() < 0.5);
    };
    const acts: readonly (readonly [number, () => void])[] = [
      [30, () => world.hear(anybody())],
      [10, () => world.hearAll()],
      [25, () => world.operate()],
      [20, () => world.control()],
      [15, () => world.start()],
      [15, () => void world.group.step()],
      [12, () => world.deliver()],
      // The operator ends, before the agent was asked or after that.
      [1, () => (world.call = undefined)],
      [0.5, () => (world.wanted = least + upTo(7 - least))],
      [0.5, () => (world.set.revision = `v${(revision += 1)}`)],
      [0.5, spare],
    ];
    const sum = acts.reduce((total, [weight]) => total + weight, 0);
    for (let tick = 0; tick < 800; tick += 1) {
      let at = chance() * sum;
      const chosen = acts.find(([weight]) => (at -= weight) < 0);
      chosen?.[1]();
      check();
      if (tick % 3 === 0) world.now += 1;
    }
    world.calm(check);
    expectWhole(world);
    if (!ephemeral) expect(world.lost).toBe(0);
  };

  test.each(Array.from({ length: 12 }, (_unused, index) => index))(
    'no step costs a majority, and all comes to its end: %d',
    (block) => {
      for (let seed = block * 20 + 1; seed <= block * 20 + 20; seed += 1)
        try {
          live(seed, seed % 4 === 0);
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
        }
    },
  );
});
