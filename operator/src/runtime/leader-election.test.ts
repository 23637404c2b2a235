import { beforeEach, describe, expect, test } from '@jest/globals';
import { silentLogger } from '@ollamamax/common';
import { FakeClock, settle } from '../kube/fake-clock.fixture.ts';
import { createLeaderElection, type LeaderElection } from './leader-election.ts';
import { LeaseServer } from './lease.fixture.ts';

interface Candidate {
  readonly election: LeaderElection;
  readonly diary: string[];
  signal: AbortSignal | undefined;
}

let clock: FakeClock;
let server: LeaseServer;
const never = new AbortController().signal;

beforeEach(() => {
  clock = new FakeClock();
  server = new LeaseServer();
});

const candidate = (identity: string, lead?: (signal: AbortSignal) => Promise<void>): Candidate => {
  const diary: string[] = [];
  const self: Candidate = {
    diary,
    signal: undefined,
    election: createLeaderElection({
      client: server.client(identity),
      log: silentLogger,
      namespace: 'n',
      lease: 'l',
      identity,
      clock,
      random: () => 1,
      onLost: (error) => diary.push(`lost: ${error.message}`),
      onNewLeader: (leader) => diary.push(`leader ${leader}`),
      lead: (signal) => {
        self.signal = signal;
        diary.push('leads');
        return (
          lead?.(signal) ??
          new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        );
      },
    }),
  };
  return self;
};

const start = async (...candidates: Candidate[]): Promise<void> => {
  for (const { election } of candidates) await election.start(never);
  await settle();
};

describe('one leads', () => {
  test('and the other waits for as long as the lease is renewed', async () => {
    const [a, b] = [candidate('a'), candidate('b')];
    await start(a, b);
    await clock.advance(600_000);
    expect([a.election.leading, b.election.leading]).toEqual([true, false]);
    expect(b.election.leader).toBe('a');
    expect(b.diary).toEqual(['leader a']);
    expect(server.writes.every((who) => who === 'a')).toBe(true);
    await Promise.all([clock.until(a.election.stop(never)), clock.until(b.election.stop(never))]);
    expect(clock.pending).toBe(0);
  });

  test('the lease says who, since when and until when, in microseconds', async () => {
    const a = candidate('a');
    await start(a);
    await clock.advance(2000);
    expect(server.lease?.spec).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:02.000000Z',
      leaseTransitions: 0,
    });
    await clock.until(a.election.stop(never));
  });

  test('a clean stop ends the work, then hands over within two seconds', async () => {
    let ended = 0;
    const a = candidate('a', async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await new Promise((resolve) => clock.after(300, () => resolve(undefined)));
      ended = clock.monotonic();
    });
    const b = candidate('b');
    await start(a, b);
    await clock.advance(60_000);
    const stopAt = clock.monotonic();
    await clock.until(a.election.stop(never), 10);
    expect(ended).toBe(stopAt + 300);
    expect(server.holder).toBeUndefined();
    await clock.advance(2000);
    expect(b.election.leading).toBe(true);
    expect(server.transitions).toBe(1);
    expect(a.diary).not.toContainEqual(expect.stringContaining('lost'));
    await clock.until(b.election.stop(never));
  });
});

describe('a leader that cannot renew', () => {
  test.each(['error', 'hang'] as const)('(%s) stands down before anybody else may lead', async (fault) => {
    const [a, b] = [candidate('a'), candidate('b')];
    await start(a, b);
    await clock.advance(20_000);
    const lastWrite = server.writes.length;
    server.faults.set('a', fault);
    await clock.advance(9900);
    // The last renewal may be up to a retry period old.
    await clock.advance(100);
    expect(a.election.leading).toBe(false);
    expect(a.signal?.aborted).toBe(true);
    expect(a.diary.at(-1)).toBe('lost: the lease was not renewed within 10000 ms');
    expect(b.election.leading).toBe(false);
    await clock.advance(8000);
    expect(b.election.leading).toBe(true);
    server.faults.set('a', 'none');
    await clock.advance(60_000);
    expect(server.writes.slice(lastWrite)).not.toContain('a');
    await clock.until(a.election.stop(never));
    expect(server.holder).toBe('b');
    await clock.until(b.election.stop(never));
    expect(clock.pending).toBe(0);
  });

  test('for a moment only goes on leading', async () => {
    const a = candidate('a');
    await start(a);
    await clock.advance(4000);
    server.faults.set('a', 'error');
    await clock.advance(7000);
    server.faults.set('a', 'none');
    await clock.advance(60_000);
    expect(a.election.leading).toBe(true);
    await clock.until(a.election.stop(never));
  });

  test('because another took the lease stands down at once', async () => {
    const a = candidate('a');
    await start(a);
    if (server.lease === undefined) throw new Error('there is no lease');
    const { metadata, ...rest } = server.lease;
    server.lease = {
      ...rest,
      metadata: { ...metadata, resourceVersion: 'x' },
      spec: { ...rest.spec, holderIdentity: 'thief' },
    };
    await clock.advance(2000);
    expect(a.election.leading).toBe(false);
    expect(a.diary.at(-1)).toBe('lost: the lease was taken by thief');
    await clock.until(a.election.stop(never));
    expect(server.holder).toBe('thief');
  });
});

describe('a lease that another left behind', () => {
  test('is waited out by our own clock, however old its times look', async () => {
    server.lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l', namespace: 'n', resourceVersion: '1' },
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: '2001-01-01T00:00:00.000000Z' },
    };
    const a = candidate('a');
    await start(a);
    await clock.advance(14_900);
    expect(a.election.leading).toBe(false);
    await clock.advance(2100);
    expect(a.election.leading).toBe(true);
    await clock.until(a.election.stop(never));
  });
});

test('work of the leader that fails is loss of leadership', async () => {
  const a = candidate('a', () => Promise.reject(new Error('broken')));
  await start(a);
  expect(a.diary).toContain('lost: the work of the leader failed');
  expect(a.election.leading).toBe(false);
  await clock.until(a.election.stop(never));
});

test('times that do not fit are refused', () => {
  const options = {
    client: server.client('a'),
    log: silentLogger,
    namespace: 'n',
    lease: 'l',
    identity: 'a',
  };
  const callbacks = { lead: async () => undefined, onLost: () => undefined };
  expect(() => createLeaderElection({ ...options, ...callbacks, renewDeadlineMs: 15_000 })).toThrow(
    RangeError,
  );
});
