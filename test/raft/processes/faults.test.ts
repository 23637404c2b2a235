import { afterEach, expect, test } from '@jest/globals';
import { judge } from '../porcupine/judge.ts';
import { Clients } from './clients.ts';
import { ProcessCluster } from './process-cluster.ts';

/*
 * Real processes, sockets and disks, real signals; what clients saw of it is judged by Porcupine. Between two faults the
 * clients have to be served: what a fault stops, the end of it must bring back.
 */

let cluster: ProcessCluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
}, 60_000);

const served = 60;

/** Runs a cluster under load through something, then through its end. */
const under = async (
  size: number,
  story: (cluster: ProcessCluster, clients: Clients) => Promise<void>,
): Promise<void> => {
  cluster = await ProcessCluster.start(size);
  const clients = new Clients(cluster, 6);
  await clients.untilServed(served);
  await story(cluster, clients);
  await clients.untilServed(served);
  const seen = await clients.stop();
  expect(seen.filter((one) => one.return !== undefined).length).toBeGreaterThanOrEqual(2 * served);
  expect(await judge([seen])).toEqual(['linearizable']);
};

const leaderOf = async (of: ProcessCluster): Promise<number> => of.until('one leads', () => of.leader());

test('kill -9 of the leader, three times over: the others go on, and it comes back', async () => {
  await under(3, async (of, clients) => {
    for (let round = 0; round < 3; round += 1) {
      const leader = of.member(await leaderOf(of));
      await leader.kill();
      await clients.untilServed(served);
      leader.start();
      await of.untilReady();
    }
  });
}, 180_000);

test('kill -9 of all at once: nothing that was acknowledged is lost', async () => {
  await under(3, async (of, clients) => {
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(of.members.map((member) => member.kill()));
      for (const member of of.members) member.start();
      await of.untilReady();
      await clients.untilServed(served);
    }
  });
}, 180_000);

test('a minority of five dies and stays away', async () => {
  await under(5, async (of, clients) => {
    const leader = await leaderOf(of);
    const others = of.members.filter(({ id }) => id !== leader).slice(0, 1);
    await Promise.all([of.member(leader), ...others].map((member) => member.kill()));
    await clients.untilServed(served);
    await leaderOf(of);
  });
}, 180_000);

test('a leader that is stopped and goes on believes in nothing that is over', async () => {
  await under(3, async (of, clients) => {
    for (let round = 0; round < 2; round += 1) {
      const leader = of.member(await leaderOf(of));
      leader.pause(true);
      await clients.untilServed(served);
      leader.pause(false);
      await of.untilReady();
    }
  });
}, 180_000);

test.each(['cut', 'silent'] as const)(
  'a leader that is cut off (%s) acknowledges nothing, and the others elect another',
  async (how) => {
    await under(3, async (of, clients) => {
      const leader = await leaderOf(of);
      of.isolate([leader], how);
      await of.until('another one leads', async () => {
        const now = await of.leader();
        return now !== undefined && now !== leader ? true : undefined;
      });
      await clients.untilServed(served);
      of.heal();
      await of.untilReady();
    });
  },
  180_000,
);

test('a way that works in one direction only keeps nobody from serving', async () => {
  await under(3, async (of, clients) => {
    const leader = await leaderOf(of);
    for (const { id } of of.members) if (id !== leader) of.link(leader, id).set('cut');
    await clients.untilServed(served);
    of.heal();
    await of.untilReady();
  });
}, 180_000);

test('a slow disk of one member holds up nobody, not even when it leads', async () => {
  await under(3, async (of, clients) => {
    const leader = of.member(await leaderOf(of));
    leader.order({ kind: 'slowDisk', ms: 400 });
    await clients.untilServed(served);
    // It was no reason for an election: heartbeats do not wait for the disk.
    expect(await leaderOf(of)).toBe(leader.id);
    leader.order({ kind: 'slowDisk', ms: 0 });
  });
}, 180_000);

test('a disk that fails ends its member, which says why and acknowledged nothing that is not there', async () => {
  await under(3, async (of, clients) => {
    const leader = of.member(await leaderOf(of));
    leader.order({ kind: 'brokenDisk' });
    await of.until('it ended', () => Promise.resolve(leader.alive ? undefined : true));
    expect(leader.output).toMatch(/The log has failed while writing .*input\/output error/);
    await clients.untilServed(served);
    leader.start();
    await of.untilReady();
  });
}, 180_000);
