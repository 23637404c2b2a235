import { describe, expect, test } from '@jest/globals';
import { message, type Message } from '../../../agent/src/raft/core/message.ts';
import { emptyConfState, type Entry } from '../../../agent/src/raft/core/types.ts';
import { MemoryLog } from '../memory-log.ts';
import { Invariants } from './invariants.ts';
import type { ScenarioNode } from './node.ts';

const entry = (index: number, term: number, text = ''): Entry => ({
  index,
  term,
  type: 'normal',
  data: new TextEncoder().encode(text),
});

interface State {
  readonly id: number;
  readonly role?: 'leader' | 'follower' | 'candidate';
  readonly term: number;
  readonly vote?: number;
  readonly commit?: number;
  readonly applied?: number;
  readonly entries?: readonly Entry[];
  /** What is on disk, when that is not all of it. */
  readonly stored?: { readonly term?: number; readonly vote?: number; readonly entries?: readonly Entry[] };
  readonly voters?: readonly number[];
  readonly outgoing?: readonly number[];
}

/** A node that says of itself whatever a test wants. */
const node = (state: State): ScenarioNode => {
  const { id, role = 'follower', term, vote = 0, commit = 0, applied = 0, entries = [], stored = {} } = state;
  const onDisk = stored.entries ?? entries;
  const before = (onDisk[0]?.index ?? 1) - 1;
  const log = new MemoryLog({ index: before, term: 1, config: emptyConfState, data: new Uint8Array() });
  const hardState = { term: stored.term ?? term, vote: stored.vote ?? vote, commit: before };
  log.append({ entries: onDisk, hardState, snapshot: undefined });
  const config = { ...emptyConfState, voters: state.voters ?? [1, 2, 3], outgoing: state.outgoing ?? [] };
  const lastIndex = entries.at(-1)?.index ?? 0;
  const firstIndex = entries[0]?.index ?? 1;
  const status = { id, role, term, vote, commit, applied, firstIndex, lastIndex, config };
  const core = { status: () => status, entries: () => entries };
  return { id, log, applied, entries: () => entries, core } as unknown as ScenarioNode;
};

/** Looks at one node after the other, each as it says it is then. */
const seen = (...states: readonly State[]): void => {
  const invariants = new Invariants();
  const latest = new Map<number, ScenarioNode>();
  for (const state of states) {
    latest.set(state.id, node(state));
    invariants.checkNode(node(state), [...latest.values()]);
  }
};

const follower = { id: 1, term: 3 };
const log = [entry(1, 1), entry(2, 2), entry(3, 3, 'a')];

describe('of one node', () => {
  test.each([
    ['the term falls', [follower, { ...follower, term: 2 }], /term of node 1 falls from 3 to 2/],
    [
      'the commit index falls',
      [
        { ...follower, commit: 2, entries: log },
        { ...follower, commit: 1, entries: log },
      ],
      /commit of node 1 falls/,
    ],
    [
      'the applied index falls',
      [
        { ...follower, commit: 2, applied: 2, entries: log },
        { ...follower, commit: 2, applied: 1, entries: log },
      ],
      /applied of node 1 falls/,
    ],
    [
      'more is applied than committed',
      [{ ...follower, commit: 1, applied: 2, entries: log }],
      /beyond commit/,
    ],
    ['more is committed than there is', [{ ...follower, commit: 4, entries: log }], /beyond its last index/],
    [
      'the vote changes',
      [
        { ...follower, vote: 2 },
        { ...follower, vote: 3 },
      ],
      /changes from 2 to 3/,
    ],
    ['the vote is taken back', [{ ...follower, vote: 2 }, follower], /changes from 2 to 0/],
  ] as const)('%s', (_what, states, message) => {
    expect(() => seen(...states)).toThrow(message);
  });

  test('all of it may rise, and a new term has a new vote', () => {
    const states = [
      { ...follower, vote: 2, commit: 1, applied: 1, entries: log },
      { ...follower, term: 4, vote: 3, commit: 3, applied: 2, entries: log },
    ];
    expect(() => seen(...states)).not.toThrow();
  });

  test('after a crash it is measured by what it had stored', () => {
    const check = (restarted: Partial<State>): void => {
      const invariants = new Invariants();
      const before = { ...follower, vote: 2, stored: { term: 2, vote: 3 }, entries: log };
      const crashed = node(before);
      invariants.checkNode(crashed, []);
      invariants.crashed(crashed);
      invariants.checkNode(node({ ...before, term: 2, vote: 3, ...restarted }), []);
    };
    expect(() => check({})).not.toThrow();
    expect(() => check({ term: 3, vote: 1 })).not.toThrow();
    expect(() => check({ term: 1 })).toThrow('term of node 1 falls from 2 to 1');
    expect(() => check({ vote: 0 })).toThrow('vote of node 1 in term 2 changes from 3 to 0');
  });
});

