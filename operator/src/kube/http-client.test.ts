import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { silentLogger, type Logger } from '@ollamamax/common';
import type { KubeConnection } from './connection.ts';
import { FakeClock, settle } from './fake-clock.fixture.ts';
import { createKubeClient } from './http-client.ts';
import type { KubeClient } from './kube-client.ts';
import { isAlreadyExists, isConflict, isNotFound, type KubeError } from './kube-error.ts';
import type { RequestFacts } from './kube-metrics.ts';
import type { Resource } from './resource.ts';
import { json, reset, silence, startScriptedServer, type ScriptedServer } from './scripted-server.fixture.ts';

const things: Resource = { apiVersion: 'example.com/v1', kind: 'Thing', plural: 'things', namespaced: true };
const name = { namespace: 'here', name: 'one' };
const thing = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: name };
const status = (code: number, reason: string, more = {}) => ({
  kind: 'Status',
  code,
  reason,
  message: 'no',
  ...more,
});

let server: ScriptedServer;
let client: KubeClient;
let clock: FakeClock;
let facts: RequestFacts[];
let tokens: string[];
let warn: jest.Mock<Logger['warn']>;

beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(() => server.close());

const connect = (url: string): KubeClient => {
  const connection: KubeConnection = {
    server: url,
    namespace: undefined,
    tls: { rejectUnauthorized: true },
    authorization: async () => `Bearer ${tokens[0] ?? ''}`,
    refresh: async () => tokens.length > 1 && tokens.shift() !== undefined,
  };
  const log: Logger = { ...silentLogger, warn };
  return createKubeClient({
    connection,
    log,
    userAgent: 'test',
    clock,
    random: () => 0.5,
    observe: (seen) => facts.push(seen),
  });
};

beforeEach(() => {
  clock = new FakeClock();
  facts = [];
  tokens = ['first'];
  warn = jest.fn<Logger['warn']>();
  client = connect(server.url);
});
afterEach(() => client.close());

const failure = async (promise: Promise<unknown>): Promise<KubeError> =>
  clock.until(promise).then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as KubeError,
  );

describe('what is asked', () => {
  test('an apply names its manager, and goes to the subresource', async () => {
    server.script(json(200, thing));
    const options = { fieldManager: 'me', force: true, subresource: 'status' };
    await clock.until(client.serverSideApply(things, thing, options));
    expect(server.requests).toEqual([
      {
        method: 'PATCH',
        url: '/apis/example.com/v1/namespaces/here/things/one/status?fieldManager=me&force=true',
        authorization: 'Bearer first',
      },
    ]);
    expect(facts).toMatchObject([{ verb: 'apply', resource: 'things', code: '200', retried: false }]);
  });

  test('a list goes from page to page and names the kind of each item', async () => {
    server.script(
      json(200, { metadata: { resourceVersion: '7', continue: 'next' }, items: [{ metadata: name }] }),
      json(200, { metadata: { resourceVersion: '7' }, items: [{ metadata: { ...name, name: 'two' } }] }),
    );
    const list = await clock.until(client.listAll(things, { labelSelector: 'a=b' }));
    expect(list.resourceVersion).toBe('7');
    expect(list.items.map(({ kind, metadata }) => `${kind} ${metadata.name ?? ''}`)).toEqual([
      'Thing one',
      'Thing two',
    ]);
    expect(server.requests.map(({ url }) => url.split('?')[1])).toEqual([
      'labelSelector=a%3Db&limit=500',
      'labelSelector=a%3Db&limit=500&continue=next',
    ]);
  });

  test('a list begins anew when its page token has expired, at last in one piece', async () => {
    const first = json(200, { metadata: { resourceVersion: '7', continue: 'next' }, items: [] });
    const gone = json(410, status(410, 'Expired'));
    server.script(first, gone, first, gone, json(200, { metadata: { resourceVersion: '9' }, items: [] }));
    expect((await clock.until(client.listAll(things))).resourceVersion).toBe('9');
    expect(server.requests.at(-1)?.url).not.toContain('limit');
  });

  test('whether a kind is served', async () => {
    server.script(json(200, { resources: [{ name: 'things' }, { name: 'things/status' }] }), json(404, {}));
    expect(await clock.until(client.hasResource('example.com/v1', 'things'))).toBe(true);
    expect(await clock.until(client.hasResource('example.com/v1', 'things'))).toBe(false);
  });
});

describe('errors', () => {
  test('carry what the server says', async () => {
    server.script(json(409, status(409, 'AlreadyExists', { details: { name: 'one' } })));
    const error = await failure(client.create(things, thing));
    expect(error).toMatchObject({
      name: 'KubeError',
      code: 409,
      reason: 'AlreadyExists',
      details: { name: 'one' },
    });
    expect([isAlreadyExists(error), isConflict(error), isNotFound(error)]).toEqual([true, false, false]);
  });

  test('of a proxy that answers with text are understood by their code', async () => {
    server.script((_request, response) => response.writeHead(502).end('bad gateway'));
    expect(await failure(client.create(things, thing))).toMatchObject({ code: 502, reason: 'Unknown' });
  });

  test('a deadline ends a call that is not answered', async () => {
    server.script(silence);
    const error = await failure(client.get(things, name, { timeoutMs: 700 }));
    expect(error).toMatchObject({ code: 0, reason: 'Timeout' });
    expect(clock.monotonic()).toBeLessThan(1000);
    expect(clock.pending).toBe(0);
  });

  test('an abort ends a call with its own reason', async () => {
    server.script(silence);
    const controller = new AbortController();
    const call = client.get(things, name, { signal: controller.signal });
    await settle(20);
    controller.abort(new Error('not needed any more'));
    await expect(call).rejects.toThrow('not needed any more');
    expect(clock.pending).toBe(0);
  });

  test('warnings are passed on, each once', async () => {
    server.script(json(200, thing, { warning: '299 - "old"' }));
    await clock.until(client.get(things, name));
    await clock.until(client.get(things, name));
    expect(warn).toHaveBeenCalledTimes(1);
  });
});

