import { describe, expect, test } from '@jest/globals';
import { StatefulSetModel } from './stateful-set-model.fixture.ts';

/* Whole rolls, step by step: the real decisions with a StatefulSet controller in small. */

/**
 * What must hold after every step of a roll among agents that all work: at most one is away, and a model that two
 * agents serve is served all the time.
 */
const careful = (world: StatefulSetModel): (() => void) => {
  const served = world.served();
  return () => {
    const away = world.replicas - world.serving.filter((ordinal) => ordinal < world.replicas).length;
    expect(away).toBeLessThanOrEqual(1);
    expect(world.served()).toEqual(served);
  };
};

const all = (revision: string, count: number): string[] => Array.from({ length: count }, () => revision);

describe.each([1, 2, 3, 5])('%d agents', (replicas) => {
  test('all get a new template, one after the other, the highest ordinal first', () => {
    const world = new StatefulSetModel({ replicas, revision: 'v1' });
    const check = careful(world);
    const order: number[] = [];
    world.revision = 'v2';
    world.run(() => {
      check();
      world.revisions().forEach((revision, ordinal) => {
        if (revision === 'v2' && !order.includes(ordinal)) order.push(ordinal);
      });
    });
    expect(world.revisions()).toEqual(all('v2', replicas));
    expect(order).toEqual(Array.from({ length: replicas }, (_unused, index) => replicas - 1 - index));
    expect(world.decision).toEqual({ kind: 'settled', partition: 0 });
    expect(world.serving).toHaveLength(replicas);
  });

  test('a template that does not work stops after one agent, and setting it back recovers', () => {
    const world = new StatefulSetModel({ replicas, revision: 'v1', works: (revision) => revision !== 'bad' });
    const check = careful(world);
    world.revision = 'bad';
    world.run(check);
    expect(world.revisions().filter((revision) => revision === 'bad')).toHaveLength(1);
    expect(world.serving).toHaveLength(replicas - 1);
    if (replicas > 1) expect(world.decision.kind).toBe('blocked');
    world.revision = 'v1';
    world.run(check);
    expect(world.revisions()).toEqual(all('v1', replicas));
    expect(world.serving).toHaveLength(replicas);
    expect(world.decision).toEqual({ kind: 'settled', partition: 0 });
  });

  test('so does a third template that works', () => {
    const world = new StatefulSetModel({ replicas, revision: 'v1', works: (revision) => revision !== 'bad' });
    const check = careful(world);
    for (const revision of ['bad', 'v3']) {
      world.revision = revision;
      world.run(check);
    }
    expect(world.revisions()).toEqual(all('v3', replicas));
    expect(world.serving).toHaveLength(replicas);
  });

  test.each(Array.from({ length: replicas }, (_unused, ordinal) => ordinal))(
    'a template that cures agent %d reaches it, and takes away one other at a time',
    (sick) => {
      const works = (revision: string, ordinal: number) => revision === 'v2' || ordinal !== sick;
      const world = new StatefulSetModel({ replicas, revision: 'v1', works });
      expect(world.serving).toHaveLength(replicas - 1);
      world.revision = 'v2';
      world.run(() => {
        const away = Array.from({ length: replicas }, (_unused, ordinal) => ordinal).filter(
          (ordinal) => ordinal !== sick && !world.serving.includes(ordinal),
        );
        expect(away.length).toBeLessThanOrEqual(1);
      });
      expect(world.revisions()).toEqual(all('v2', replicas));
      expect(world.serving).toHaveLength(replicas);
    },
  );

  test('a first template that works nowhere is replaced everywhere', () => {
    const world = new StatefulSetModel({
      replicas,
      revision: 'bad',
      works: (revision) => revision !== 'bad',
    });
    expect(world.serving).toEqual([]);
    world.revision = 'v2';
    world.run();
    expect(world.revisions()).toEqual(all('v2', replicas));
    expect(world.serving).toHaveLength(replicas);
  });

  test('a template that changes while it rolls leads to the last one', () => {
    for (let steps = 0; steps < 6 * replicas; steps += 1) {
      const world = new StatefulSetModel({ replicas, revision: 'v1' });
      const check = careful(world);
      world.revision = 'v2';
      for (let step = 0; step < steps; step += 1) {
        world.operate();
        world.control();
        check();
        if (step % 2 === 1) world.start();
        check();
      }
      world.revision = 'v3';
      world.run(check);
      expect(world.revisions()).toEqual(all('v3', replicas));
    }
  });
});

