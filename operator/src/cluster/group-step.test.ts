import { describe, expect, test } from '@jest/globals';
import type { ConsensusStatus } from '@ollamamax/api';
import { memberOf, noMember, reportOf, reportsOf, silent } from './agents.fixture.ts';
import { decideGroup, type GroupInput, type GroupStep } from './group-step.ts';
import { groupView, recordOf } from './group-view.ts';

const known = { clusterId: 'group-1', begun: false, voters: [], learners: [] };
const begun = { ...known, begun: true };
const wanted = ['demo-0', 'demo-1', 'demo-2'];

type Said = Readonly<Record<string, ConsensusStatus | undefined>>;

const decide = (
  recorded: typeof known | undefined,
  said: Said,
  more: Partial<GroupInput> = {},
): GroupStep => {
  const reports = more.reports ?? reportsOf(said);
  return decideGroup({
    group: groupView(recorded, reports),
    reports,
    wanted,
    present: Object.keys(said),
    ...more,
  });
};

const none = noMember;
const empty = { 'demo-0': none, 'demo-1': none, 'demo-2': none };
const foreign = (name: string) => memberOf(name, { clusterId: 'group-9', leader: 'demo-1' });
const leaderless = memberOf('demo-1', { clusterId: 'group-9', leader: undefined });

describe('the first group', () => {
  test('has its id written down before any agent is told of it', () => {
    expect(decide(undefined, empty)).toEqual({ kind: 'draw', why: 'first' });
    expect(decide(known, empty)).toEqual({ kind: 'bootstrap', at: 'demo-0', clusterId: 'group-1' });
  });

  test.each<[string, Said, boolean]>([
    ['a majority has answered', { 'demo-0': none, 'demo-2': none, 'demo-1': undefined }, true],
    ['the first one has not', { 'demo-1': none, 'demo-2': none, 'demo-0': undefined }, false],
    ['only the first one has', { 'demo-0': none }, false],
    ['one has the disk of another group', { ...empty, 'demo-1': { ...none, state: 'refused' } }, true],
  ])('begins when %s: %j', (_when, said, begins) => {
    expect(decide(known, said).kind).toBe(begins ? 'bootstrap' : 'wait');
    expect(decide(undefined, said).kind).toBe(begins ? 'draw' : 'wait');
  });

  test('says for whom it waits', () => {
    expect(decide(known, { 'demo-1': none })).toEqual({
      kind: 'wait',
      why: 'the agents begin when 2 of 3, demo-0 among them, have answered; so far demo-1',
    });
  });

  test('does not begin where somebody is a member', () => {
    expect(decide(known, { ...empty, 'demo-1': memberOf('demo-1') })).toEqual({ kind: 'none' });
    expect(decide(known, { ...empty, 'demo-1': foreign('demo-1') })).toEqual({
      kind: 'adopt',
      clusterId: 'group-9',
    });
  });

  test('nothing is done before anybody has answered, or for agents that are too old', () => {
    expect(decide(undefined, {})).toEqual({ kind: 'none' });
    expect(decide(undefined, { 'demo-0': undefined })).toEqual({ kind: 'none' });
    const reports = new Map(wanted.map((name) => [name, reportOf(name)]));
    expect(decide(undefined, {}, { reports })).toEqual({ kind: 'none' });
  });

  test('an answer of some time ago is none', () => {
    const reports = new Map(
      [...reportsOf(empty)].map(([name, report]) => [name, { ...report, silentMs: 9000 }]),
    );
    expect(decide(known, empty, { reports }).kind).toBe('wait');
  });
});

