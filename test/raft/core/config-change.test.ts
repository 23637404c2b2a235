import { describe, expect, test } from '@jest/globals';
import { RaftInvariantError } from '../../../agent/src/raft/core/assert.ts';
import { ConfigChangeError } from '../../../agent/src/raft/core/config-change/changer.ts';
import { encodeConfigChange } from '../../../agent/src/raft/core/config-change/codec.ts';
import type { ConfigChange } from '../../../agent/src/raft/core/config-change/change.ts';
import { message } from '../../../agent/src/raft/core/message.ts';
import type { Entry } from '../../../agent/src/raft/core/types.ts';
import { addLearner, addVoter, change, leave, remove } from '../changes.ts';
import { acknowledge, Cluster, makeLeader, ofType, steadyLeader } from '../cluster.ts';
import { bytes, Member, members, noBytes } from '../member.ts';

const ready = (rest: object = {}): Member => steadyLeader({ members: [1, 2, 3], ...rest });

/** All that the leader sends is acknowledged, until it has nothing more to send. */
const acknowledgeAll = (leader: Member): void => {
  for (let rounds = 0; rounds < 10; rounds += 1)
    leader.step(...ofType(leader.settle(), 'append').map(acknowledge));
};

const entryOf = (what: ConfigChange): Entry => ({
  index: 0,
  term: 0,
  type: 'config',
  data: encodeConfigChange(what),
});

describe('what is proposed', () => {
  test('a second change is refused until the first is applied, and leaves nothing in the log', () => {
    const leader = ready();
    leader.node.proposeConfigChange(change([addVoter(4)]));
    expect(leader.node.proposeConfigChange(change([addVoter(5)]))).toEqual({
      accepted: false,
      reason: 'configPending',
    });
    expect(leader.status.lastIndex).toBe(2);
  });

  test('two changes in one proposal are refused: neither is in the log', () => {
    const leader = ready();
    const entries = [entryOf(change([addVoter(4)])), entryOf(change([remove(2)]))];
    leader.step(message('propose', 1, { from: 2, entries }));
    expect(leader.status.lastIndex).toBe(1);
  });

  test('a change among other entries is found, and pending at its own index', () => {
    const leader = ready();
    const normal: Entry = { index: 0, term: 0, type: 'normal', data: bytes('a') };
    leader.step(
      message('propose', 1, { from: 2, entries: [normal, entryOf(change([addVoter(4)])), normal] }),
    );
    expect(leader.status.lastIndex).toBe(4);
    const appends = ofType(leader.settle(), 'append', 2);
    leader.step({ ...acknowledge(appends[0]!), index: 2 });
    leader.settle();
    expect(leader.node.proposeConfigChange(change([addVoter(5)]))).toMatchObject({ reason: 'configPending' });
    acknowledgeAll(leader);
    leader.step({ ...acknowledge(appends[0]!), index: 4 });
    leader.settle();
    expect(leader.status.config.voters).toEqual([1, 2, 3, 4]);
  });

  test('leaving is possible only in a joint configuration, and there nothing else is', () => {
    const leader = ready();
    const impossible = { accepted: false, reason: 'configImpossible' };
    expect(leader.node.proposeConfigChange(leave)).toEqual(impossible);
    leader.node.proposeConfigChange(change([addVoter(4), remove(3)], 'explicit'));
    acknowledgeAll(leader);
    expect(leader.status.config.outgoing).toEqual([1, 2, 3]);
    expect(leader.node.proposeConfigChange(change([addVoter(5)]))).toEqual(impossible);
    expect(leader.node.proposeConfigChange(change([addVoter(5), remove(2)]))).toEqual(impossible);
    expect(leader.node.proposeConfigChange(leave)).toMatchObject({ accepted: true });
  });

  test('bytes that are no change are refused', () => {
    const leader = ready();
    const entries: Entry[] = [{ index: 0, term: 0, type: 'config', data: bytes('x') }];
    leader.step(message('propose', 1, { from: 2, entries }));
    expect(leader.status.lastIndex).toBe(1);
  });

  test('a removed leader that goes on leading takes none, and no proposals', () => {
    const leader = ready();
    leader.node.proposeConfigChange(change([remove(1)]));
    acknowledgeAll(leader);
    expect(leader.status).toMatchObject({ role: 'leader', config: members([2, 3]) });
    const refused = { accepted: false, reason: 'removed' };
    expect(leader.node.propose([bytes('a')])).toEqual(refused);
    expect(leader.node.proposeConfigChange(change([addVoter(1)]))).toEqual(refused);
  });

  test('a follower passes it on', () => {
    const cluster = Cluster.of(3);
    cluster.elect(1);
    expect(cluster.get(2).node.proposeConfigChange(change([remove(3)]))).toEqual({
      accepted: true,
      forwarded: true,
    });
    cluster.stabilize();
    expect(cluster.get(1).status.config).toEqual(members([1, 2]));
  });
});

