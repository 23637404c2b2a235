import { describe, expect, test } from '@jest/globals';
import type { ConsensusStatus } from '@ollamamax/api';
import { groupReports, memberOf, noMember, reportOf, reportsOf, type GroupFields } from './agents.fixture.ts';
import { groupView } from './group-view.ts';
import { guardRoll, type Guard, type GuardInput } from './roll-guard.ts';

const begun = { clusterId: 'group-1', begun: true, voters: [], learners: [] };
const five = ['demo-0', 'demo-1', 'demo-2', 'demo-3', 'demo-4'];

const judge = (
  fields: GroupFields & { readonly silent?: readonly string[] } = {},
  more: Partial<GuardInput> = {},
): Guard =>
  guardRoll({
    group: groupView(begun, groupReports(fields)),
    agent: 'demo-2',
    replicas: (fields.voters?.length ?? 3) + (fields.learners?.length ?? 0),
    isToGo: false,
    updated: [],
    broken: new Set(),
    absent: new Set(),
    busy: false,
    ephemeral: false,
    readyMs: new Map(),
    leaderlessMs: 0,
    ...more,
  });

const go = { kind: 'go' };
const reasonOf = (guard: Guard): string => (guard.kind === 'go' ? '' : guard.why);

describe('an agent may be started again', () => {
  test.each<[string, Guard]>([
    ['when all others are there', judge()],
    ['before there is a group', judge({}, { group: groupView(undefined, groupReports()) })],
    ['when it is the only one', judge({ voters: ['demo-2'], leader: 'demo-2' }, { replicas: 1 })],
    ['when it is not alive anyway', judge({ dead: ['demo-1', 'demo-2'], silent: ['demo-1', 'demo-2'] })],
    [
      'when it has the only vote, on a volume',
      judge({ voters: ['demo-2'], leader: 'demo-2', learners: ['demo-1'] }),
    ],
    ['when it has no vote', judge({ voters: ['demo-0'], learners: ['demo-1', 'demo-2'] })],
    ['when it is behind, but nobody else is', judge({ behind: ['demo-2'] })],
  ])('%s', (_when, found) => {
    expect(found).toEqual(go);
  });
});

describe('an agent is waited with', () => {
  const agesOf = (silentMs: number) =>
    groupView(begun, new Map([...groupReports()].map(([name, report]) => [name, { ...report, silentMs }])));

  test.each<[string, Guard, string]>([
    ['while nobody leads', judge({ leader: undefined }), 'none of the agents leads'],
    [
      'while the members are being changed',
      judge({ more: { changing: true, blocked: 'b' } }),
      'are being changed: b',
    ],
    ['while somebody is asked for something', judge({}, { busy: true }), 'the members are being changed'],
    [
      'while another voter is away',
      judge({ dead: ['demo-1'] }),
      'demo-1, which has a vote, does not answer demo-0',
    ],
    [
      'while a pod of another one is about to go',
      judge({}, { absent: new Set(['demo-1']) }),
      'demo-1, which has',
    ],
    [
      'while another one is far behind',
      judge({ behind: ['demo-1'] }),
      'demo-1 has not caught up with demo-0 yet',
    ],
    [
      'after old word from the leader',
      judge({}, { group: agesOf(9000) }),
      'has not said yet how the others are',
    ],
    [
      'after word from before others were ready',
      judge({}, { readyMs: new Map([['demo-1', 900]]) }),
      'has not said yet how',
    ],
  ])('%s', (_when, found, why) => {
    expect(found.kind).toBe('wait');
    expect(reasonOf(found)).toContain(why);
  });

  test.each([
    ['another one', 'demo-3'],
    ['it', 'demo-2'],
  ])('while %s is about to join, for some time', (_who, name) => {
    const reports = new Map([
      ...groupReports(),
      [name, reportOf(name, { status: { consensus: noMember } })] as const,
    ]);
    const more = (ms: number) => ({
      replicas: 4,
      group: groupView(begun, reports),
      readyMs: new Map([[name, ms]]),
      agent: 'demo-2',
    });
    expect(reasonOf(judge({}, more(59_000)))).toBe(`${name} is about to join`);
    expect(judge({}, more(60_000))).toEqual(go);
  });

  test('while nothing was said after an agent was asked for something', () => {
    const group = groupView(begun, groupReports(), 0);
    expect(reasonOf(judge({}, { group }))).toContain('has not said yet how the others are');
  });

  test('a leader of an earlier term is none', () => {
    const reports = new Map(groupReports());
    const other = { ...reports.get('demo-1')!.status!.consensus!, term: 4, leader: undefined };
    reports.set('demo-1', reportOf('demo-1', { status: { consensus: other as never } }));
    expect(reasonOf(judge({}, { group: groupView(begun, reports) }))).toContain('none of the agents leads');
  });
});

