import { describe, expect, test } from '@jest/globals';
import { message, type Message } from '../../../agent/src/raft/core/message.ts';
import { addVoter, change, leave, remove } from '../changes.ts';
import { acknowledge, answerHeartbeat, Cluster, makeLeader, ofType, steadyLeader } from '../cluster.ts';
import { bytes, Member } from '../member.ts';

const five = (rest: object = {}): Member => steadyLeader({ members: [1, 2, 3, 4, 5], ...rest });

/** Asks, and returns the answers that the others would give to the heartbeats of that. */
const ask = (leader: Member, token: number): Message[] => {
  leader.node.readIndex(token);
  return ofType(leader.settle(), 'heartbeat').map(answerHeartbeat);
};

const tokens = (leader: Member): number[] => {
  leader.settle();
  return leader.reads.map(({ token }) => token);
};

describe('reads are numbered by position', () => {
  test('answers to a heartbeat that left before the question do not confirm it (etcd PR 397)', () => {
    const leader = five();
    leader.tick();
    const before = ofType(leader.settle(), 'heartbeat').map(answerHeartbeat);
    ask(leader, 1);
    leader.step(...before);
    expect(tokens(leader)).toEqual([]);
  });

  test('late answers confirm what was asked before them, and nothing later', () => {
    const leader = five();
    const first = ask(leader, 1);
    const second = ask(leader, 2);
    leader.step(first[0]!, first[1]!);
    expect(tokens(leader)).toEqual([1]);
    // The same again, and from all the others.
    leader.step(...first);
    expect(tokens(leader)).toEqual([1]);
    leader.step(second[0]!, second[1]!);
    expect(tokens(leader)).toEqual([1, 2]);
  });

  test('a later answer confirms what was asked before as well', () => {
    const leader = five();
    ask(leader, 1);
    const second = ask(leader, 2);
    leader.step(second[0]!, second[1]!);
    expect(tokens(leader)).toEqual([1, 2]);
  });

  test('a question that is asked again with its token is another question', () => {
    const leader = five();
    const first = ask(leader, 7);
    leader.node.propose([bytes('a')]);
    leader.step(...ofType(leader.settle(), 'append').map(acknowledge));
    const again = ask(leader, 7);
    leader.step(first[0]!, first[1]!);
    leader.settle();
    expect(leader.reads).toEqual([{ token: 7, index: 1 }]);
    leader.step(again[0]!, again[1]!);
    leader.settle();
    // The answer to the second one is not older than the second one.
    expect(leader.reads.at(-1)).toEqual({ token: 7, index: 2 });
  });

  test('different members may confirm by different heartbeats', () => {
    const leader = five();
    const first = ask(leader, 1);
    const second = ask(leader, 2);
    leader.step(first[0]!, second[3]!);
    expect(tokens(leader)).toEqual([1]);
    leader.step(second[0]!);
    expect(tokens(leader)).toEqual([1, 2]);
  });

  test('heartbeats of the clock carry the number too: lost ones need no further question', () => {
    const leader = five();
    ask(leader, 1);
    leader.tick();
    const [two, three] = ofType(leader.settle(), 'heartbeat').map(answerHeartbeat);
    leader.step(two!, three!);
    expect(tokens(leader)).toEqual([1]);
  });

  test('a number that was never given confirms nothing that comes later', () => {
    const leader = five();
    const [two, three] = ask(leader, 1);
    leader.step({ ...two!, context: 99 }, { ...three!, context: 99 });
    expect(tokens(leader)).toEqual([1]);
    ask(leader, 2);
    expect(tokens(leader)).toEqual([1]);
  });

  test('answers of an earlier term confirm nothing after another election', () => {
    const leader = five();
    const old = ask(leader, 1);
    leader.step(message('heartbeat', 1, { from: 2, term: 2 }));
    leader.step(...ofType(makeLeader(leader), 'append').map(acknowledge));
    leader.settle();
    const answers = ask(leader, 2);
    leader.step(...old);
    expect(tokens(leader)).toEqual([]);
    // Nor does it answer what it was asked before: it may have been deposed already at that time.
    leader.step(...answers);
    expect(tokens(leader)).toEqual([2]);
  });
});

describe('who confirms', () => {
  test('a majority, not one less', () => {
    const leader = five();
    const answers = ask(leader, 1);
    leader.step(answers[0]!);
    expect(tokens(leader)).toEqual([]);
    leader.step(answers[1]!);
    expect(tokens(leader)).toEqual([1]);
  });

  test.each([
    ['learners', [4, 5]],
    ['strangers', [6, 7]],
  ])('%s do not', (_name, from) => {
    const leader = steadyLeader({ members: { voters: [1, 2, 3], learners: [4, 5] } });
    const [answer] = ask(leader, 1);
    leader.step(...from.map((id) => ({ ...answer!, from: id })));
    expect(tokens(leader)).toEqual([]);
  });

  test('both halves of a joint configuration do', () => {
    const leader = steadyLeader({ members: { voters: [1, 2, 3], outgoing: [1, 4, 5] } });
    const [two, , four] = ask(leader, 1);
    leader.step(two!);
    expect(tokens(leader)).toEqual([]);
    leader.step(four!);
    expect(tokens(leader)).toEqual([1]);
  });

  test('a leader without a vote is not counted', () => {
    const leader = steadyLeader({ members: { voters: [2, 3], outgoing: [1, 2, 3] } });
    leader.node.proposeConfigChange(leave);
    leader.step(...ofType(leader.settle(), 'append').map(acknowledge));
    leader.settle();
    expect(leader.status.config.voters).toEqual([2, 3]);
    const [two, three] = ask(leader, 1);
    leader.step(two!);
    expect(tokens(leader)).toEqual([]);
    leader.step(three!);
    expect(tokens(leader)).toEqual([1]);
  });

  test('who was asked is who must answer when the members change meanwhile', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    const [two] = ask(leader, 1);
    leader.node.proposeConfigChange(change([addVoter(4)]));
    leader.step(...ofType(leader.settle(), 'append').map(acknowledge));
    leader.settle();
    leader.step(two!);
    // Two of four are no majority.
    expect(tokens(leader)).toEqual([]);
  });

  test('reads that wait are answered when the members shrink to the leader alone', () => {
    const leader = steadyLeader({ members: [1, 2] });
    leader.node.proposeConfigChange(change([remove(2)]));
    const appends = ofType(leader.settle(), 'append');
    leader.node.readIndex(1);
    leader.settle();
    leader.step(...appends.map(acknowledge));
    expect(tokens(leader)).toEqual([1]);
  });
});