describe('what is applied', () => {
  const follower = (config: object): Member => new Member({ id: 1, members: config });

  test('one that is impossible changes nothing, and the next one can', () => {
    const member = follower({ voters: [1] });
    expect(() => member.node.applyConfigChange(change([remove(1)]), 1)).toThrow(ConfigChangeError);
    expect(() => member.node.applyConfigChange(leave, 2)).toThrow(ConfigChangeError);
    expect(member.status.config).toEqual(members([1]));
    expect(member.node.applyConfigChange(change([addVoter(2)]), 3)).toEqual(members([1, 2]));
  });

  test('is applied once: what a snapshot holds already changes nothing', () => {
    const member = new Member({ id: 1, members: [1, 2, 3], start: { index: 5, term: 1 } });
    expect(member.node.applyConfigChange(change([remove(3)]), 5)).toBeUndefined();
    expect(member.node.applyConfigChange(change([remove(3)]), 6)).toEqual(members([1, 2]));
    expect(member.node.applyConfigChange(change([remove(2)]), 6)).toBeUndefined();
    expect(member.status.config).toEqual(members([1, 2]));
  });

  test('a member that knows no members stops rather than become the only voter of its own', () => {
    // As when the log of the first members begins without a snapshot: the joining one would replay all changes on nothing.
    const member = new Member({ id: 4, members: [] });
    expect(() => member.node.applyConfigChange(change([addVoter(4)]), 2)).toThrow(RaftInvariantError);
  });

  test('an update changes no member, and the context is left to the application', () => {
    const leader = ready();
    const context = bytes('tcp://3');
    const update: ConfigChange = { transition: 'auto', changes: [{ op: 'update', node: 3 }], context };
    leader.node.proposeConfigChange(update);
    acknowledgeAll(leader);
    expect(leader.status.config).toEqual(members([1, 2, 3]));
    expect(leader.applied.at(-1)?.data).toEqual(encodeConfigChange(update));
  });

  test('an update of a learner leaves it a learner (etcd#21694)', () => {
    const leader = ready({ members: { voters: [1, 2, 3], learners: [4] } });
    leader.node.proposeConfigChange({
      transition: 'auto',
      changes: [{ op: 'update', node: 4 }],
      context: noBytes,
    });
    acknowledgeAll(leader);
    expect(leader.status.config).toEqual(members({ voters: [1, 2, 3], learners: [4] }));
    expect(leader.status.progress.get(4)?.learner).toBe(true);
  });
});

