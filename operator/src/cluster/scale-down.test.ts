import { describe, expect, test } from '@jest/globals';
import {
  groupReports,
  memberOf,
  noMember,
  reportOf,
  reportsOf,
  silent,
  type GroupFields,
} from './agents.fixture.ts';
import { groupView } from './group-view.ts';
import { decideScale, type ScaleDecision, type ScaleInput } from './scale-down.ts';

const names = (count: number): string[] =>
  Array.from({ length: count }, (_unused, ordinal) => `demo-${ordinal}`);
const begun = { clusterId: 'group-1', begun: true, voters: [], learners: [] };

const decide = (
  current: number | undefined,
  wanted: number,
  fields: GroupFields & { readonly silent?: readonly string[] } = {},
  more: Partial<ScaleInput> & { readonly recorded?: typeof begun | undefined } = {},
): ScaleDecision => {
  const { recorded = begun, ...rest } = more;
  const reports = rest.reports ?? groupReports({ voters: names(current ?? 0), ...fields });
  return decideScale({
    current,
    wanted,
    servedElsewhere: () => true,
    agentOf: (ordinal) => `demo-${ordinal}`,
    group: groupView('recorded' in more ? more.recorded : recorded, reports),
    reports,
    present: new Set(names(current ?? 0)),
    absent: new Set(),
    letGo: new Set(),
    settled: true,
    ...rest,
  });
};

describe('without a group', () => {
  test.each<[string, number | undefined, number, boolean, number]>([
    ['a new cluster', undefined, 3, false, 3],
    ['no change', 3, 3, false, 3],
    ['more, all at once', 1, 5, false, 5],
    ['fewer, one at a time', 5, 2, true, 4],
    ['the last step', 3, 2, true, 2],
    ['fewer, while a model is nowhere else', 5, 2, false, 5],
  ])('%s', (_what, current, wanted, elsewhere, replicas) => {
    const more = { recorded: undefined, reports: new Map(), servedElsewhere: () => elsewhere };
    expect(decide(current, wanted, {}, more)).toEqual({ replicas });
  });

  test('asks whether the models are on agents that stay in the end', () => {
    const asked: number[] = [];
    const servedElsewhere = (below: number): boolean => asked.push(below) > 0;
    decide(5, 2, {}, { recorded: undefined, reports: new Map(), servedElsewhere });
    expect(asked).toEqual([2]);
  });

  test('nobody goes while it is not known who has joined already', () => {
    const reports = reportsOf({ 'demo-0': noMember, 'demo-1': noMember, 'demo-2': noMember });
    const recorded = { ...begun, begun: false };
    expect(decide(3, 1, {}, { recorded, reports })).toEqual({ replicas: 3 });
  });
});

describe('a member', () => {
  test('leaves before its pod goes, and its pod goes when the leader does not list it any more', () => {
    expect(decide(5, 3)).toEqual({ replicas: 5, call: { kind: 'leave', at: 'demo-4' } });
    const reports = new Map([
      ...groupReports({ voters: names(3), learners: ['demo-3'] }),
      ['demo-4', reportOf('demo-4', { status: { consensus: { ...noMember, state: 'left' } } })] as const,
    ]);
    expect(decide(5, 3, {}, { reports })).toEqual({ replicas: 4 });
  });

  test('stays while its models are nowhere else', () => {
    expect(decide(5, 3, {}, { servedElsewhere: () => false })).toEqual({ replicas: 5 });
  });

  test('that has not joined yet is kept from it; more join only when one that was let go has gone', () => {
    const reports = new Map([
      ...groupReports({ voters: names(3) }),
      ['demo-3', reportOf('demo-3', { status: { consensus: noMember } })] as const,
    ]);
    expect(decide(4, 3, {}, { reports })).toEqual({ replicas: 4, call: { kind: 'leave', at: 'demo-3' } });
    expect(decide(3, 5, {}, { letGo: new Set(['demo-2']) })).toEqual({ replicas: 3 });
  });

  test.each([
    ['has left, but is still listed', { ...noMember, state: 'left' } as const],
    ['has just joined, and is not listed yet', memberOf('demo-3', { voters: names(4) })],
  ])('is waited for that %s', (what, consensus) => {
    const voters = what.startsWith('has left') ? names(4) : names(3);
    const reports = new Map([
      ...groupReports({ voters }),
      ['demo-3', reportOf('demo-3', { status: { consensus } })] as const,
    ]);
    expect(decide(4, 3, {}, { reports })).toEqual({ replicas: 4 });
  });

  test('does not leave while the members are being changed', () => {
    expect(decide(5, 3, { more: { changing: true } })).toEqual({ replicas: 5 });
    const blocked = decide(5, 3, { more: { changing: true, blocked: 'too few are alive' } });
    expect(blocked).toEqual({ replicas: 5, blocked: 'demo-0, which leads, says: too few are alive' });
  });

  test('is waited with until the one before has gone', () => {
    const present = new Set(names(5));
    expect(decide(4, 3, { voters: names(4) }, { present })).toEqual({ replicas: 4 });
  });

  test('does not leave on what was said a while ago, nor before the StatefulSet is settled', () => {
    const reports = new Map(
      [...groupReports({ voters: names(5) })].map(([name, report]) => [
        name,
        { ...report, silentMs: 12_000 },
      ]),
    );
    expect(decide(5, 3, {}, { reports })).toEqual({ replicas: 5 });
    expect(decide(5, 3, {}, { settled: false })).toEqual({ replicas: 5 });
  });

  test('that leads, as does any that is to go, hands over to one that stays first', () => {
    const call = { kind: 'transfer', at: 'demo-3', agent: 'demo-1' };
    expect(decide(5, 3, { leader: 'demo-3', dead: [], behind: ['demo-0'] })).toEqual({ replicas: 5, call });
  });

  test('that leads with the only vote leaves by itself: the agents promote another one', () => {
    const group = { leader: 'demo-1', voters: ['demo-1'], learners: ['demo-0'] };
    expect(decide(2, 1, group)).toEqual({ replicas: 2, call: { kind: 'leave', at: 'demo-1' } });
    expect(decide(2, 1, { ...group, dead: ['demo-0'] }).blocked).toContain('demo-1 has the only vote');
  });
});