describe('what is sent again', () => {
  const busy = (seconds: number) =>
    json(429, status(429, 'TooManyRequests'), { 'retry-after': String(seconds) });

  test('any call that the server turned away, after the time it asked for', async () => {
    server.script(busy(3), json(201, thing));
    const call = client.create(things, thing);
    await clock.advance(2900);
    expect(server.requests).toHaveLength(1);
    await clock.until(call);
    expect(server.requests).toHaveLength(2);
    expect(facts.map(({ code, retried }) => `${code} ${String(retried)}`)).toEqual(['429 true', '201 false']);
  });

  test('not when the server asks for more time than there is', async () => {
    server.script(busy(60));
    expect(await failure(client.create(things, thing))).toMatchObject({ code: 429, retryAfterMs: 60_000 });
    expect(server.requests).toHaveLength(1);
  });

  test('a failed read, with pauses; and an apply, which may be repeated', async () => {
    server.script(reset, reset, json(200, thing));
    await clock.until(client.get(things, name));
    expect(server.requests).toHaveLength(3);
    server.script(reset, json(200, thing));
    await clock.until(client.serverSideApply(things, thing, { fieldManager: 'me' }));
    expect(server.requests).toHaveLength(2);
  });

  test('not a write that may have happened', async () => {
    server.script(reset, json(201, thing));
    expect(await failure(client.create(things, thing))).toMatchObject({
      code: 0,
      reason: 'ConnectionFailed',
    });
    expect(server.requests).toHaveLength(1);
  });

  test('a read that goes on failing ends with the deadline', async () => {
    server.script(reset);
    expect(await failure(client.get(things, name))).toMatchObject({ reason: 'ConnectionFailed' });
    expect(clock.monotonic()).toBeLessThan(16_000);
  });

  test('a write that never left, when nobody listens', async () => {
    const away = await startScriptedServer();
    await away.close();
    const lost = connect(away.url);
    expect(await failure(lost.create(things, thing))).toMatchObject({ reason: 'ConnectionFailed' });
    expect(facts.length).toBeGreaterThan(2);
    await lost.close();
  });

  test('once with new credentials, when the old are refused', async () => {
    tokens = ['first', 'second'];
    server.script(json(401, status(401, 'Unauthorized')), json(200, thing));
    await clock.until(client.get(things, name));
    expect(server.requests.map(({ authorization }) => authorization)).toEqual([
      'Bearer first',
      'Bearer second',
    ]);
    server.script(json(401, status(401, 'Unauthorized')));
    expect(await failure(client.get(things, name))).toMatchObject({ code: 401 });
    expect(server.requests).toHaveLength(1);
  });
});

describe('a watch', () => {
  const line = (type: string, version: string) =>
    `${JSON.stringify({ type, object: { ...thing, metadata: { ...name, resourceVersion: version } } })}\n`;

  test('gives events as they come and ends with the server', async () => {
    server.script((_request, response) => {
      response.writeHead(200).write(line('ADDED', '1'));
      response.end(line('BOOKMARK', '5'));
    });
    const events = [];
    for await (const event of client.watch(things, { resourceVersion: '0' })) events.push(event);
    expect(events).toMatchObject([{ type: 'ADDED' }, { type: 'BOOKMARK', resourceVersion: '5' }]);
    expect(server.requests[0]?.url).toContain('watch=true&allowWatchBookmarks=true');
    expect(clock.pending).toBe(0);
  });

  test('outlives the deadline of an ordinary call, and frees its connection when it is left', async () => {
    const closed = Promise.withResolvers<boolean>();
    server.script((request, response) => {
      request.socket.once('close', () => closed.resolve(true));
      response.writeHead(200).write(line('ADDED', '1'));
    });
    for await (const event of client.watch(things, { resourceVersion: '0' })) {
      expect(event.type).toBe('ADDED');
      await clock.advance(60_000);
      break;
    }
    expect(await closed.promise).toBe(true);
  });

  test('ends with the reason of its signal', async () => {
    server.script((_request, response) => response.writeHead(200).write(line('ADDED', '1')));
    const controller = new AbortController();
    const follow = async (): Promise<void> => {
      for await (const _event of client.watch(things, { resourceVersion: '0', signal: controller.signal }))
        controller.abort(new Error('enough'));
    };
    await expect(follow()).rejects.toThrow('enough');
  });

  test('fails when it is cut, and when its beginning takes too long', async () => {
    server.script((request, response) => {
      response.writeHead(200).write(line('ADDED', '1'));
      setImmediate(() => request.socket.resetAndDestroy());
    });
    const follow = async (): Promise<void> => {
      for await (const _event of client.watch(things, { resourceVersion: '0' }));
    };
    await expect(follow()).rejects.toMatchObject({ name: 'KubeError', reason: 'ConnectionFailed' });
    server.script(silence);
    expect(await failure(follow())).toMatchObject({ reason: 'Timeout' });
  });
});