describe('what a leader knows of the members', () => {
  test('is kept for those that stay, between learner and voter as well', () => {
    const leader = ready({ members: { voters: [1, 2, 3], learners: [4] } });
    leader.node.proposeConfigChange(change([addVoter(4)]));
    acknowledgeAll(leader);
    expect(leader.status.progress.get(4)).toMatchObject({ match: 2, learner: false });
    leader.node.proposeConfigChange(change([addLearner(4)]));
    acknowledgeAll(leader);
    expect(leader.status.progress.get(4)).toMatchObject({ match: 3, learner: true });
  });

  test('is forgotten with those that go: one that comes back begins anew', () => {
    const leader = ready();
    leader.node.proposeConfigChange(change([remove(3)]));
    acknowledgeAll(leader);
    expect([...leader.status.progress.keys()]).toEqual([1, 2]);
    leader.node.proposeConfigChange(change([addVoter(3)]));
    leader.step(...ofType(leader.settle(), 'append', 2).map(acknowledge));
    leader.settle();
    expect(leader.status.progress.get(3)).toMatchObject({
      match: 0,
      next: 3,
      state: 'probe',
      recentActive: true,
    });
  });

  test('is forgotten of one that goes and comes back in one step', () => {
    const leader = ready({ members: { voters: [1, 2, 3], learners: [4] } });
    expect(leader.status.progress.get(4)?.match).toBe(1);
    leader.node.proposeConfigChange(change([remove(4), addLearner(4)]));
    leader.step(
      ...ofType(leader.settle(), 'append')
        .filter(({ to }) => to < 4)
        .map(acknowledge),
    );
    leader.settle();
    expect(leader.status.progress.get(4)).toMatchObject({ match: 0, state: 'probe' });
    // But not of one that still votes in the outgoing half.
    const other = ready();
    other.node.proposeConfigChange(change([remove(3), addVoter(3)], 'explicit'));
    acknowledgeAll(other);
    expect(other.status.progress.get(3)?.match).toBe(2);
  });

  test('one that was added is sent to at once', () => {
    const leader = ready();
    leader.node.proposeConfigChange(change([addVoter(4)]));
    leader.step(...ofType(leader.settle(), 'append').map(acknowledge));
    expect(ofType(leader.settle(), 'append', 4)).toHaveLength(1);
  });

  test('a removal may commit what one less has to acknowledge', () => {
    const leader = steadyLeader({ members: [1, 2, 3, 4] });
    leader.node.proposeConfigChange(change([remove(4)]));
    leader.node.propose([bytes('a')]);
    const appends = ofType(leader.settle(), 'append');
    const [toTwo, toThree] = [ofType(appends, 'append', 2), ofType(appends, 'append', 3)];
    leader.step(...toTwo.map(acknowledge), acknowledge(toThree[0]!));
    expect(leader.status.commit).toBe(2);
    leader.settle();
    // Two of three now.
    expect(leader.status).toMatchObject({ commit: 3, config: members([1, 2, 3]) });
  });

  test('the removal of the leader itself may as well: nothing else would ever commit the rest', () => {
    const leader = steadyLeader({ members: [1, 2] });
    leader.node.proposeConfigChange(change([remove(1)]));
    const removal = leader.ready();
    leader.node.propose([bytes('a')]);
    const more = leader.ready();
    // The other has both, and the leader's own disk only the removal.
    leader.step(...ofType([...removal, ...more], 'append').map(acknowledge));
    expect(leader.status.commit).toBe(1);
    leader.store();
    expect(leader.status.commit).toBe(2);
    leader.ready();
    leader.apply();
    expect(leader.status).toMatchObject({ commit: 3, config: members([2]) });
  });
});

describe('learners next', () => {
  test('a voter that is demoted in a joint configuration votes until that is left', () => {
    const leader = ready();
    leader.node.proposeConfigChange(change([addVoter(4), addLearner(3)], 'explicit'));
    acknowledgeAll(leader);
    expect(leader.status.config).toEqual(
      members({ voters: [1, 2, 4], outgoing: [1, 2, 3], learnersNext: [3] }),
    );
    expect(leader.status.progress.get(3)?.learner).toBe(false);
    // It is one of the outgoing half: with 1 and 4 it commits.
    leader.node.propose([bytes('a')]);
    const appends = ofType(leader.settle(), 'append');
    const { commit } = leader.status;
    leader.step(...[...ofType(appends, 'append', 4), ...ofType(appends, 'append', 3)].map(acknowledge));
    expect(leader.status.commit).toBe(commit + 1);
    leader.node.proposeConfigChange(leave);
    acknowledgeAll(leader);
    expect(leader.status.config).toEqual(members({ voters: [1, 2, 4], learners: [3] }));
    expect(leader.status.progress.get(3)?.learner).toBe(true);
  });
});

