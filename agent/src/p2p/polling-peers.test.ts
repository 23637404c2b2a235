import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { ApiError } from '@ollamamax/api';
import type { InferenceEvent } from '@ollamamax/api';
import type { TlsMaterial } from '@ollamamax/common';
import type { Consensus } from '../catalog/catalog.ts';
import { parsePeerAddress } from './discovery.ts';
import {
  Started,
  codeOf,
  collect,
  done,
  eventually,
  newAuthority,
  newRequest,
  newStatus,
  noConsensus,
  text,
  untilAborted,
} from './wire.fixture.ts';
import type { PollingLimits } from './polling-limits.ts';
import type { Authority, RunLocal } from './wire.fixture.ts';

// Waits are for what happens, not for how fast; the last of them tells what it waited for.
jest.setTimeout(240_000);

const started = new Started();
const never = new AbortController().signal;
let authority: Authority;
let self: TlsMaterial;
let a: TlsMaterial;
let b: TlsMaterial;

beforeAll(async () => {
  authority = await newAuthority();
  [self, a, b] = await Promise.all([authority.agent('self'), authority.agent('a'), authority.agent('b')]);
});
afterEach(() => started.stop());

describe('who is there', () => {
  test('a peer is online with its status, and offline with its last one when it ends', async () => {
    const server = await started.server(a, 'a');
    const peers = await started.peers(self, { a: server.port });
    let changes = 0;
    peers.onChange(() => (changes += 1));
    await eventually('a is online', () => peers.list()[0]?.online === true);
    expect(peers.list()[0]).toMatchObject({ id: 'a', status: { apiUrl: 'http://a:8080' } });
    const before = changes;
    await server.stop();
    await eventually('a is offline', () => peers.list()[0]?.online === false);
    expect(peers.list()[0]?.status?.id).toBe('a');
    expect(changes).toBeGreaterThan(before);
  });

  test('visible changes are told at once, figures at most once per poll', async () => {
    let status = newStatus('a');
    const server = await started.server(a, 'a', { status: () => status });
    const peers = await started.peers(self, { a: server.port });
    await eventually('a is online', () => peers.list()[0]?.online === true);
    const seen: (string | number | undefined)[] = [];
    peers.onChange(() =>
      seen.push(peers.list()[0]?.status?.phase, peers.list()[0]?.status?.load.tokensTotal),
    );
    status = { ...status, load: { ...status.load, tokensTotal: 7 } };
    await eventually('figures are told', () => seen.includes(7));
    status = { ...status, phase: 'draining' };
    await eventually('the phase is told', () => seen.includes('draining'));
  });

  test('an agent found by address is known by its certificate, and this agent leaves itself out', async () => {
    const own = await started.server(self, 'self');
    const other = await started.server(b, 'b');
    const found = [own, other].map(({ port }) => parsePeerAddress(`127.0.0.1:${port}`));
    const peers = await started.peers(self, () => Promise.resolve(found));
    await eventually('b is online', () => peers.list().some((peer) => peer.online));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(peers.list().map((peer) => peer.id)).toEqual(['b']);
  });

  test('an address that is no longer found is forgotten when nobody answers there', async () => {
    const server = await started.server(b, 'b');
    let found = [parsePeerAddress(`127.0.0.1:${server.port}`)];
    const peers = await started.peers(self, () => Promise.resolve(found), {
      limits: { forgetMs: 100, discoveryMs: 30 },
    });
    await eventually('b is online', () => peers.list()[0]?.online === true);
    found = [];
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(peers.list()).toHaveLength(1);
    await server.stop();
    await eventually('b is forgotten', () => peers.list().length === 0);
  });

  test.each([
    ['another id than configured', () => ({ tls: b, id: 'b' })],
    ['a status that names another agent', () => ({ tls: a, id: 'b' })],
  ])('%s is not taken for the peer', async (_what, make) => {
    const { tls, id } = make();
    let asked = 0;
    const server = await started.server(tls, id, {
      status: () => {
        asked += 1;
        return newStatus(id);
      },
    });
    const peers = await started.peers(self, { a: server.port });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(peers.list()).toMatchObject([{ id: 'a', online: false }]);
    expect(asked === 0 || id !== 'a').toBe(true);
    expect(await codeOf(collect(peers.run('a', newRequest(), never)))).toBe(
      tls === b ? 'agent_unreachable' : 'none',
    );
  });

  test('agents of another cluster and of another CA stay offline', async () => {
    const foreign = await newAuthority();
    const servers = await Promise.all([
      started.server(await foreign.agent('a'), 'a'),
      started.server(await authority.agent('b', 'other'), 'b', { cluster: 'other' }),
    ]);
    const peers = await started.peers(self, { a: servers[0].port, b: servers[1].port });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(peers.list().map((peer) => peer.online)).toEqual([false, false]);
  });
});

