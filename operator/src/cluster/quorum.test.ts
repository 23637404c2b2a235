import { describe, expect, test } from '@jest/globals';
import type { OllamaClusterStatus } from '@ollamamax/api';
import { groupReports, noMember, reportOf, reportsOf, type GroupFields } from './agents.fixture.ts';
import { clusterOf } from './cluster.fixture.ts';
import { groupView, type GroupView } from './group-view.ts';
import { electionMs, judgeQuorum, type QuorumFacts } from './quorum.ts';

const voters = ['demo-0', 'demo-1', 'demo-2'];
const begun = { clusterId: 'group-1', begun: true, voters, learners: [] };

const before = (status: 'True' | 'False'): OllamaClusterStatus => ({
  conditions: [
    {
      type: 'QuorumReady',
      status,
      reason: status === 'True' ? 'MajorityReady' : 'MajorityMissing',
      message: 'as before',
      observedGeneration: 1,
      lastTransitionTime: '2025-01-01T00:00:00Z',
    },
  ],
});

const judge = (group: GroupView, more: Partial<QuorumFacts> = {}) => {
  const { status, reason, message } = judgeQuorum({
    cluster: clusterOf(),
    group,
    step: { kind: 'none' },
    ready: 3,
    leaderlessMs: electionMs,
    heard: true,
    ...more,
  });
  return [status, reason, message];
};

const of = (fields: GroupFields & { readonly silent?: readonly string[] } = {}) =>
  groupView(begun, groupReports(fields));
const hand =
  'Nothing is repaired by itself here: bring pods and volumes back; when they are lost for good, docs/raft/operations.md tells what to do (ollamamax raft recover).';

describe('a group with a leader', () => {
  test.each<[string, GroupView, readonly string[]]>([
    ['all are there', of(), ['True', 'MajorityReady', 'demo-0 leads; 3 of 3 voters are there.']],
    [
      'one is away',
      of({ dead: ['demo-1'] }),
      ['True', 'MajorityReady', 'demo-0 leads; 2 of 3 voters are there.'],
    ],
    [
      'it is the only voter',
      of({ voters: ['demo-0'], learners: ['demo-1'] }),
      ['True', 'MajorityReady', 'demo-0 leads; 1 of 1 voter is there.'],
    ],
    [
      'the others are away',
      of({ dead: ['demo-1', 'demo-2'] }),
      ['False', 'MajorityMissing', `demo-0 leads; 1 of 3 voters is there. ${hand}`],
    ],
  ])('%s', (_what, group, expected) => {
    // Pods say nothing here.
    expect(judge(group, { ready: 0 })).toEqual(expected);
  });
});

describe('a group without a leader', () => {
  const leaderless = (...silent: readonly string[]) => of({ leader: undefined, silent });

  test('is missing its majority, or finds none', () => {
    expect(judge(leaderless('demo-1', 'demo-2'))).toEqual([
      'False',
      'MajorityMissing',
      `1 of 3 voters answers; missing: demo-1, demo-2. ${hand}`,
    ]);
    expect(judge(leaderless('demo-1'))).toEqual([
      'False',
      'NoLeader',
      'No agent leads, although 2 of 3 voters answer. If it stays so, check that they reach each other at port 7000.',
    ]);
  });

  test('is believed to find one for a moment', () => {
    const more = { cluster: clusterOf({}, { status: before('True') }), leaderlessMs: electionMs - 1 };
    expect(judge(leaderless('demo-1'), more)).toEqual(['True', 'MajorityReady', 'as before']);
    const not = { cluster: clusterOf({}, { status: before('False') }), leaderlessMs: 0 };
    expect(judge(leaderless('demo-1'), not)[1]).toBe('NoLeader');
  });

  test('of which nobody has been heard yet is as before', () => {
    const more = { cluster: clusterOf({}, { status: before('True') }), heard: false };
    expect(judge(groupView(begun, new Map()), more)).toEqual(['True', 'MajorityReady', 'as before']);
    expect(judge(groupView(begun, new Map()), { heard: false })[1]).toBe('MajorityMissing');
  });

  test('of which nobody who answers is a member waits, and says for whom', () => {
    const step = { kind: 'wait', why: 'no agent that answers is a member' } as const;
    expect(judge(groupView(begun, reportsOf({ 'demo-0': noMember })), { step })).toEqual([
      'False',
      'MajorityMissing',
      `No agent that answers is a member. ${hand}`,
    ]);
  });

  test('has lost all volumes', () => {
    const step = { kind: 'draw', why: 'lost' } as const;
    expect(judge(groupView(begun, new Map()), { step })).toEqual([
      'False',
      'AllVolumesLost',
      'All agents have come back with empty volumes: they begin anew.',
    ]);
  });
});

describe('before there is a group', () => {
  const empty = groupView(undefined, reportsOf({ 'demo-0': noMember }));

  test('it has not begun', () => {
    expect(judge(empty, { step: { kind: 'wait', why: 'the agents begin later' } })).toEqual([
      'False',
      'NotBegun',
      'The agents begin later.',
    ]);
    expect(judge(empty, { step: { kind: 'draw', why: 'first' } })).toEqual([
      'False',
      'NotBegun',
      'The agents are about to begin to agree.',
    ]);
  });

  test.each([
    [3, 'True', 'MajorityReady', '3 of 3 agents are ready; 2 make a majority.'],
    [1, 'False', 'MajorityMissing', '1 of 3 agents are ready; 2 make a majority.'],
  ])('agents that are too old count by being ready: %d', (ready, status, reason, message) => {
    const reports = new Map([...reportsOf({ 'demo-0': noMember }), ['demo-1', reportOf('demo-1')] as const]);
    expect(judge(groupView(undefined, reports), { ready })).toEqual([status, reason, message]);
  });
});
