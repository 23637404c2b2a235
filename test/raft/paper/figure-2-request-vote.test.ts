import { describe, expect, test } from '@jest/globals';
import { message, type Message } from '../../../agent/src/raft/core/message.ts';
import type { Term } from '../../../agent/src/raft/core/types.ts';
import { ofType, only } from '../cluster.ts';
import { Member } from '../member.ts';

/** Figure 2 of the paper, "RequestVote RPC", and 5.4.1. */

const voter = (log: readonly Term[], term: Term): Member =>
  new Member({ id: 1, members: [1, 2, 3], log, hardState: { term } });

const ask = (member: Member, fields: Partial<Message>): Message | undefined => {
  member.step(message('vote', 1, { from: 2, ...fields }));
  const answers = ofType(member.settle(), 'voteResp', fields.from ?? 2);
  return answers.length === 0 ? undefined : only(answers);
};

describe('arguments', () => {
  test('a candidate names its term, itself, and index and term of its last entry', () => {
    const candidate = voter([1, 1, 3], 4);
    candidate.node.campaign();
    const questions = ofType(candidate.settle(), 'vote');
    expect(questions.map(({ to }) => to)).toEqual([2, 3]);
    for (const question of questions)
      expect(question).toMatchObject({ from: 1, term: 5, index: 3, logTerm: 3, reject: false });
  });
});

describe('receiver', () => {
  test('1. does not vote when term < currentTerm', () => {
    const member = voter([1], 3);
    expect(ask(member, { term: 2, index: 9, logTerm: 2 })).toBeUndefined();
    expect(member.status).toMatchObject({ term: 3, vote: 0 });
  });

  test('2. votes when votedFor is null and the log of the candidate is at least as up-to-date', () => {
    const member = voter([1], 1);
    expect(ask(member, { term: 2, index: 1, logTerm: 1 })).toMatchObject({ reject: false, term: 2 });
    expect(member.status).toMatchObject({ term: 2, vote: 2 });
  });

  test('2. votes again for the same candidate', () => {
    const member = voter([1], 1);
    ask(member, { term: 2, index: 1, logTerm: 1 });
    expect(ask(member, { term: 2, index: 1, logTerm: 1 })).toMatchObject({ reject: false, term: 2 });
  });

  test('2. votes for no other candidate in that term, also after a restart', () => {
    const member = voter([1], 1);
    ask(member, { term: 2, index: 1, logTerm: 1 });
    expect(ask(member, { from: 3, term: 2, index: 9, logTerm: 1 })).toMatchObject({ reject: true });
    member.crash();
    member.restart();
    expect(ask(member, { from: 3, term: 2, index: 9, logTerm: 1 })).toMatchObject({ reject: true });
    expect(ask(member, { term: 2, index: 1, logTerm: 1 })).toMatchObject({ reject: false });
  });

  test('2. is free again in the next term', () => {
    const member = voter([1], 1);
    ask(member, { term: 2, index: 1, logTerm: 1 });
    expect(ask(member, { from: 3, term: 3, index: 1, logTerm: 1 })).toMatchObject({ reject: false, term: 3 });
  });

  test('a candidate has voted for itself', () => {
    const member = voter([1], 1);
    member.node.campaign();
    expect(ask(member, { term: 2, index: 9, logTerm: 1 })).toMatchObject({ reject: true });
  });
});

describe('5.4.1: which log is more up-to-date', () => {
  // The member's log ends with index 3 of term 2.
  test.each([
    ['a later last term', 1, 3, true],
    ['a later last term and a longer log', 4, 3, true],
    ['the same last term and the same length', 3, 2, true],
    ['the same last term and a longer log', 4, 2, true],
    ['the same last term and a shorter log', 2, 2, false],
    ['an earlier last term and the same length', 3, 1, false],
    ['an earlier last term and a longer log', 99, 1, false],
    ['an empty log', 0, 0, false],
  ])('%s', (_name, index, logTerm, granted) => {
    const member = voter([1, 1, 2], 3);
    expect(ask(member, { term: 4, index, logTerm })).toMatchObject({ reject: !granted });
    // Refused or not, the term is taken over.
    expect(member.status).toMatchObject({ term: 4, vote: granted ? 2 : 0 });
  });
});
