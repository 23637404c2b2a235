import { describe, expect, test } from '@jest/globals';
import { RaftInvariantError } from '../../../agent/src/raft/core/assert.ts';
import { message, type Message, type MessageType } from '../../../agent/src/raft/core/message.ts';
import { RawNode } from '../../../agent/src/raft/core/raw-node.ts';
import { acknowledge, appendOf, at, Cluster, makeLeader, ofType, steadyLeader } from '../cluster.ts';
import { bytes, entry, Member } from '../member.ts';

const max = Number.MAX_SAFE_INTEGER;

const goodSettings = {
  id: 1,
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  stepDownOnRemoval: true,
  readOnly: 'safe',
  pacedLearners: false,
  maxInflightMessages: 1,
  maxInflightBytes: 0,
  maxAppendBytes: 0,
  maxUncommittedBytes: 0,
  maxApplyBytes: 1,
  applied: 0,
  random: () => 0,
} as const;

const voter = (rest: object = {}): Member => new Member({ id: 1, members: [1, 2, 3], ...rest });

describe('messages that are ignored', () => {
  test.each([
    ['for somebody else', appendOf(2, 3, 9, at(0, 0), [9])],
    ['for nobody', appendOf(0, 3, 9, at(0, 0), [9])],
    ['that claim to be of the member itself', appendOf(1, 1, 9, at(0, 0), [9])],
    [
      'of a kind that is not known',
      { ...message('append', 1, { from: 2, term: 9 }), type: 'storage' as MessageType },
    ],
  ])('%s', (_name, received) => {
    const member = voter();
    member.step(received);
    expect(member.node.hasReady()).toBe(false);
    expect(member.status.term).toBe(0);
  });

  test('nobody can acknowledge or vote in the name of the member', () => {
    const leader = steadyLeader({ members: [1, 2, 3, 4, 5] });
    leader.node.propose([bytes('a')]);
    const [append] = ofType(leader.ready(), 'append');
    leader.step(acknowledge(append!), message('appendResp', 1, { from: 1, term: 1, index: 2 }));
    expect(leader.status.commit).toBe(1);
  });
});

describe('messages without a term', () => {
  const kinds: readonly MessageType[] = [
    'vote',
    'preVote',
    'voteResp',
    'preVoteResp',
    'append',
    'appendResp',
  ];
  const more: readonly MessageType[] = [
    'heartbeat',
    'heartbeatResp',
    'snapshot',
    'timeoutNow',
    'readIndexResp',
  ];

  test.each([...kinds, ...more, 'transferLeader'] as const)('count as of term 0: %s', (type) => {
    for (const member of [voter({ hardState: { term: 3 } }), steadyLeader({ members: [1, 2, 3] })]) {
      member.settle();
      const before = member.status;
      const fields = { from: 2, context: 2, entries: [entry(1, 1)], index: before.lastIndex, commit: 0 };
      member.step(message(type, 1, fields));
      expect(ofType(member.settle(), 'vote')).toEqual([]);
      expect(member.status).toEqual(before);
      expect(member.reads).toEqual([]);
    }
  });

  test('proposals and questions have none: they come from members that may be behind', () => {
    const leader = steadyLeader({ members: [1, 2, 3], hardState: { term: 7 } });
    const proposal = { from: 2, entries: [entry(0, 0, 'a')] };
    leader.step(message('propose', 1, proposal), message('propose', 1, { ...proposal, term: 3 }));
    // Nor do they depose anybody.
    leader.step(
      message('propose', 1, { ...proposal, term: 99 }),
      message('readIndex', 1, { from: 2, term: 99 }),
    );
    expect(leader.status).toMatchObject({ role: 'leader', term: 8, lastIndex: 4 });
  });

  test('leave without one', () => {
    const cluster = Cluster.of(3);
    cluster.elect(1);
    cluster.get(2).node.propose([bytes('a')]);
    cluster.get(2).node.readIndex(1);
    cluster.get(2).node.transferLeader(2);
    expect(
      cluster
        .get(2)
        .settle()
        .map(({ type, term }) => [type, term]),
    ).toEqual([
      ['propose', 0],
      ['readIndex', 0],
      ['transferLeader', 1],
    ]);
  });
});

describe('strangers', () => {
  test('are voted for: the members may have changed and this one not know it', () => {
    const member = voter();
    member.step(message('vote', 1, { from: 9, term: 1 }));
    expect(ofType(member.settle(), 'voteResp', 9)).toMatchObject([{ reject: false }]);
  });

  test('are followed when they lead', () => {
    const member = voter();
    member.step(appendOf(1, 9, 1, at(0, 0), [1], 1));
    member.settle();
    expect(member.status).toMatchObject({ lead: 9, commit: 1 });
  });

  test.each(['appendResp', 'heartbeatResp', 'voteResp', 'preVoteResp'] as const)(
    'answer in vain: %s',
    (type) => {
      const leader = steadyLeader({ members: [1, 2, 3] });
      leader.node.propose([bytes('a')]);
      leader.settle();
      const before = leader.status;
      for (const reject of [false, true])
        leader.step(
          message(type, 1, { from: 9, term: 1, index: 2, reject }),
          message(type, 1, { from: 9, term: 5, reject }),
        );
      // Who was removed and does not know it deposes nobody by its answers.
      expect(leader.settle()).toEqual([]);
      expect(leader.status).toEqual(before);
    },
  );

  test('depose a leader by a higher term when they ask for votes or lead', () => {
    for (const type of ['vote', 'append', 'heartbeat'] as const) {
      const leader = steadyLeader({ members: [1, 2, 3] });
      leader.step(message(type, 1, { from: 9, term: 5 }));
      expect(leader.status).toMatchObject({ role: 'follower', term: 5 });
    }
  });
});

