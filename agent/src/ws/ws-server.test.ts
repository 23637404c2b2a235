import { afterEach, describe, expect, test } from '@jest/globals';
import { ApiError } from '@ollamamax/api';
import { WebSocket, type ClientOptions } from 'ws';
import { setUp, tearDown, track, until, type Client, type TestSocket } from './events-harness.fixture.ts';

const connect = (url: string, protocols: string[] = ['ollamamax.v1'], options: ClientOptions = {}): Client =>
  track(new WebSocket(url, protocols, options) as TestSocket);

afterEach(tearDown);

const authenticate = (token: string): { name: string; role: string } => {
  if (token === 'good') return { name: 'ann', role: 'user' };
  throw new ApiError('unauthenticated');
};

describe('limits', () => {
  test.each([
    ['no JSON', 'hello?'],
    ['no object', '[1]'],
    ['an unknown type', { type: 'shout' }],
    ['no hello first', { type: 'ping' }],
  ])('%s closes with 4400', async (_name, frame) => {
    const { url } = await setUp();
    const client = await connect(url).opened();
    client.send(frame);
    expect(await client.closed()).toBe(4400);
  });

  test('a second hello, a binary frame and a malformed position close with 4400', async () => {
    const { url } = await setUp();
    const twice = await connect(url).hello();
    twice.send({ type: 'hello' });
    expect(await twice.closed()).toBe(4400);
    const binary = await connect(url).hello();
    binary.socket.send(Buffer.from('{"type":"ping"}'), { binary: true });
    expect(await binary.closed()).toBe(4400);
    const position = await connect(url).hello();
    position.send({ type: 'subscribe', id: 'c', topic: 'cluster', from: { seq: 'x' } });
    expect(await position.closed()).toBe(4400);
  });

  test('no hello in time closes with 4408', async () => {
    const { url } = await setUp({ limits: { helloMs: 50 } });
    expect(await connect(url).closed()).toBe(4408);
  });

  test('a frame above 64 KiB closes with 4413', async () => {
    const { url } = await setUp();
    const client = await connect(url).hello();
    client.send({ type: 'ping', filler: 'x'.repeat(64 * 1024) });
    expect(await client.closed()).toBe(4413);
  });

  test('the 65th subscription closes with 4429', async () => {
    const { url } = await setUp();
    const client = await connect(url).hello();
    for (let index = 0; index < 64; index += 1)
      client.send({ type: 'subscribe', id: `s${index}`, topic: 'models' });
    await client.next('snapshot', 64);
    client.send({ type: 'subscribe', id: 'one-more', topic: 'models' });
    expect(await client.closed()).toBe(4429);
  });

  test('the 21st connection of a user closes with 4429; a place that is free again counts', async () => {
    const { url, events } = await setUp({ authenticate });
    const options = { headers: { authorization: 'Bearer good' } };
    const held = await Promise.all(
      Array.from({ length: 20 }, () => connect(url, ['ollamamax.v1'], options).hello()),
    );
    expect(await connect(url, ['ollamamax.v1'], options).closed()).toBe(4429);
    held[0]!.socket.close();
    await until('the place', () => events.connections === 19);
    await connect(url, ['ollamamax.v1'], options).hello();
  });
});