describe('models', () => {
  test('the roll waits while the next agent has the only ready copy, and goes on when another one has it', () => {
    const world = new StatefulSetModel({ replicas: 3, revision: 'v1', holders: { m: [2], n: [0, 1] } });
    const check = careful(world);
    world.revision = 'v2';
    world.run(check);
    expect(world.decision).toEqual({
      kind: 'blocked',
      partition: 3,
      updated: 0,
      why: 'nobody else serves m yet',
    });
    world.holders.get('m')!.add(0);
    world.run(check);
    expect(world.revisions()).toEqual(all('v2', 3));
  });

  test('the same in the middle of the roll', () => {
    const world = new StatefulSetModel({ replicas: 3, revision: 'v1', holders: { m: [1] } });
    const check = careful(world);
    world.revision = 'v2';
    world.run(check);
    expect(world.revisions()).toEqual(['v1', 'v1', 'v2']);
    world.holders.get('m')!.add(2);
    world.run(check);
    expect(world.revisions()).toEqual(all('v2', 3));
  });

  test('models with two copies each are served all the time, wherever they are', () => {
    const pairs = [0, 1, 2, 3, 4].flatMap((a) => [0, 1, 2, 3, 4].filter((b) => b > a).map((b) => [a, b]));
    const holders = Object.fromEntries(pairs.map((pair) => [pair.join('-'), pair]));
    const world = new StatefulSetModel({ replicas: 5, revision: 'v1', holders });
    expect(world.served()).toHaveLength(10);
    world.revision = 'v2';
    world.run(careful(world));
    expect(world.revisions()).toEqual(all('v2', 5));
  });
});

test('a roll waits wherever it is while an agent has not been heard', () => {
  for (let steps = 0; steps < 12; steps += 1) {
    const world = new StatefulSetModel({ replicas: 3, revision: 'v1' });
    const check = careful(world);
    world.revision = 'v2';
    for (let step = 0; step < steps; step += 1) {
      world.operate();
      world.control();
      if (step % 2 === 1) world.start();
    }
    const { partition } = world;
    world.unheard = ['demo-0'];
    world.run(check);
    // One that has gone already gets its template; nobody else goes.
    expect(world.partition).toBe(steps === 0 ? 3 : partition);
    expect(world.serving).toHaveLength(3);
    world.unheard = [];
    world.run(check);
    expect(world.revisions()).toEqual(all('v2', 3));
  }
});

describe('replicas changed in the middle of a roll', () => {
  // Whatever the operator and the controller have got to by then.
  const moments = Array.from({ length: 14 }, (_unused, steps) => steps);

  const half = (world: StatefulSetModel, steps: number): void => {
    world.revision = 'v2';
    for (let step = 0; step < steps; step += 1) {
      world.operate();
      world.control();
      if (step % 2 === 1) world.start();
    }
  };

  test.each([
    [3, 5],
    [1, 3],
    [2, 3],
  ])(
    'from %d to %d: those that were there go on one by one, and new ones have the new template',
    (from, to) => {
      for (const steps of moments) {
        const world = new StatefulSetModel({ replicas: from, revision: 'v1' });
        half(world, steps);
        world.scale(to);
        world.run(() => {
          const away = Array.from({ length: from }, (_unused, ordinal) => ordinal).filter(
            (ordinal) => !world.serving.includes(ordinal),
          );
          expect(away.length).toBeLessThanOrEqual(1);
        });
        expect(world.revisions()).toEqual(all('v2', to));
        expect(world.serving).toHaveLength(to);
      }
    },
  );

  test.each([
    [5, 3],
    [3, 1],
    [3, 2],
  ])('from %d to %d: those that stay go on one by one', (from, to) => {
    for (const steps of moments) {
      const world = new StatefulSetModel({ replicas: from, revision: 'v1' });
      half(world, steps);
      world.scale(to);
      world.run(() => {
        const away = Array.from({ length: to }, (_unused, ordinal) => ordinal).filter(
          (ordinal) => !world.serving.includes(ordinal),
        );
        expect(away.length).toBeLessThanOrEqual(1);
      });
      expect(world.revisions()).toEqual(all('v2', to));
      expect(world.serving).toHaveLength(to);
    }
  });

  test('more agents while a template does not work: the old ones go on serving', () => {
    const world = new StatefulSetModel({
      replicas: 3,
      revision: 'v1',
      works: (revision) => revision !== 'bad',
    });
    world.revision = 'bad';
    world.run();
    world.scale(5);
    world.run();
    expect(world.serving).toEqual([0, 1]);
    world.revision = 'v3';
    world.run(() => expect(world.serving.length).toBeGreaterThanOrEqual(2));
    expect(world.revisions()).toEqual(all('v3', 5));
    expect(world.serving).toHaveLength(5);
  });
});