describe('a member that does not answer', () => {
  const reports = (silentMs: number) =>
    new Map([
      ...groupReports({ voters: names(5), dead: ['demo-4'] }),
      ['demo-4', silent('demo-4', silentMs)] as const,
    ]);

  test('is waited for, and then taken out by the others', () => {
    expect(decide(5, 4, {}, { reports: reports(29_000) })).toEqual({ replicas: 5 });
    expect(decide(5, 4, {}, { reports: reports(30_000) })).toEqual({
      replicas: 5,
      call: { kind: 'remove', at: 'demo-0', agent: 'demo-4' },
    });
  });

  test('to the operator only is not taken out', () => {
    const alive = new Map([
      ...groupReports({ voters: names(5) }),
      ['demo-4', silent('demo-4', 90_000)] as const,
    ]);
    expect(decide(5, 4, {}, { reports: alive })).toEqual({ replicas: 5 });
  });

  test.each(['refused', 'failed', 'none'] as const)('as a member, but as %s, is taken out', (state) => {
    const all = new Map([
      ...groupReports({ voters: names(5), dead: ['demo-4'] }),
      ['demo-4', reportOf('demo-4', { status: { consensus: { ...noMember, state } } })] as const,
    ]);
    expect(decide(5, 4, {}, { reports: all }).call).toMatchObject({ kind: 'remove', agent: 'demo-4' });
  });
});

describe('what would cost the majority is refused', () => {
  test.each<[string, GroupFields, number, number, string]>([
    [
      'one of three is away, and another one is to go',
      { voters: names(3), dead: ['demo-1'] },
      3,
      2,
      'without demo-2 the voters would be demo-0, demo-1, and demo-1 does not answer: bring it back first, or set spec.replicas back to 3; docs/raft/operations.md says what can be done',
    ],
    [
      'two of three are away',
      { voters: names(3), leader: undefined, dead: ['demo-1', 'demo-2'] },
      3,
      1,
      'no agent leads, so that demo-2 cannot be taken out of the group: bring the agents back that do not answer, or set spec.replicas back to 3; docs/raft/operations.md says what can be done',
    ],
  ])('%s', (_what, fields, current, wanted, why) => {
    const silentOnes = fields.leader === undefined && 'leader' in fields ? fields.dead : [];
    expect(decide(current, wanted, { ...fields, silent: silentOnes ?? [] })).toEqual({
      replicas: current,
      blocked: why,
    });
  });

  test('an agent whose pod is about to go is not counted on', () => {
    const voters = names(3);
    expect(decide(3, 2, { voters }).call).toEqual({ kind: 'leave', at: 'demo-2' });
    expect(decide(3, 2, { voters }, { absent: new Set(['demo-1']) }).blocked).toContain(
      'demo-1 does not answer',
    );
  });

  test('a dead one may always go', () => {
    const fields = { voters: names(3), dead: ['demo-2'], silent: ['demo-2'] };
    expect(decide(3, 2, fields).call).toEqual({ kind: 'remove', at: 'demo-0', agent: 'demo-2' });
  });

  test('a learner may always go, and one takes the place of a voter', () => {
    const fields = { voters: names(3), learners: ['demo-3'], dead: ['demo-1'] };
    expect(decide(4, 3, fields).call).toEqual({ kind: 'leave', at: 'demo-3' });
    const five = { voters: names(5), learners: ['demo-5', 'demo-6'], dead: ['demo-1', 'demo-2'] };
    expect(decide(7, 6, five).call).toEqual({ kind: 'leave', at: 'demo-6' });
  });
});

describe('what was interrupted', () => {
  test.each([
    [3, 3],
    [3, 5],
    [4, 3],
  ])('a member without a pod is taken out: %d agents, %d wanted', (current, wanted) => {
    const voters = [...names(current), 'demo-7'];
    const fields = { voters, dead: ['demo-7'], silent: ['demo-7'] };
    expect(decide(current, wanted, fields).call).toEqual({ kind: 'remove', at: 'demo-0', agent: 'demo-7' });
    expect(decide(current, wanted, fields).replicas).toBe(Math.max(current, wanted));
  });

  test('one of another form of name is left alone', () => {
    const voters = [...names(3), 'other-7', 'demo-x'];
    expect(decide(3, 3, { voters, dead: ['other-7', 'demo-x'] })).toEqual({ replicas: 3 });
  });

  test('one that has left, and is asked for again, is started again', () => {
    const left = reportOf('demo-3', { status: { consensus: { ...noMember, state: 'left' } } });
    const reports = new Map([...groupReports({ voters: names(3) }), ['demo-3', left] as const]);
    // Its pod goes, and only when it is on its way is it asked for again.
    expect(decide(4, 4, {}, { reports })).toEqual({ replicas: 3 });
    expect(decide(3, 4, {}, { reports })).toEqual({ replicas: 3 });
    expect(decide(3, 4, {}, { reports: groupReports({ voters: names(3) }) })).toEqual({ replicas: 4 });
  });
});