describe('who may connect', () => {
  test('token by header, by subprotocol (not echoed) and by query', async () => {
    const { url } = await setUp({ authenticate });
    const byHeader = await connect(url, ['ollamamax.v1'], {
      headers: { authorization: 'Bearer good' },
    }).hello();
    expect(byHeader.all('welcome')[0]!.user).toEqual({ name: 'ann', role: 'user' });
    const carried = `base64url.bearer.authorization.${Buffer.from('good').toString('base64url')}`;
    const byProtocol = await connect(url, [carried, 'ollamamax.v1']).hello();
    expect(byProtocol.socket.protocol).toBe('ollamamax.v1');
    await connect(`${url}?token=good`).hello();
  });

  test.each(['', '?token=bad', '?ticket=unknown', '?token='])(
    'the handshake succeeds and 4401 follows without valid credentials (%s)',
    async (query) => {
      const { url } = await setUp({ authenticate });
      const client = connect(`${url}${query}`);
      expect(await client.closed()).toBe(4401);
      expect(client.frames).toEqual([]);
    },
  );

  test('a ticket opens one connection, from the place it was issued for', async () => {
    const { url, tickets } = await setUp({ authenticate });
    const issue = (): string =>
      tickets.issue({
        user: { name: 'ann', role: 'user' },
        token: 'good',
        origin: undefined,
        address: '127.0.0.1',
      }).ticket;
    const ticket = issue();
    const client = await connect(`${url}?ticket=${ticket}`).hello();
    expect(client.all('welcome')[0]!.user).toEqual({ name: 'ann', role: 'user' });
    expect(await connect(`${url}?ticket=${ticket}`).closed()).toBe(4401);
    const elsewhere = connect(`${url}?ticket=${issue()}`, ['ollamamax.v1'], {
      headers: { origin: 'http://friend.example' },
    });
    expect(await elsewhere.closed()).toBe(4401);
  });

  test('a foreign origin is closed with 4403; own and listed ones may connect', async () => {
    const { url } = await setUp();
    const from = (origin: string): Client => connect(url, ['ollamamax.v1'], { headers: { origin } });
    expect(await from('http://evil.example').closed()).toBe(4403);
    expect(await from('null').closed()).toBe(4403);
    await from('http://friend.example').hello();
    await from(`http://${new URL(url).host}`).hello();
  });

  test('a session that ends is closed: 4401 expired, 4441 revoked', async () => {
    let verdict: 'valid' | 'token_expired' | 'unauthenticated' = 'valid';
    const { url } = await setUp({
      revalidateMs: 50,
      authenticate: () => {
        if (verdict !== 'valid') throw new ApiError(verdict);
        return { name: 'ann', role: 'user' };
      },
    });
    const first = await connect(`${url}?token=t`).hello();
    verdict = 'token_expired';
    expect(await first.closed()).toBe(4401);
    verdict = 'valid';
    const second = await connect(`${url}?token=t`).hello();
    verdict = 'unauthenticated';
    expect(await second.closed()).toBe(4441);
  });

  test('credentials are taken out of the URL before anybody else sees the request', async () => {
    const urls: (string | undefined)[] = [];
    const { url } = await setUp({
      authenticate,
      clientAddress: (request) => {
        urls.push(request.url);
        return request.socket.remoteAddress;
      },
    });
    await connect(`${url}?token=good`).hello();
    expect(urls.join()).not.toContain('good');
  });

  test('another path is answered with 404', async () => {
    const { url } = await setUp();
    const client = connect(url.replace('/ws', '/other'));
    let status: number | undefined;
    client.socket.on('unexpected-response', (_request, response) => (status = response.statusCode));
    await until('the answer', () => status !== undefined);
    expect(status).toBe(404);
  });
});

describe('leaving', () => {
  test('draining says where to go, closes with 4450 and turns newcomers away', async () => {
    const { url, events } = await setUp();
    const client = await connect(url).hello();
    const drained = events.drain({ afterMs: 100, alternatives: ['http://127.0.0.1:2'] });
    expect(await client.next('goaway')).toEqual({
      type: 'goaway',
      afterMs: 100,
      alternatives: ['http://127.0.0.1:2'],
    });
    const late = connect(url);
    expect(await late.closed()).toBe(4450);
    expect(late.all('goaway')).toHaveLength(1);
    await drained;
    expect(await client.closed()).toBe(4450);
  });

  test('closing ends connections with 4499', async () => {
    const { url, events } = await setUp();
    const client = await connect(url).hello();
    events.close();
    expect(await client.closed()).toBe(4499);
  });
});
