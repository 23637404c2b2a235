import { afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { silentLogger, type Logger, type TlsMaterial } from '@ollamamax/common';
import { placeModels } from '../catalog/placement.ts';
import { parsePeerAddress, type PeerAddress } from './discovery.ts';
import type { Peers } from './peers.ts';
import {
  Started,
  collect,
  done,
  eventually,
  newAuthority,
  newDesiredState,
  newRequest,
  newStatus,
  text,
} from './wire.fixture.ts';

// Pods come and go under one DNS name: the same agent at another address, another agent at the same address.
jest.setTimeout(240_000);

const started = new Started();
const never = new AbortController().signal;
let self: TlsMaterial;
let a: TlsMaterial;
let b: TlsMaterial;

beforeAll(async () => {
  const authority = await newAuthority();
  [self, a, b] = await Promise.all([authority.agent('self'), authority.agent('a'), authority.agent('b')]);
});
afterEach(() => started.stop());

const at = (port: number): PeerAddress => parsePeerAddress(`127.0.0.1:${port}`);
const ids = (peers: Peers): string[] =>
  peers
    .list()
    .map((peer) => peer.id)
    .sort();

/** An agent's process that counts the requests it is given. */
const process = async (tls: TlsMaterial, id: string, bootId: string, port = 0) => {
  let requests = 0;
  const server = await started.server(tls, id, {
    port,
    status: () => newStatus(id, { bootId }),
    runLocal: async function* () {
      requests += 1;
      yield text(bootId);
      yield done;
    },
  });
  return { ...server, requests: () => requests };
};

test('an address that died gets no request once the agent answers at another one', async () => {
  const first = await process(a, 'a', 'first');
  const relay = await started.relay(first.port);
  let found = [at(relay.port)];
  const forgotten: unknown[] = [];
  const log: Logger = {
    ...silentLogger,
    debug: (message: string, fields?: unknown) => {
      if (message === 'address is forgotten') forgotten.push(fields);
    },
  };
  const peers = await started.peers(self, () => Promise.resolve(found), {
    log,
    limits: { discoveryMs: 30, forgetMs: 3_600_000, statusMs: 60_000 },
  });
  await eventually('a is online', () => peers.list()[0]?.online === true);
  expect(await collect(peers.run('a', newRequest(), never))).toEqual([text('first'), done]);
  // Its node is gone: nothing answers, nothing is refused, and polls still wait for their answer.
  relay.freeze();
  const before = relay.connections();
  const second = await process(a, 'a', 'second');
  found = [at(relay.port), at(second.port)];
  await eventually('the new address', () => peers.list()[0]?.address === at(second.port).address);
  const asked = relay.connections();
  for (let count = 0; count < 20; count += 1)
    expect(await collect(peers.run('a', newRequest(), never))).toEqual([text('second'), done]);
  expect([first.requests(), second.requests()]).toEqual([1, 20]);
  expect(relay.connections() - asked).toBeLessThanOrEqual(1);
  expect(asked - before).toBeLessThanOrEqual(1);
  expect(peers.list()).toMatchObject([{ id: 'a', online: true, status: { bootId: 'second' } }]);
  // As soon as it is not found any more, nobody asks there again.
  expect(forgotten).toEqual([]);
  found = [at(second.port)];
  await eventually('the old address is forgotten', () => forgotten.length === 1);
  expect(forgotten[0]).toMatchObject({ peer: 'a', address: at(relay.port).address });
  expect(peers.list()).toMatchObject([{ id: 'a', online: true }]);
});

test('an agent that is away for a moment stays a member, and no model moves', async () => {
  const state = newDesiredState(1, ['m1', 'm2', 'm3', 'm4', 'm5', 'm6']);
  const placement = (peers: Peers): string =>
    JSON.stringify([
      ...placeModels({ ...state, models: state.models.map((spec) => ({ ...spec, replicas: 1 })) }, [
        'self',
        ...ids(peers),
      ]),
    ]);
  const first = await process(a, 'a', 'first');
  const other = await process(b, 'b', 'only');
  let found = [at(first.port), at(other.port)];
  const peers = await started.peers(self, () => Promise.resolve(found), {
    limits: { discoveryMs: 20, forgetMs: 60_000 },
  });
  await eventually('both are online', () => peers.list().filter((peer) => peer.online).length === 2);
  const before = placement(peers);
  const seen = new Set<string>();
  peers.onChange(() => seen.add(placement(peers)));
  // It stops, its address is gone from DNS and goes to another agent, and it comes back elsewhere.
  await first.stop();
  found = [at(other.port)];
  await eventually('a is offline', () => peers.list().some((peer) => peer.id === 'a' && !peer.online));
  await other.stop();
  const movedB = await process(b, 'b', 'again', first.port);
  found = [at(first.port)];
  await eventually('b is at the address of a', () =>
    peers.list().some((peer) => peer.id === 'b' && peer.online && peer.address === at(movedB.port).address),
  );
  expect(ids(peers)).toEqual(['a', 'b']);
  const movedA = await process(a, 'a', 'second');
  found = [at(movedB.port), at(movedA.port)];
  await eventually('both are online again', () => peers.list().filter((peer) => peer.online).length === 2);
  expect([...seen]).toEqual([before]);
});

test('agents that are gone for good are forgotten after their time, all at once or one by one', async () => {
  const servers = await Promise.all([process(a, 'a', 'first'), process(b, 'b', 'first')]);
  let found = servers.map(({ port }) => at(port));
  const peers = await started.peers(self, () => Promise.resolve(found), {
    limits: { discoveryMs: 20, forgetMs: 500 },
  });
  await eventually('both are online', () => peers.list().filter((peer) => peer.online).length === 2);
  const changes: string[] = [];
  peers.onChange(() => changes.push(ids(peers).join()));
  for (const server of servers) await server.stop();
  found = [];
  await eventually('nobody is left', () => peers.list().length === 0);
  expect(changes.at(-1)).toBe('');
});
