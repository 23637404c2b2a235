import { describe, expect, test } from '@jest/globals';
import { RaftInvariantError } from '../../../agent/src/raft/core/assert.ts';
import type { RaftConfig } from '../../../agent/src/raft/core/config.ts';
import type { LogStorage } from '../../../agent/src/raft/core/log-storage.ts';
import { message } from '../../../agent/src/raft/core/message.ts';
import { RawNode } from '../../../agent/src/raft/core/raw-node.ts';
import type { Status } from '../../../agent/src/raft/core/status.ts';
import type { Index } from '../../../agent/src/raft/core/types.ts';
import { addVoter, change } from '../changes.ts';
import { appendOf, at, Cluster } from '../cluster.ts';
import { bytes, Member, members } from '../member.ts';

const settings: RaftConfig = {
  id: 1,
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: false,
  checkQuorum: false,
  stepDownOnRemoval: false,
  readOnly: 'safe',
  pacedLearners: false,
  maxInflightMessages: 1,
  maxInflightBytes: 0,
  maxAppendBytes: 0,
  maxUncommittedBytes: 0,
  maxApplyBytes: 1,
  applied: 0,
  random: () => 0,
};

/** A log of three entries of term 1, with the commit index that a crash has left, and an application that is so far. */
const startWith = (commit: Index, applied: Index): Status => {
  const { log } = new Member({ id: 1, members: [1, 2, 3], log: [1, 1, 1] });
  const initialState = () => ({ hardState: { term: 1, vote: 0, commit }, config: members([1, 2, 3]) });
  const storage: LogStorage = {
    initialState,
    firstIndex: () => log.firstIndex(),
    lastIndex: () => log.lastIndex(),
    term: (index) => log.term(index),
    entries: (from, to, maxBytes) => log.entries(from, to, maxBytes),
    snapshot: () => log.snapshot(),
  };
  return new RawNode({ ...settings, applied }, storage).status();
};

describe('a member that starts', () => {
  test('is a follower that knows no leader, with what is on its disk', () => {
    const member = new Member({
      id: 1,
      members: [1, 2, 3],
      start: { index: 4, term: 2 },
      log: [2, 3],
      hardState: { term: 5, vote: 3, commit: 5 },
    });
    expect(member.status).toMatchObject({
      role: 'follower',
      term: 5,
      vote: 3,
      lead: 0,
      commit: 5,
      applied: 4,
      firstIndex: 5,
      lastIndex: 6,
    });
  });

  test('has nothing to tell or to store, and applies what is committed', () => {
    const member = new Member({ id: 1, members: [1, 2, 3], log: [1, 1], hardState: { commit: 1 } });
    const { messages, append, apply, softState } = member.node.ready();
    expect({ messages, append, softState }).toEqual({
      messages: [],
      append: undefined,
      softState: undefined,
    });
    expect(apply?.entries).toMatchObject([{ index: 1 }]);
    expect(member.node.hasReady()).toBe(false);
  });

  test('begins a joint configuration where it was', () => {
    const joint = { voters: [1, 2], outgoing: [1, 3], learnersNext: [3], autoLeave: true };
    expect(new Member({ id: 1, members: joint }).status.config).toEqual(members(joint));
  });

  test('does not apply again what the application kept', () => {
    const cluster = Cluster.of(1);
    const alone = cluster.elect(1);
    alone.node.propose([bytes('a')]);
    cluster.stabilize();
    alone.snapshot(10);
    alone.crash();
    alone.restart();
    alone.settle();
    expect(alone.payloads()).toEqual([]);
    expect(alone.status).toMatchObject({ applied: 2, firstIndex: 1 });
  });

  test('knows that what was applied is committed, although a crash undid the commit index', () => {
    const member = new Member({ id: 1, members: [1, 2, 3], log: [1, 1, 1] });
    // The application is done and keeps its state itself; the piece with the commit index alone was not synced.
    member.step(message('heartbeat', 1, { from: 2, term: 1, commit: 3 }));
    member.ready();
    member.apply();
    expect(member.node.applied).toBe(3);
    expect(member.log.hardState.commit).toBe(0);
    expect(startWith(0, 3)).toMatchObject({ commit: 3, applied: 3 });
  });

  test('applied changes are not applied again: the members it starts with have them', () => {
    const member = new Member({ id: 1, members: [1, 2, 3, 4], start: { index: 7, term: 1 } });
    expect(member.node.applyConfigChange(change([addVoter(5)]), 7)).toBeUndefined();
    expect(member.status.config).toEqual(members([1, 2, 3, 4]));
  });

  test.each([
    ['a commit index that its log does not reach', 4, 0],
    ['an application that is ahead of its log', 3, 4],
  ])('refuses %s', (_name, commit, applied) => {
    expect(() => startWith(commit, applied)).toThrow(RaftInvariantError);
  });
});

describe('Ready', () => {
  test('tells role and leader when they change, once', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    member.step(appendOf(1, 2, 1, at(0, 0)));
    expect(member.node.ready().softState).toEqual({ role: 'follower', lead: 2 });
    member.step(appendOf(1, 2, 1, at(0, 0)));
    expect(member.node.ready().softState).toBeUndefined();
    member.node.campaign();
    expect(member.node.ready().softState).toEqual({ role: 'candidate', lead: 0 });
  });

  test('is empty when there is nothing to do', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    member.tick(3);
    expect(member.node.hasReady()).toBe(false);
    expect(member.node.ready()).toEqual({
      softState: undefined,
      messages: [],
      append: undefined,
      apply: undefined,
      readStates: [],
    });
  });
});