describe('of leaders', () => {
  const voted = { vote: 1, term: 3 };
  const votes = [
    { id: 2, ...voted },
    { id: 3, ...voted },
  ];
  const leader = { id: 1, role: 'leader', ...voted } as const;

  test('there is one in a term', () => {
    const five = { term: 3, voters: [1, 2, 3, 4, 5] };
    const rivals = [
      { ...five, id: 3, vote: 1 },
      { ...five, id: 4, vote: 1 },
      { ...five, id: 5, vote: 2 },
      { ...five, id: 1, vote: 1, role: 'leader' },
      { ...five, id: 2, vote: 2, role: 'leader' },
    ] as const;
    expect(() => seen(...rivals)).toThrow('nodes 1 and 2 both lead in term 3');
  });

  test('each has the stored votes of a quorum', () => {
    expect(() => seen(votes[0] as State, leader)).not.toThrow();
    expect(() => seen(...votes, { ...leader, stored: { term: 2, vote: 0 } })).not.toThrow();
    expect(() => seen(leader)).toThrow('without durable votes of a quorum');
    expect(() => seen({ ...votes[0], id: 2, term: 3, stored: { vote: 0 } }, leader)).toThrow(
      'without durable',
    );
    expect(() => seen(votes[0] as State, { ...leader, stored: { term: 2 } })).toThrow('without durable');
    const joint = { ...leader, outgoing: [1, 4, 5] };
    expect(() => seen(...votes, joint)).toThrow('without durable');
    expect(() => seen(...votes, { id: 4, ...voted }, joint)).not.toThrow();
  });

  test('each commits what a quorum has stored', () => {
    const held = { ...leader, entries: log };
    const commits = { ...held, commit: 3 };
    const other = { id: 2, ...voted, entries: log };
    expect(() => seen(other, held, commits)).not.toThrow();
    expect(() => seen({ ...other, entries: log.slice(0, 2) }, held, commits)).toThrow(
      'node 1 commits entry 3 before it is durable on a quorum',
    );
    expect(() => seen({ ...other, stored: { entries: log.slice(0, 2) } }, held, commits)).toThrow('commits');
    const elsewhere = [entry(1, 1), entry(2, 2), entry(3, 2)];
    expect(() => seen({ ...other, entries: elsewhere }, held, commits)).toThrow('commits entry 3');
    const unstored = { stored: { entries: [] } };
    expect(() => seen(other, { ...held, ...unstored }, { ...commits, ...unstored })).toThrow(
      'commits entry 3',
    );
  });

  test('each holds what was committed in earlier terms', () => {
    const check = (entries: readonly Entry[], term: number): void => {
      const invariants = new Invariants();
      invariants.checkLogs([node({ id: 2, term: 3, commit: 3, entries: log })]);
      invariants.checkLogs([node({ id: 1, role: 'leader', term, entries })]);
    };
    expect(() => check(log, 4)).not.toThrow();
    expect(() => check([entry(3, 3, 'a'), entry(4, 4)], 4)).not.toThrow();
    expect(() => check(log.slice(0, 2), 4)).toThrow('node 1 leads in term 4 without entry 3');
    expect(() => check([entry(1, 1), entry(2, 2), entry(3, 4)], 4)).toThrow('without entry 3');
    expect(() => check(log.slice(0, 2), 3)).not.toThrow();
  });
});