describe('what comes back to where it began', () => {
  test('a proposal that was passed on and back is taken by its sender when that leads by now', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.step(message('propose', 1, { from: 1, entries: [entry(0, 0, 'a')] }));
    expect(leader.status.lastIndex).toBe(2);
  });

  test('and so is a question', () => {
    const alone = new Member({ id: 1, members: [1] });
    alone.node.campaign();
    alone.settle();
    alone.step(message('readIndex', 1, { from: 1, context: 7 }));
    alone.settle();
    expect(alone.reads).toEqual([{ token: 7, index: 1 }]);
  });
});

describe('the last safe integer', () => {
  test('is a term like any other; there is none after it', () => {
    const member = voter({ hardState: { term: max - 1 } });
    makeLeader(member);
    expect(member.status).toMatchObject({ role: 'leader', term: max });
    member.step(message('appendResp', 1, { from: 2, term: max, index: 1 }));
    member.settle();
    expect(member.status.commit).toBe(1);
    const follower = voter({ hardState: { term: max } });
    expect(() => {
      follower.node.campaign();
    }).toThrow(RaftInvariantError);
  });

  test('is not passed by a pre-vote either', () => {
    const member = voter({ hardState: { term: max }, settings: { preVote: true } });
    expect(() => {
      member.node.campaign();
    }).toThrow(RaftInvariantError);
  });

  test.each([max + 1, 1.5, Number.NaN, Infinity])('a term %d stops the member', (term) => {
    // NaN is neither more nor less than anything: it is no term, and nothing happens.
    const member = voter();
    const hear = (): void => {
      member.step(message('heartbeat', 1, { from: 2, term }));
    };
    if (Number.isNaN(term)) hear();
    else expect(hear).toThrow(RaftInvariantError);
    expect(member.status.term).toBe(0);
  });

  test('is an index like any other; there is none after it', () => {
    const leader = new Member({ id: 1, members: [1], start: { index: max - 2, term: 1 } });
    leader.node.campaign();
    leader.settle();
    expect(leader.status).toMatchObject({ role: 'leader', lastIndex: max - 1, applied: max - 1 });
    expect(leader.node.propose([bytes('a')])).toMatchObject({ index: max });
    leader.settle();
    expect(leader.payloads()).toEqual(['a']);
    expect(() => leader.node.propose([bytes('b')])).toThrow(RaftInvariantError);
  });

  test('is not passed by what a leader sends', () => {
    const member = new Member({ id: 1, members: [1, 2, 3], start: { index: max - 1, term: 1 } });
    const entries = [entry(max, 1), entry(max + 1, 1)];
    expect(() => {
      member.step({ ...appendOf(1, 2, 1, at(max - 1, 1)), entries });
    }).toThrow(RaftInvariantError);
  });
});

describe('settings that cannot work', () => {
  test.each([
    ['id', 0],
    ['id', 1.5],
    ['heartbeatTicks', 0],
    ['electionTicks', 1],
    ['maxInflightMessages', 0],
    ['maxApplyBytes', 0],
    ['applied', -1],
  ])('%s %d', (name, value) => {
    const { log } = voter();
    const settings = { ...goodSettings, [name]: value };
    expect(() => new RawNode(settings, log)).toThrow(RaftInvariantError);
    expect(() => new RawNode(goodSettings, log)).not.toThrow();
  });
});

/** Anything that a peer may send must not make the member break a rule of its own. */
describe('nonsense', () => {
  test('of the right shape stops a member at worst, and never makes it go back', () => {
    const kinds: readonly MessageType[] = [
      'vote',
      'voteResp',
      'append',
      'appendResp',
      'heartbeat',
      'heartbeatResp',
    ];
    let seed = 1;
    const below = (limit: number): number => {
      seed = (Math.imul(seed, 48271) >>> 0) % 2147483647;
      return seed % limit;
    };
    for (let round = 0; round < 200; round += 1) {
      const member =
        round % 2 === 0 ? voter({ log: [1, 1] }) : steadyLeader({ members: [1, 2, 3], log: [1, 1] });
      for (let count = 0; count < 20; count += 1) {
        const before = member.status;
        const received: Message = message(kinds[below(kinds.length)]!, 1, {
          from: 1 + below(5),
          term: below(6),
          index: below(6),
          logTerm: below(4),
          commit: below(6),
          rejectHint: below(6),
          reject: below(2) === 0,
          context: below(3),
        });
        try {
          member.step(received);
          member.settle();
        } catch (error) {
          expect(error).toBeInstanceOf(RaftInvariantError);
          break;
        }
        const { term, commit, applied, lastIndex } = member.status;
        const goesBack = term < before.term || commit < before.commit || applied < before.applied;
        expect(goesBack || commit > lastIndex).toBe(false);
      }
    }
  });
});