describe('a group that has begun', () => {
  test('is not begun again while one that may be a member is silent', () => {
    for (const silentOne of wanted)
      expect(decide(begun, { ...empty, [silentOne]: undefined })).toMatchObject({ kind: 'wait' });
    // Neither by a majority, nor when it is one that is to go.
    expect(decide(begun, { ...empty, 'demo-3': undefined }).kind).toBe('wait');
    expect(decide(begun, { ...empty, 'demo-1': { ...none, state: 'failed' } }).kind).toBe('wait');
    expect(decide(begun, { 'demo-0': none, 'demo-1': none, 'demo-2': undefined })).toEqual({
      kind: 'wait',
      why: 'no agent that answers is a member; without a volume of the group: demo-0, demo-1; to be waited for: demo-2',
    });
  });

  test('begins anew under another id when all have lost their volumes', () => {
    expect(decide(begun, empty)).toEqual({ kind: 'draw', why: 'lost' });
  });

  test('needs nothing while a member answers, leader or not', () => {
    expect(decide(begun, { ...empty, 'demo-2': memberOf('demo-2', { leader: undefined }) })).toEqual({
      kind: 'none',
    });
  });
});

describe('another group than the one that is known', () => {
  test('is taken over when its members lead, and nobody speaks of the known one', () => {
    const said = { 'demo-0': none, 'demo-1': foreign('demo-1'), 'demo-2': none };
    expect(decide(begun, said)).toEqual({ kind: 'adopt', clusterId: 'group-9' });
    expect(decide(undefined, said)).toEqual({ kind: 'adopt', clusterId: 'group-9' });
    expect(decide(begun, { ...said, 'demo-2': memberOf('demo-2') })).toEqual({ kind: 'none' });
  });

  test('is not while nobody leads in it', () => {
    expect(decide(begun, { ...empty, 'demo-1': leaderless }).kind).toBe('wait');
    expect(decide(undefined, { ...empty, 'demo-1': leaderless }).kind).toBe('adopt');
  });

  test('is not while others may still speak', () => {
    const reports = new Map([
      ...reportsOf({ 'demo-1': foreign('demo-1') }),
      ['demo-2', silent('demo-2', 9000)] as const,
    ]);
    const present = ['demo-0', 'demo-1', 'demo-2'];
    expect(decide(begun, {}, { reports, present })).toEqual({
      kind: 'wait',
      why: 'demo-0, demo-2 have not answered yet',
    });
    const later = new Map([
      ...reports,
      ['demo-0', silent('demo-0', 40_000)] as const,
      ['demo-2', silent('demo-2', 40_000)] as const,
    ]);
    expect(decide(begun, {}, { reports: later, present }).kind).toBe('adopt');
  });

  test('of two the one with more members is taken, whatever the order', () => {
    const said = {
      'demo-0': memberOf('demo-0', { clusterId: 'group-8' }),
      'demo-1': foreign('demo-1'),
      'demo-2': foreign('demo-2'),
    };
    expect(decide(undefined, said)).toEqual({ kind: 'adopt', clusterId: 'group-9' });
    const turned = Object.fromEntries(Object.entries(said).toReversed());
    expect(decide(undefined, turned)).toEqual({ kind: 'adopt', clusterId: 'group-9' });
  });
});

describe('what is written down', () => {
  test('is what the leader says, without figures that change all the time', () => {
    const view = groupView(
      begun,
      reportsOf({ 'demo-0': memberOf('demo-0', { learners: ['demo-4', 'demo-3'] }) }),
    );
    expect(recordOf(view, 'group-1')).toEqual({
      clusterId: 'group-1',
      begun: true,
      leader: 'demo-0',
      term: 3,
      voters: wanted,
      learners: ['demo-3', 'demo-4'],
    });
  });

  test('stays without a leader, but for the leader; of another group nothing stays', () => {
    const before = { ...begun, leader: 'demo-0', term: 3, voters: wanted };
    const view = groupView(before, new Map());
    expect(recordOf(view, 'group-1')).toEqual({ ...begun, term: 3, voters: wanted });
    expect(recordOf(view, 'group-2')).toEqual({ ...known, clusterId: 'group-2' });
  });

  test('a member that says so makes it begun', () => {
    const view = groupView(known, reportsOf({ 'demo-1': memberOf('demo-1') }));
    expect(recordOf(view, 'group-1').begun).toBe(true);
  });
});
