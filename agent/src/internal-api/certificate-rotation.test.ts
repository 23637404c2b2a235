import { connect } from 'node:tls';
import { once } from 'node:events';
import { request } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { InferenceEvent } from '@ollamamax/api';
import { secureContextOptions, type TlsMaterial } from '@ollamamax/common';
import { Listener } from '../http/listener.ts';
import {
  Started,
  codeOf,
  collect,
  done,
  eventually,
  newAuthority,
  newRequest,
  text,
} from '../p2p/wire.fixture.ts';

jest.setTimeout(120_000);

const started = new Started();
const never = new AbortController().signal;
afterEach(() => started.stop());

/** Serial number of the certificate that a new connection is shown. */
const serialAt = async (port: number, client: TlsMaterial): Promise<string | undefined> => {
  const socket = connect({
    ...secureContextOptions(client),
    host: '127.0.0.1',
    port,
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  const serial = socket.getPeerX509Certificate()?.serialNumber;
  socket.destroy();
  return serial;
};

/** Answers one text, and the rest when it is told to. */
const held = () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return {
    release: () => resolve(undefined),
    run: async function* (): AsyncGenerator<InferenceEvent> {
      yield text('before');
      await promise;
      yield text('after');
      yield done;
    },
  };
};

describe('a change of certificates', () => {
  test('while the authorities change: streams go on, each step is a whole cluster, the old ones are out', async () => {
    const [old, next] = await Promise.all([newAuthority(), newAuthority()]);
    const [self1, a1, self2, a2] = await Promise.all([
      old.agent('self'),
      old.agent('a'),
      next.agent('self'),
      next.agent('a'),
    ]);
    const both = `${String(self1.ca)}${String(self2.ca)}`;
    const hold = held();
    const server = await started.server(a1, 'a', { runLocal: () => hold.run() });
    const peers = await started.peers(self1, { a: server.port });
    await eventually('a is online', () => peers.list()[0]?.online === true);
    const stream = peers.run('a', newRequest(), never)[Symbol.asyncIterator]();
    expect((await stream.next()).value).toEqual(text('before'));

    const steps: readonly (() => void)[] = [
      // First everybody trusts both, one after the other.
      () => server.renew({ ...a1, ca: both }),
      () => peers.renew({ ...self1, ca: both }),
      // Then each gets a certificate of the new one.
      () => server.renew({ ...a2, ca: both }),
      () => peers.renew({ ...self2, ca: both }),
      // Then nobody trusts the old one any more.
      () => server.renew(a2),
      () => peers.renew(self2),
    ];
    for (const step of steps) {
      step();
      const second = peers.run('a', newRequest(), never)[Symbol.asyncIterator]();
      expect((await second.next()).value).toEqual(text('before'));
      await second.return?.();
      expect(peers.list()[0]?.online).toBe(true);
    }
    await expect(serialAt(server.port, { ...self1, ca: both })).resolves.toBeDefined();
    const late = await started.peers({ ...self1, ca: both }, { a: server.port });
    expect(await codeOf(collect(late.run('a', newRequest(), never)))).toBe('agent_unreachable');

    hold.release();
    expect((await stream.next()).value).toEqual(text('after'));
    expect((await stream.next()).value).toEqual(done);
  });

  test('reaches new connections of the internal API and of peers, though polls keep theirs', async () => {
    const authority = await newAuthority();
    const [self1, self2, a1, a2] = await Promise.all(
      ['self', 'self', 'a', 'a'].map((id) => authority.agent(id)),
    );
    const server = await started.server(a1!, 'a');
    const relay = await started.relay(server.port);
    const peers = await started.peers(self1!, { a: relay.port });
    await eventually('a is online', () => peers.list()[0]?.online === true);
    const before = relay.connections();
    peers.renew(self2!);
    await eventually('a new connection', () => relay.connections() > before);
    const first = await serialAt(server.port, self1!);
    server.renew(a2!);
    expect(await serialAt(server.port, self1!)).not.toBe(first);
    expect(peers.list()[0]?.online).toBe(true);
  });
});

test('a listener for clients shows new connections the new certificate, and answers go on', async () => {
  const authority = await newAuthority();
  const [first, second] = await Promise.all([authority.agent('a'), authority.agent('a')]);
  let answer: ServerResponse | undefined;
  const listener = new Listener({
    name: 'test',
    address: '127.0.0.1:0',
    handler: (_request, response) => {
      response.write('before ');
      answer = response;
    },
    tls: first,
    headersMs: 5000,
    requestMs: 5000,
    maxConnections: 10,
    onConnectionDropped: () => undefined,
  });
  await listener.start();
  try {
    const { port } = listener;
    const old = await serialAt(port, first);
    const call = request({ host: '127.0.0.1', port, ca: first.ca, checkServerIdentity: () => undefined });
    call.end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    await once(response, 'data');
    listener.renew(second);
    expect(await serialAt(port, first)).not.toBe(old);
    expect(() => listener.renew({ cert: first.cert, key: second.key })).toThrow();
    expect(await serialAt(port, first)).not.toBe(old);
    answer?.end('after');
    let rest = '';
    for await (const part of response) rest += String(part);
    expect(rest).toBe('after');
  } finally {
    await listener.stop();
  }
});