describe('leaving a joint configuration by itself', () => {
  const joint = { voters: [1, 2, 4], outgoing: [1, 2, 3], autoLeave: true };

  test('is proposed once', () => {
    const leader = ready();
    leader.node.proposeConfigChange(change([addVoter(4), remove(3)]));
    leader.node.propose([bytes('a')]);
    const [first, second] = ofType(leader.settle(), 'append', 2);
    leader.step(acknowledge(first!));
    const joined = ofType(leader.settle(), 'append', 4);
    expect(leader.status).toMatchObject({ applied: 2, lastIndex: 4, config: members(joint) });
    // Another entry is applied before the leaving is.
    leader.step(acknowledge(second!), { ...acknowledge(joined[0]!), index: 3 });
    leader.settle();
    expect(leader.status).toMatchObject({ applied: 3, lastIndex: 4 });
  });

  test('the next leader proposes it when the first could not', () => {
    const leader = new Member({ id: 1, members: joint });
    const appends = ofType(makeLeader(leader), 'append');
    expect(leader.status.lastIndex).toBe(1);
    leader.step(...appends.map(acknowledge));
    acknowledgeAll(leader);
    expect(leader.status).toMatchObject({ lastIndex: 2, config: members([1, 2, 4]) });
  });

  test('it waits until the leader has applied its whole log: the leaving may be in there', () => {
    const leader = new Member({ id: 1, members: joint, log: [1, 1], hardState: { commit: 1 } });
    const appends = ofType(makeLeader(leader), 'append');
    leader.settle();
    expect(leader.status).toMatchObject({ applied: 1, lastIndex: 3 });
    leader.step(...appends.map(acknowledge));
    leader.settle();
    expect(leader.status).toMatchObject({ applied: 3, lastIndex: 4 });
  });

  test('is not proposed while the leader hands over, but when that is given up', () => {
    const leader = ready();
    leader.node.proposeConfigChange(change([addVoter(4), remove(3)]));
    const appends = ofType(leader.settle(), 'append');
    leader.node.transferLeader(2);
    leader.step(...appends.map(acknowledge));
    leader.settle();
    expect(leader.status).toMatchObject({ lastIndex: 2, transferee: 2, config: members(joint) });
    // Nothing else happens that would remind it.
    leader.tick(10);
    expect(leader.status).toMatchObject({ lastIndex: 3, transferee: 0 });
    acknowledgeAll(leader);
  });

  test('is proposed by the one that was handed over to', () => {
    const cluster = Cluster.of(4);
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([addLearner(4), remove(3)]));
    leader.node.transferLeader(2);
    cluster.stabilize();
    cluster.beat();
    expect(cluster.leaders).toEqual([2]);
    expect(cluster.get(2).status.config).toEqual(members({ voters: [1, 2], learners: [4] }));
  });

  test('waits for room when too much is uncommitted, and is tried again', () => {
    const leader = new Member({ id: 1, members: joint, settings: { maxUncommittedBytes: 30 } });
    const appends = ofType(makeLeader(leader), 'append');
    leader.node.propose([new Uint8Array(100)]);
    leader.settle();
    leader.step(...appends.map(acknowledge));
    const more = ofType(leader.settle(), 'append').filter(({ entries }) => entries.length > 0);
    expect(leader.status).toMatchObject({ applied: 1, lastIndex: 2 });
    leader.step(...more.map(acknowledge));
    leader.settle();
    expect(leader.status).toMatchObject({ applied: 2, lastIndex: 3 });
    acknowledgeAll(leader);
  });

  test('survives a restart in the joint configuration', () => {
    const cluster = Cluster.of(3);
    cluster.add({ id: 4, members: [1, 2, 3] });
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([addVoter(4), remove(3)], 'explicit'));
    cluster.stabilize();
    cluster.beat();
    leader.snapshot();
    leader.crash();
    leader.restart();
    expect(leader.status.config).toEqual(members({ voters: [1, 2, 4], outgoing: [1, 2, 3] }));
    // Both halves have a say at once.
    leader.node.campaign();
    expect(ofType(leader.settle(), 'vote').map(({ to }) => to)).toEqual([2, 3, 4]);
  });
});