test('the vote of a lost volume is not that of the new member of its agent', () => {
  const fields = { voters: ['demo-0', 'demo-1', 'demo-2'], dead: ['demo-1'] };
  const own = memberOf('demo-0', fields);
  const [first] = own.members ?? [];
  const renewed = { ...first, agent: 'demo-1', memberId: 9, voting: false };
  const leader = { ...own, members: [...(own.members ?? []), renewed] } as ConsensusStatus;
  const reports = new Map([
    ...groupReports(fields),
    ['demo-0', reportOf('demo-0', { status: { consensus: leader } })] as const,
  ]);
  expect(reasonOf(judge({}, { group: groupView(begun, reports) }))).toContain('demo-1, which has a vote');
});

describe('the leader hands over first', () => {
  test('to one that has the new template, else to any that has caught up', () => {
    const to = (agent: string) => ({ kind: 'transfer', at: 'demo-2', agent });
    expect(judge({ leader: 'demo-2' })).toMatchObject({ kind: 'call', call: to('demo-0') });
    expect(judge({ leader: 'demo-2' }, { updated: ['demo-1'] })).toMatchObject({ call: to('demo-1') });
  });

  test('of an ephemeral pair it leaves: with its volume all would be lost', () => {
    const pair = { voters: ['demo-2'], leader: 'demo-2', learners: ['demo-1'] };
    expect(judge(pair, { ephemeral: true })).toMatchObject({ call: { kind: 'leave', at: 'demo-2' } });
    expect(judge({ ...pair, dead: ['demo-1'] }, { ephemeral: true })).toEqual(go);
    const left = new Map([
      ...groupReports({ voters: ['demo-1'], leader: 'demo-1' }),
      ['demo-2', reportOf('demo-2', { status: { consensus: { ...noMember, state: 'left' } } })] as const,
    ]);
    expect(judge({}, { group: groupView(begun, left), ephemeral: true })).toEqual(go);
    const going = judge({}, { group: groupView(begun, left), isToGo: true });
    expect(reasonOf(going)).toBe('demo-2 is about to go');
  });
});

describe('a new template that is to cure', () => {
  const broken = new Set(['demo-1']);

  test('is not kept from five by one that waits for it', () => {
    const fields = { voters: five, dead: ['demo-1'] };
    expect(judge(fields, { agent: 'demo-4', broken })).toEqual(go);
    expect(judge(fields, { agent: 'demo-4' }).kind).toBe('wait');
  });

  test('of three takes the one that waits for it out of the group, so that no majority is lost', () => {
    expect(judge({ dead: ['demo-1'] }, { broken })).toEqual({
      kind: 'call',
      call: { kind: 'remove', at: 'demo-0', agent: 'demo-1' },
      why: 'demo-1 does not answer, and is taken out of the group so that demo-2 can be spared; it joins again',
    });
    expect(judge({ voters: ['demo-0'], learners: ['demo-2'] }, { broken })).toEqual(go);
  });

  test('goes on in a group that is stuck anyway', () => {
    const reports = reportsOf({ 'demo-0': undefined, 'demo-1': undefined });
    const stuck = { leader: undefined, silent: ['demo-0', 'demo-1'] };
    expect(judge(stuck, { broken, leaderlessMs: 59_000 }).kind).toBe('wait');
    expect(judge(stuck, { broken, leaderlessMs: 60_000 })).toEqual(go);
    expect(judge(stuck, { leaderlessMs: 600_000 }).kind).toBe('wait');
    expect(judge({}, { group: groupView(begun, reports) })).toEqual(go);
  });
});
