import { describe, expect, test } from '@jest/globals';
import type { Message } from '../../../agent/src/raft/core/message.ts';
import { acknowledge, answerHeartbeat, Cluster, ofType, only, steadyLeader } from '../cluster.ts';
import { bytes, type Member } from '../member.ts';

const group = { voters: [1, 2, 3], learners: [4, 5] };
const paced = { pacedLearners: true, heartbeatTicks: 100, electionTicks: 1000 };

const leading = (settings: object = paced): Member => {
  const leader = steadyLeader({ members: group, settings });
  // All know what there is, and a tick has begun in which nothing was sent to learners.
  for (let ticks = 0; ticks < 2; ticks += 1) {
    leader.node.tick();
    leader.settle();
  }
  return leader;
};

const propose = (leader: Member, text = 'x'): Message[] => {
  leader.node.propose([bytes(text)]);
  return leader.settle();
};

/** A voter acknowledges what it got. @returns what leaves then */
const commit = (leader: Member, sent: readonly Message[]): Message[] => {
  leader.step(acknowledge(ofType(sent, 'append', 2).at(-1)!));
  return leader.settle();
};

const toLearner = (messages: readonly Message[]): Message[] => ofType(messages, 'append', 4);

describe('a learner that keeps up', () => {
  test('gets an entry once that is committed, and with it that it is', () => {
    const leader = leading();
    const proposed = propose(leader);
    expect(ofType(proposed, 'append').map(({ to }) => to)).toEqual([2, 3]);
    const told = only(toLearner(commit(leader, proposed)));
    expect(told.entries).toHaveLength(1);
    expect(told.commit).toBe(told.index + 1);
  });

  test('gets what comes within a tick in one append when that is over', () => {
    const leader = leading();
    expect(toLearner(commit(leader, propose(leader)))).toHaveLength(1);
    for (let more = 0; more < 3; more += 1) {
      const left = commit(leader, propose(leader));
      expect(ofType(left, 'append').map(({ to }) => to)).toEqual([2, 3]);
    }
    leader.node.tick();
    const gathered = only(toLearner(leader.settle()));
    expect(gathered.entries).toHaveLength(3);
    expect(gathered.commit).toBe(gathered.index + 3);
    leader.node.tick();
    expect(toLearner(leader.settle())).toEqual([]);
  });

  test('hears in the next tick that what it got is committed', () => {
    const leader = leading();
    const proposed = propose(leader);
    leader.node.tick();
    const early = only(toLearner(leader.settle()));
    expect(early.commit).toBeLessThan(early.index + 1);
    expect(toLearner(commit(leader, proposed))).toEqual([]);
    leader.node.tick();
    expect(only(toLearner(leader.settle()))).toMatchObject({ entries: [], commit: early.index + 1 });
  });

  test('does not get the next ones because it acknowledges these', () => {
    const leader = leading();
    const first = only(toLearner(commit(leader, propose(leader))));
    commit(leader, propose(leader));
    leader.step(acknowledge(first));
    expect(toLearner(leader.settle())).toEqual([]);
    leader.step(answerHeartbeat({ ...first, type: 'heartbeat' }));
    expect(toLearner(leader.settle())).toEqual([]);
  });

  test('that asks for what is committed gets it before the answer', () => {
    const leader = leading();
    commit(leader, propose(leader));
    commit(leader, propose(leader));
    leader.step({ ...acknowledge(only(ofType(propose(leader), 'append', 2))), to: 1 });
    leader.settle();
    const lacking = leader.status.progress.get(4)!.next;
    const question = { type: 'readIndex', from: 4, to: 1, term: 0, context: 7 } as const;
    leader.step({ ...acknowledge(only(ofType(propose(leader), 'append', 3))), ...question });
    const asked = only(ofType(leader.settle(), 'heartbeat', 2));
    leader.step(answerHeartbeat(asked));
    const answer = leader.settle().filter(({ to }) => to === 4);
    expect(answer.map(({ type }) => type)).toEqual(['append', 'readIndexResp']);
    expect(answer[0]?.entries[0]?.index).toBe(lacking);
  });
});

test('a learner that lacks many entries is not held back', () => {
  const leader = leading({ ...paced, maxAppendBytes: 0 });
  for (let more = 0; more < 100; more += 1) commit(leader, propose(leader));
  const { next } = leader.status.progress.get(4)!;
  // One by one, but for the last that wait for the tick.
  expect(next).toBeGreaterThan(30);
  expect(leader.log.lastIndex() - next).toBeLessThan(70);
});

test('without the setting learners get what voters get', () => {
  const leader = leading({ ...paced, pacedLearners: false });
  expect(ofType(propose(leader), 'append').map(({ to }) => to)).toEqual([2, 3, 4, 5]);
});

test('learners end up with what voters have', () => {
  const cluster = new Cluster(
    [1, 2, 3, 4].map((id) => ({ id, members: { voters: [1, 2, 3], learners: [4] }, settings: paced })),
  );
  cluster.get(1).node.campaign();
  cluster.stabilize();
  for (const text of ['a', 'b', 'c']) {
    cluster.get(1).node.propose([bytes(text)]);
    cluster.stabilize();
  }
  cluster.get(1).node.tick();
  cluster.stabilize();
  expect(cluster.get(4).applied).toEqual(cluster.get(1).applied);
  expect(cluster.get(4).applied).toHaveLength(4);
});