describe('asking for membership', () => {
  const request = { agent: 'self', incarnation: 'life', address: '127.0.0.1:7000' };
  const members = [{ id: 1, ...request }];
  const consensus: Consensus = {
    ...noConsensus,
    admit: async (asked) => {
      if (asked.memberId === 9) throw new ApiError('member_replaced');
      return { clusterId: 'group', memberId: 1, members };
    },
  };

  test('of a peer that is known, and of one at an address', async () => {
    const server = await started.server(a, 'a', { consensus });
    const peers = await started.peers(self, { a: server.port });
    const admission = { clusterId: 'group', memberId: 1, members };
    expect(await peers.admit('a', request, never)).toEqual(admission);
    expect(await peers.admitAt(`127.0.0.1:${server.port}`, request, never)).toEqual(admission);
    expect(await codeOf(peers.admit('a', { ...request, memberId: 9 }, never))).toBe('member_replaced');
    // Of another agent than the one whose certificate asks.
    expect(await codeOf(peers.admit('a', { ...request, agent: 'b' }, never))).toBe('forbidden');
    expect(await codeOf(peers.admit('nobody', request, never))).toBe('agent_unreachable');
    expect(await codeOf(peers.admitAt('127.0.0.1:1', request, never))).toBe('agent_unreachable');
  });
});