describe('reads before the first commit of a term', () => {
  const fresh = (): { leader: Member; appends: Message[] } => {
    const leader = new Member({ id: 1, members: [1, 2, 3], log: [1, 1], hardState: { commit: 2, term: 4 } });
    return { leader, appends: ofType(makeLeader(leader), 'append') };
  };

  test('wait, also when all of the log is committed (etcd#7331, tikv#9239)', () => {
    const { leader } = fresh();
    leader.node.readIndex(1);
    leader.tick();
    leader.step(...ofType(leader.settle(), 'heartbeat').map(answerHeartbeat));
    expect(tokens(leader)).toEqual([]);
  });

  test('are confirmed by one round of heartbeats when it comes, however many they are', () => {
    const { leader, appends } = fresh();
    for (let token = 1; token <= 100; token += 1) leader.node.readIndex(token);
    leader.step(message('readIndex', 1, { from: 3, context: 500 }));
    leader.step(acknowledge(appends[0]!));
    const heartbeats = ofType(leader.settle(), 'heartbeat');
    expect(heartbeats).toHaveLength(2);
    leader.step(answerHeartbeat(heartbeats[0]!));
    const answers = ofType(leader.settle(), 'readIndexResp');
    expect(answers).toMatchObject([{ to: 3, context: 500, index: 3, term: 5 }]);
    expect(tokens(leader)).toHaveLength(100);
  });

  test('are forgotten with the term', () => {
    const { leader } = fresh();
    leader.node.readIndex(1);
    leader.step(message('heartbeat', 1, { from: 2, term: 6 }));
    leader.step(...ofType(makeLeader(leader), 'append').map(acknowledge));
    leader.step(...ask(leader, 2));
    expect(tokens(leader)).toEqual([2]);
  });
});

describe('bounds', () => {
  const flood = 64 * 1024 + 10;

  test('no more than so many reads wait for a quorum', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    for (let token = 1; token <= flood; token += 1) {
      leader.node.readIndex(token);
      if (token % 1000 === 0) leader.settle();
    }
    leader.settle();
    leader.tick();
    leader.step(...ofType(leader.settle(), 'heartbeat').map(answerHeartbeat));
    expect(tokens(leader)).toHaveLength(64 * 1024);
    // There is room again.
    leader.step(...ask(leader, flood + 1));
    expect(tokens(leader).at(-1)).toBe(flood + 1);
  });

  test('and no more for the first commit of a term', () => {
    const leader = new Member({ id: 1, members: [1, 2, 3] });
    const [append] = ofType(makeLeader(leader), 'append');
    for (let token = 1; token <= flood; token += 1) leader.node.readIndex(token);
    leader.step(acknowledge(append!));
    leader.step(...ofType(leader.settle(), 'heartbeat').map(answerHeartbeat));
    expect(tokens(leader)).toHaveLength(64 * 1024);
  });
});

describe('lease', () => {
  test('needs checkQuorum', () => {
    expect(() => new Member({ id: 1, members: [1], settings: { readOnly: 'lease' } })).toThrow('checkQuorum');
  });

  test('answers followers at once as well', () => {
    const leader = five({ settings: { readOnly: 'lease', checkQuorum: true } });
    leader.step(message('readIndex', 1, { from: 2, context: 5 }));
    expect(leader.settle()).toMatchObject([{ type: 'readIndexResp', to: 2, context: 5, index: 1 }]);
  });
});

describe('stale reads', () => {
  test('a deposed leader that does not know it cannot confirm a read', () => {
    const cluster = Cluster.of(3);
    const old = cluster.elect(1);
    cluster.isolate(1);
    const leader = cluster.elect(2);
    leader.node.propose([bytes('new')]);
    cluster.stabilize();
    old.node.readIndex(1);
    cluster.stabilize();
    old.tick(5);
    cluster.stabilize();
    expect(old.status.role).toBe('leader');
    expect(old.reads).toEqual([]);
    cluster.heal();
    old.tick();
    cluster.stabilize();
    cluster.beat();
    expect(old.reads).toEqual([]);
  });

  test('an answer to a follower that comes in a later term is dropped', () => {
    const cluster = Cluster.of(3);
    cluster.elect(1);
    const follower = cluster.get(3);
    follower.node.readIndex(1);
    for (let rounds = 0; rounds < 4; rounds += 1) {
      cluster.settle();
      if (ofType(cluster.bag, 'readIndexResp').length > 0) break;
      cluster.deliver();
    }
    const late = cluster.take(({ type }) => type === 'readIndexResp');
    expect(late).toHaveLength(1);
    cluster.elect(2);
    follower.step(...late);
    follower.settle();
    expect(follower.reads).toEqual([]);
  });
});
