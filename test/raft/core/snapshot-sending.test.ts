import { describe, expect, test } from '@jest/globals';
import type { RaftConfig } from '../../../agent/src/raft/core/config.ts';
import { message, type Message } from '../../../agent/src/raft/core/message.ts';
import { addVoter, change } from '../changes.ts';
import { acknowledge, answerHeartbeat, Cluster, ofType, only, steadyLeader } from '../cluster.ts';
import { bytes, members, type Member } from '../member.ts';

const three = members([1, 2, 3]);

describe('a leader sends snapshots', () => {
  /** Its log up to 3 is gone; 3 has not been heard of. */
  const compacted = (settings: Partial<RaftConfig> = {}): Member => {
    const leader = steadyLeader({ members: [1, 2, 3], settings });
    leader.node.propose([bytes('a'), bytes('b')]);
    leader.step(...ofType(leader.settle(), 'append', 2).map(acknowledge));
    leader.settle();
    leader.snapshot();
    leader.node.reportUnreachable(3);
    return leader;
  };

  const beat = (leader: Member): Message[] => {
    leader.tick();
    const heartbeat = only(ofType(leader.settle(), 'heartbeat', 3));
    leader.step(answerHeartbeat(heartbeat));
    return leader.settle().filter(({ to }) => to === 3);
  };

  test('sends its newest snapshot to whoever needs what is gone, and then nothing until that is settled', () => {
    const leader = compacted();
    expect(beat(leader)).toMatchObject([
      { type: 'snapshot', snapshot: { index: 3, term: 1, config: three } },
    ]);
    expect(leader.status.progress.get(3)).toMatchObject({
      state: 'snapshot',
      pendingSnapshot: 3,
      next: 4,
      paused: true,
    });
    leader.node.propose([bytes('c')]);
    expect(leader.settle().filter(({ to }) => to === 3)).toEqual([]);
    expect(beat(leader)).toEqual([]);
  });

  test('sends none to one that it does not hear', () => {
    const leader = compacted({ checkQuorum: true });
    // At the check of the quorum everybody is taken for silent until heard again.
    leader.step(message('heartbeatResp', 1, { from: 2, term: 1 }));
    leader.tick(10);
    leader.settle();
    leader.node.propose([bytes('c')]);
    expect(ofType(leader.settle(), 'snapshot')).toEqual([]);
    expect(beat(leader)).toMatchObject([{ type: 'snapshot' }]);
  });

  test('goes on behind it when it was delivered, once that is acknowledged', () => {
    const leader = compacted();
    beat(leader);
    leader.node.propose([bytes('c')]);
    leader.settle();
    leader.node.reportSnapshot(3, true);
    expect(leader.status.progress.get(3)).toMatchObject({ state: 'probe', next: 4, paused: true });
    expect(leader.settle()).toEqual([]);
    leader.step(message('appendResp', 1, { from: 3, term: 1, index: 3 }));
    expect(leader.settle().filter(({ to }) => to === 3)).toMatchObject([
      { type: 'append', index: 3, entries: [{ index: 4 }] },
    ]);
    expect(leader.status.progress.get(3)?.state).toBe('replicate');
  });

  test('tries again when it was lost, after a sign of life', () => {
    const leader = compacted();
    beat(leader);
    leader.node.reportSnapshot(3, false);
    expect(leader.status.progress.get(3)).toMatchObject({
      state: 'probe',
      next: 2,
      paused: true,
      pendingSnapshot: 0,
    });
    expect(leader.settle()).toEqual([]);
    expect(beat(leader)).toMatchObject([{ type: 'snapshot' }]);
  });

  test('sees by an acknowledgement that it has arrived, without a report', () => {
    const leader = compacted();
    beat(leader);
    leader.step(message('appendResp', 1, { from: 3, term: 1, index: 3 }));
    expect(leader.status.progress.get(3)).toMatchObject({ state: 'replicate', match: 3, next: 4 });
  });

  test('takes one that caught up some other way, when its log goes on from there', () => {
    const leader = compacted();
    beat(leader);
    leader.node.propose([bytes('c')]);
    leader.step(...ofType(leader.settle(), 'append', 2).map(acknowledge));
    leader.settle();
    // Another snapshot, newer than the one on its way: what is left of the log begins behind that.
    leader.snapshot();
    leader.step(message('appendResp', 1, { from: 3, term: 1, index: 3 }));
    expect(leader.status.progress.get(3)).toMatchObject({ state: 'snapshot', match: 3, pendingSnapshot: 3 });
    leader.step(message('appendResp', 1, { from: 3, term: 1, index: 4 }));
    expect(leader.status.progress.get(3)).toMatchObject({ state: 'replicate', match: 4, next: 5 });
  });

  test('takes one that is short of the snapshot, when its log goes on from there', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.node.propose([bytes('a'), bytes('b'), bytes('c')]);
    leader.step(...ofType(leader.settle(), 'append', 2).map(acknowledge));
    leader.settle();
    // The snapshot is of 4; of what it covers, 4 is kept in the log.
    leader.snapshot(1);
    leader.node.reportUnreachable(3);
    expect(beat(leader)).toMatchObject([{ snapshot: { index: 4 } }]);
    leader.step(message('appendResp', 1, { from: 3, term: 1, index: 3 }));
    expect(leader.status.progress.get(3)).toMatchObject({ state: 'replicate', match: 3 });
    expect(leader.settle()).toMatchObject([{ type: 'append', to: 3, index: 3, entries: [{ index: 4 }] }]);
  });

  test('reports about others than those that wait for one are nothing', () => {
    const leader = compacted();
    leader.node.reportSnapshot(2, false);
    leader.node.reportSnapshot(9, true);
    expect(leader.status.progress.get(2)?.state).toBe('replicate');
  });

  test('sends one to a member that joins when the beginning of its log is gone', () => {
    const cluster = Cluster.of(3, { start: { index: 1, term: 1 } });
    cluster.add({ id: 4, members: [] });
    const leader = cluster.elect(1);
    leader.node.propose([bytes('a')]);
    cluster.stabilize();
    leader.snapshot();
    leader.node.proposeConfigChange(change([addVoter(4)]));
    cluster.stabilize();
    cluster.get(1).node.reportSnapshot(4, true);
    cluster.beat();
    expect(cluster.get(4).status).toMatchObject({
      config: members([1, 2, 3, 4]),
      commit: leader.status.commit,
    });
  });

  test('a member that is far behind comes back by a snapshot of the new leader, its own tail is gone', () => {
    const cluster = Cluster.of(3);
    const old = cluster.elect(1);
    cluster.isolate(1);
    old.node.propose([bytes('lost'), bytes('lost too')]);
    cluster.settle();
    const leader = cluster.elect(2);
    leader.node.propose([bytes('a'), bytes('b'), bytes('c')]);
    cluster.stabilize();
    leader.snapshot();
    leader.node.propose([bytes('d')]);
    cluster.stabilize();
    cluster.heal();
    cluster.beat();
    leader.node.reportSnapshot(1, true);
    cluster.beat();
    expect(old.status).toMatchObject({ role: 'follower', firstIndex: 6, commit: 6 });
    expect(old.payloads()).toEqual(['d']);
  });
});