describe('running on a peer', () => {
  const connect = async (run: RunLocal | undefined, limits: Partial<PollingLimits> = {}) => {
    const server = await started.server(a, 'a', { ...(run === undefined ? {} : { runLocal: run }) });
    const peers = await started.peers(self, { a: server.port }, { limits });
    await eventually('a is online', () => peers.list()[0]?.online === true);
    return { server, peers };
  };

  test('its events arrive in order', async () => {
    const { peers } = await connect(undefined);
    expect(await collect(peers.run('a', newRequest(), never))).toEqual([text('hel'), text('lo'), done]);
  });

  test('its error before the first event arrives with all its facts', async () => {
    const { peers } = await connect(async function* () {
      yield* [];
      throw new ApiError('queue_full', 'All 4 places are taken.', { retryAfterSeconds: 3 });
    });
    await expect(collect(peers.run('a', newRequest(), never))).rejects.toMatchObject({
      code: 'queue_full',
      message: 'All 4 places are taken.',
      retryAfterSeconds: 3,
    });
  });

  test('its error after the first event arrives after what was said', async () => {
    const { peers } = await connect(async function* () {
      yield text('hel');
      throw new ApiError('runner_crashed');
    });
    const seen: InferenceEvent[] = [];
    const reading = (async () => {
      for await (const event of peers.run('a', newRequest(), never)) seen.push(event);
    })();
    expect(await codeOf(reading)).toBe('runner_crashed');
    expect(seen).toEqual([text('hel')]);
  });

  test('a peer that dies in mid-stream is agent_unreachable', async () => {
    const { server, peers } = await connect(async function* (_request, signal) {
      yield text('hel');
      await untilAborted(signal);
    });
    const seen: InferenceEvent[] = [];
    const reading = (async () => {
      for await (const event of peers.run('a', newRequest(), never)) {
        seen.push(event);
        void server.stop();
      }
    })();
    expect(await codeOf(reading)).toBe('agent_unreachable');
    expect(seen).toEqual([text('hel')]);
  });

  test('a peer that nobody knows, and one that does not listen, is agent_unreachable', async () => {
    const { server, peers } = await connect(undefined);
    expect(await codeOf(collect(peers.run('nobody', newRequest(), never)))).toBe('agent_unreachable');
    await server.stop();
    expect(await codeOf(collect(peers.run('a', newRequest(), never)))).toBe('agent_unreachable');
  });

  test.each([
    ['before its first event', []],
    ['in mid-stream', [text('hel')]],
  ])('leaving %s ends the work there', async (_when, first) => {
    let running = 0;
    const { peers } = await connect(async function* (_request, signal) {
      running += 1;
      try {
        yield* first;
        await untilAborted(signal);
      } finally {
        running -= 1;
      }
    });
    const leave = new AbortController();
    const reading = codeOf(collect(peers.run('a', newRequest(), leave.signal)));
    await eventually('the work runs', () => running === 1);
    leave.abort(new ApiError('deadline_exceeded'));
    expect(await reading).toBe('deadline_exceeded');
    await eventually('the work has ended', () => running === 0);
  });

  test('ending the loop early ends the work there, too', async () => {
    let running = 0;
    const { peers } = await connect(async function* (_request, signal) {
      running += 1;
      try {
        yield text('hel');
        await untilAborted(signal);
      } finally {
        running -= 1;
      }
    });
    for await (const event of peers.run('a', newRequest(), never)) {
      expect(event).toEqual(text('hel'));
      break;
    }
    await eventually('the work has ended', () => running === 0);
  });

  test.each([
    [{ firstByteMs: 100 }, [], 'no answer within 100 ms'],
    [{ idleMs: 100 }, [text('hel')], 'no byte within 100 ms'],
  ])('limits %j end a silent stream', async (limits, first, sentence) => {
    const { peers } = await connect(async function* (_request, signal) {
      yield* first;
      await untilAborted(signal);
    }, limits);
    await expect(collect(peers.run('a', newRequest(), never))).rejects.toMatchObject({
      code: 'agent_unreachable',
      message: expect.stringContaining(sentence) as unknown,
    });
  });

  test('a silent stream fails once its peer has been offline for some time', async () => {
    let answering = true;
    const server = await started.server(a, 'a', {
      status: () => {
        if (!answering) throw new Error('hangs');
        return newStatus('a');
      },
      runLocal: async function* (_request, signal) {
        yield* [];
        await untilAborted(signal);
      },
    });
    const peers = await started.peers(self, { a: server.port }, { limits: { lostPeerMs: 100 } });
    await eventually('a is online', () => peers.list()[0]?.online === true);
    const reading = codeOf(collect(peers.run('a', newRequest(), never)));
    await new Promise((resolve) => setTimeout(resolve, 100));
    answering = false;
    expect(await reading).toBe('agent_unreachable');
  });

  test('100 streams at once, on kept connections', async () => {
    const server = await started.server(a, 'a', {
      runLocal: async function* (request) {
        for (let index = 0; index < 20; index += 1) {
          yield text(`${request.id}:${index} `);
          await new Promise((resolve) => setImmediate(resolve));
        }
        yield done;
      },
    });
    const relay = await started.relay(server.port);
    const peers = await started.peers(self, { a: relay.port }, { limits: { connectMs: 50_000 } });
    await eventually('a is online', () => peers.list()[0]?.online === true);
    const run = async (id: string): Promise<string> =>
      (await collect(peers.run('a', newRequest({ id }), never)))
        .map((event) => (event.type === 'text' ? event.text : event.type))
        .join('');
    for (const round of ['x', 'y', 'z']) {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => run(`${round}${index}`)));
      answers.forEach((answer, index) => {
        const parts = Array.from({ length: 20 }, (_, at) => `${round}${index}:${at} `);
        expect(answer).toBe(`${parts.join('')}done`);
      });
    }
    // One for polling, 100 for the first round, and those of the free ones that were over the bound.
    expect(relay.connections()).toBeLessThan(200);
  });

  test('a kept connection that the peer has closed meanwhile is no failure', async () => {
    const server = await started.server(a, 'a');
    const relay = await started.relay(server.port);
    const peers = await started.peers(self, { a: relay.port }, { pollMs: 60_000 });
    await eventually('a is online', () => peers.list()[0]?.online === true);
    for (let round = 0; round < 5; round += 1) {
      expect(await collect(peers.run('a', newRequest(), never))).toHaveLength(3);
      // The reset and the next request cross each other.
      relay.reset();
    }
  });

  test('a peer behind a dead network is offline, and its silent streams fail', async () => {
    let begun = 0;
    const server = await started.server(a, 'a', {
      runLocal: async function* (_request, signal) {
        begun += 1;
        yield text('hel');
        await untilAborted(signal);
      },
    });
    const relay = await started.relay(server.port);
    const limits = { lostPeerMs: 100, statusMs: 200 };
    const peers = await started.peers(self, { a: relay.port }, { limits });
    await eventually('a is online', () => peers.list()[0]?.online === true);
    const reading = codeOf(collect(peers.run('a', newRequest(), never)));
    await eventually('the stream has begun', () => begun === 1);
    relay.freeze();
    await eventually('a is offline', () => peers.list()[0]?.online === false);
    expect(await reading).toBe('agent_unreachable');
    relay.thaw();
    await eventually('a is online again', () => peers.list()[0]?.online === true);
  });
});
