import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ApiError } from '@ollamamax/api';
import { silentLogger, type TlsMaterial } from '@ollamamax/common';
import { noFailpoints } from '../runtime/failpoints.ts';
import { createFailpoints, type Failpoints } from '../runtime/index.ts';
import type { MemberCall } from './agent-client.ts';
import { AgentServer, Authority, eventually } from './agent-server.fixture.ts';
import { createMemberCaller, type MemberCaller } from './member-caller.ts';

const ip = '127.0.0.1';
const key = 'team/demo';
const leave: MemberCall = { kind: 'leave', at: 'demo-0' };
const backoff = { minMs: 40, maxMs: 100, settleMs: 40 };

let authority: Authority;
let tls: TlsMaterial;
beforeAll(async () => {
  authority = await Authority.create();
  tls = await authority.operator();
});

let server: AgentServer;
let caller: MemberCaller;
let port: number;
let ended: string[];
/** The clock by which it is decided whether something may be tried again. */
let passed: number;
const create = (failpoints: Failpoints = noFailpoints, times = backoff): MemberCaller =>
  createMemberCaller({
    log: silentLogger,
    failpoints,
    onEnd: (of) => ended.push(of),
    monotonic: () => passed,
    port,
    backoff: times,
  });
beforeEach(async () => {
  ended = [];
  passed = 0;
  server = await AgentServer.create(authority, 'demo-0');
  port = await server.listen(ip, 0);
  caller = create();
});
afterEach(async () => {
  await caller.stop();
  await server.close();
});

const want = (call: MemberCall, of = key): void =>
  caller.want(of, { cluster: 'demo', tls, agent: { name: call.at, ip } }, call);

const untilEnded = (count = 1) =>
  eventually(
    () => ended.length,
    (length) => length >= count,
    'ended',
  );

describe('a call', () => {
  test.each<[MemberCall, string, object]>([
    [leave, 'leave', {}],
    [{ kind: 'remove', at: 'demo-0', agent: 'demo-4' }, 'remove', { agent: 'demo-4' }],
    [{ kind: 'transfer', at: 'demo-0', agent: 'demo-1' }, 'transfer', { agent: 'demo-1' }],
    [{ kind: 'bootstrap', at: 'demo-0', clusterId: 'id-1' }, 'bootstrap', { clusterId: 'id-1' }],
  ])('%j is made as the operator', async (call, path, body) => {
    want(call);
    await untilEnded();
    expect(server.calls).toEqual([[path, body]]);
    expect([...server.callers]).toEqual(['spiffe://demo/operator']);
    expect(caller.failed(key)).toBeUndefined();
    await eventually(
      () => server.connections.size,
      (size) => size === 0,
      'without connections',
    );
  });

  test('is the only one of its cluster while it runs; of others there may be some', async () => {
    const held = Promise.withResolvers<undefined>();
    server.beforeCall = held.promise;
    want(leave);
    expect(caller.busy(key)).toBe(true);
    want(leave);
    want({ kind: 'transfer', at: 'demo-0', agent: 'demo-1' });
    want(leave, 'team/other');
    await eventually(
      () => server.calls.length,
      (length) => length === 2,
      'asked',
    );
    held.resolve(undefined);
    await untilEnded(2);
    expect(server.calls.map(([kind]) => kind)).toEqual(['leave', 'leave']);
    expect(caller.busy(key)).toBe(false);
  });

  test('that has been made is not made again at once, for agents tell a little later', async () => {
    want(leave);
    await untilEnded();
    passed = 39;
    want(leave);
    expect(caller.busy(key)).toBe(false);
    expect(caller.sinceMs(key)).toBe(39);
    // When it may be made again, somebody is told to think about it.
    await untilEnded(2);
    passed = 40;
    want(leave);
    await untilEnded(3);
    // Another one is made at once.
    want({ kind: 'transfer', at: 'demo-0', agent: 'demo-1' });
    expect(caller.busy(key)).toBe(true);
    await eventually(
      () => server.calls.length,
      (length) => length === 3,
      'asked',
    );
  });
});

describe('a call that fails', () => {
  test('is told of, and made again after a while that grows', async () => {
    server.refuseCall = new ApiError('unsafe_change', 'demo-1 is silent');
    want(leave);
    await untilEnded();
    expect(caller.failed(key)).toEqual({ call: leave, message: 'demo-0: demo-1 is silent' });
    const isMade = (): boolean => {
      want(leave);
      return caller.busy(key);
    };
    const untilFree = () =>
      eventually(
        () => caller.busy(key),
        (busy) => !busy,
        'free',
      );
    passed = 39;
    expect(isMade()).toBe(false);
    passed = 40;
    expect(isMade()).toBe(true);
    await untilFree();
    passed = 119;
    expect(isMade()).toBe(false);
    passed = 120;
    server.refuseCall = undefined;
    expect(isMade()).toBe(true);
    await untilFree();
    expect(caller.failed(key)).toBeUndefined();
    expect(server.calls).toHaveLength(3);
  });

  test('is forgotten with its cluster, and says nothing after that', async () => {
    server.mute = true;
    want(leave);
    await eventually(
      () => server.asked,
      (asked) => asked === 1,
      'asked',
    );
    caller.forget(key);
    expect(caller.busy(key)).toBe(false);
    await eventually(
      () => server.connections.size,
      (size) => size === 0,
      'without connections',
    );
    expect(ended).toEqual([]);
    await caller.stop();
    want(leave);
    expect(caller.busy(key)).toBe(false);
  });

  test('before or after the agent has heard of it, as in a crash', async () => {
    await caller.stop();
    const spec = 'before call leave demo-0=1*error;after call leave demo-0=1*error';
    caller = create(createFailpoints({ spec, crash: () => undefined }), { ...backoff, minMs: 1 });
    want(leave);
    await untilEnded(2);
    expect([server.calls.length, caller.failed(key)?.message]).toEqual([
      0,
      'failpoint before call leave demo-0',
    ]);
    passed = 1;
    want(leave);
    await untilEnded(4);
    expect([server.calls.length, caller.failed(key)?.message]).toEqual([
      1,
      'failpoint after call leave demo-0',
    ]);
  });
});
