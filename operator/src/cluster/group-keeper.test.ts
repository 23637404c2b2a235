import { describe, expect, test } from '@jest/globals';
import type { TlsMaterial } from '@ollamamax/common';
import type { MemberCall } from '../agents/agent-client.ts';
import type { FailedCall, MemberCaller, MemberCallTarget } from '../agents/member-caller.ts';
import { systemClock } from '../kube/index.ts';
import { groupReports, noMember, reportsOf } from './agents.fixture.ts';
import { clusterOf, podOf } from './cluster.fixture.ts';
import { GroupKeeper } from './group-keeper.ts';
import type { Pass } from './pass.ts';

const key = 'team/demo';
const begun = { clusterId: 'group-1', begun: true, voters: ['demo-0', 'demo-1', 'demo-2'], learners: [] };
const leave: MemberCall = { kind: 'leave', at: 'demo-2' };

const setUp = (more: Partial<MemberCaller> = {}) => {
  let now = 0;
  const asked: [MemberCallTarget, MemberCall][] = [];
  const caller: MemberCaller = {
    want: (_key, target, call) => asked.push([target, call]),
    failed: () => undefined,
    busy: () => false,
    sinceMs: () => Infinity,
    forget: () => undefined,
    stop: () => Promise.resolve(),
    ...more,
  };
  const keeper = new GroupKeeper({ clock: { ...systemClock, monotonic: () => now }, caller });
  const cluster = clusterOf({}, { status: { consensus: begun } });
  const passOf = (reports: Pass['reports']): Pass => {
    const pods = [0, 1, 2].map((ordinal) => podOf(ordinal));
    return { cluster, key, pods, reports, ...keeper.look(key, cluster, reports) } as unknown as Pass;
  };
  return { keeper, asked, passOf, wait: (ms: number) => (now += ms) };
};

describe('how long nobody leads', () => {
  test('counts from when it was noticed, however long ago the last look was', () => {
    const { passOf, wait, keeper } = setUp();
    const leaderless = groupReports({ leader: undefined });
    expect(passOf(groupReports()).leaderlessMs).toBe(0);
    wait(60_000);
    expect(passOf(leaderless).leaderlessMs).toBe(0);
    wait(7000);
    expect(passOf(leaderless).leaderlessMs).toBe(7000);
    passOf(groupReports());
    expect(passOf(leaderless).leaderlessMs).toBe(0);
    wait(1000);
    keeper.forget(key);
    expect(passOf(leaderless).leaderlessMs).toBe(0);
  });

  test('and what was said before a call is old', () => {
    const { passOf } = setUp({ sinceMs: () => 0, busy: () => true });
    const pass = passOf(groupReports());
    expect([pass.group.leader?.isRecent, pass.calling]).toEqual([false, true]);
  });
});

describe('what is written down', () => {
  const empty = reportsOf({ 'demo-0': noMember, 'demo-1': noMember, 'demo-2': noMember });

  test('is an id that is drawn, each time another one', () => {
    const { keeper, passOf } = setUp();
    const [first, second] = [1, 2].map(() => keeper.plan(passOf(empty), false));
    expect(first).toMatchObject({ step: { kind: 'draw', why: 'lost' }, consensus: { begun: false } });
    expect(first?.consensus?.clusterId).toMatch(/^[0-9a-f-]{36}$/);
    expect(second?.consensus?.clusterId).not.toBe(first?.consensus?.clusterId);
  });

  test('stays while nothing may be changed', () => {
    const { keeper, passOf } = setUp();
    expect(keeper.plan(passOf(empty), true)).toEqual({ step: { kind: 'none' }, consensus: begun });
  });

  test('is nothing before agents agree', () => {
    const { keeper, passOf } = setUp();
    const none = passOf(new Map());
    const pass = { ...none, group: { ...none.group, recorded: undefined, begun: false } };
    expect(keeper.plan(pass, false)).toEqual({ step: { kind: 'none' }, consensus: undefined });
  });
});

describe('a call', () => {
  const tls = {} as TlsMaterial;

  test('is made at the address of the pod, where there is one', () => {
    const { keeper, passOf, asked } = setUp();
    keeper.ask(passOf(groupReports()), tls, leave);
    keeper.ask(passOf(groupReports()), tls, { kind: 'leave', at: 'demo-7' });
    expect(asked).toEqual([[{ cluster: 'demo', tls, agent: { name: 'demo-2', ip: '10.0.0.3' } }, leave]]);
  });

  test('that failed is complained of while it is wanted', () => {
    const failed: FailedCall = { call: leave, message: 'demo-2: it could cost the majority.' };
    const { keeper } = setUp({ failed: () => failed });
    expect(keeper.complaint(key, { ...leave })).toBe('demo-2: it could cost the majority');
    expect(keeper.complaint(key, { kind: 'leave', at: 'demo-1' })).toBeUndefined();
    expect(keeper.complaint(key, undefined)).toBeUndefined();
  });
});