describe('of logs', () => {
  const compare = (one: Partial<State>, other: Partial<State>): void => {
    new Invariants().checkLogs([node({ id: 1, term: 3, ...one }), node({ id: 2, term: 3, ...other })]);
  };

  test('the same term at the same place is the same entry', () => {
    const other = [entry(1, 1), entry(2, 2), entry(3, 3, 'b')];
    expect(() => compare({ entries: log }, { entries: other })).toThrow(
      'entry 3 of term 3 on node 2 has other',
    );
    const config = log.map((each): Entry => ({ ...each, type: 'config' }));
    expect(() => compare({ entries: log }, { entries: config })).toThrow('has other content');
  });

  test('what agrees in one entry agrees in all before', () => {
    const other = [entry(1, 1), entry(2, 1), entry(3, 3, 'a')];
    expect(() => compare({ entries: log }, { entries: other })).toThrow('not on the one before, on node 2');
  });

  test('ends may differ, and beginnings may be gone', () => {
    const other = [entry(2, 2), entry(3, 2, 'x'), entry(4, 2)];
    expect(() => compare({ entries: log, commit: 2 }, { entries: other, commit: 2 })).not.toThrow();
  });

  test('what is committed is the same everywhere and for ever', () => {
    const other = [entry(1, 1), entry(2, 1), entry(3, 2)];
    expect(() => compare({ entries: log, commit: 2 }, { entries: other, commit: 2 })).toThrow(
      'committed entry 2 of term 2 is one of term 1 on node 2',
    );
    const invariants = new Invariants();
    invariants.checkLogs([node({ id: 1, term: 3, entries: log, commit: 3 })]);
    expect(() => invariants.checkLogs([node({ id: 1, term: 4, entries: other, commit: 3 })])).toThrow(
      'committed',
    );
  });
});

describe('of messages', () => {
  const send = (sender: Partial<State>, ...messages: Message[]): void => {
    const invariants = new Invariants();
    for (const each of messages) invariants.checkSent(each, node({ id: 1, term: 3, ...sender }));
  };
  const vote = (to: number, term = 3): Message => message('voteResp', to, { from: 1, term });
  const acknowledge = (index: number, term = 3): Message =>
    message('appendResp', 2, { from: 1, term, index });

  test('a vote leaves when it is stored', () => {
    expect(() => send({ vote: 2 }, vote(2))).not.toThrow();
    expect(() => send({ term: 4 }, vote(2))).not.toThrow();
    expect(() => send({}, vote(2))).toThrow('sends its vote for 2 in term 3 before it is durable');
    expect(() => send({ term: 2, vote: 2 }, vote(2))).toThrow('before it is durable');
    expect(() => send({}, message('voteResp', 2, { from: 1, term: 3, reject: true }))).not.toThrow();
  });

  test('a vote that was sent counts for ever', () => {
    expect(() => send({ term: 4 }, vote(2), vote(3))).toThrow(
      'votes for 3 in term 3 and has sent its vote to 2',
    );
    const invariants = new Invariants();
    const voter = { id: 1, term: 3, vote: 2 };
    invariants.checkSent(vote(2), node(voter));
    invariants.crashed(node({ ...voter, vote: 0 }));
    expect(() => invariants.checkNode(node({ ...voter, vote: 3 }), [])).toThrow('has sent its vote to 2');
  });

  test('an entry is acknowledged when it is stored', () => {
    const append = message('append', 2, { from: 3, term: 3, index: 1, logTerm: 1, entries: log.slice(1) });
    expect(() => send({ entries: log }, append, acknowledge(3))).not.toThrow();
    expect(() =>
      send({ entries: log, stored: { entries: log.slice(0, 2) } }, append, acknowledge(3)),
    ).toThrow('acknowledges entry 3 in term 3 before it is durable');
    const elsewhere = [entry(1, 1), entry(2, 2), entry(3, 2)];
    expect(() => send({ entries: elsewhere }, append, acknowledge(3))).toThrow('before it is durable');
    expect(() => send({ entries: elsewhere }, append, acknowledge(2))).not.toThrow();
  });

  test('nothing is acknowledged in a term that is not stored, or that is over', () => {
    expect(() => send({ entries: log, stored: { term: 2 } }, acknowledge(1))).toThrow('before that term is');
    expect(() => send({ term: 4, entries: [] }, acknowledge(3))).not.toThrow();
    expect(() => send({ entries: [] }, acknowledge(0))).not.toThrow();
  });
});
