import { connect as tcpConnect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ApiError, agentIdentity } from '@ollamamax/api';
import { secureContextOptions } from '@ollamamax/common';
import type { TlsMaterial } from '@ollamamax/common';
import {
  Started,
  done,
  eventually,
  memoryCatalog,
  newAuthority,
  newChunks,
  newDesiredState,
  newRequest,
  text,
  untilAborted,
} from '../p2p/wire.fixture.ts';
import type { Authority } from '../p2p/wire.fixture.ts';
import { askAs, codeIn, type Answer } from './ask.fixture.ts';

const started = new Started();
let authority: Authority;
let own: TlsMaterial;
let agent: TlsMaterial;
let operator: TlsMaterial;

beforeAll(async () => {
  authority = await newAuthority();
  [own, agent, operator] = await Promise.all([
    authority.agent('self'),
    authority.agent('a'),
    authority.operator(),
  ]);
});
afterEach(() => started.stop());

const ask = (
  port: number,
  method: string,
  path: string,
  options: { readonly tls?: Partial<TlsMaterial>; readonly body?: string } = {},
): Promise<Answer> =>
  askAs(
    { ...(own.ca === undefined ? {} : { ca: own.ca }), ...(options.tls ?? agent) },
    port,
    method,
    path,
    options.body,
  );

const open = (port: number): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = tlsConnect({
      ...secureContextOptions(agent),
      host: '127.0.0.1',
      port,
      servername: '',
      checkServerIdentity: () => undefined,
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });

const inferencePost = (body: string): string =>
  `POST /internal/v1/inference HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('who may talk to it', () => {
  test('agents and the operator of the cluster', async () => {
    const { port } = await started.server(own, 'self');
    expect((await ask(port, 'GET', '/internal/v1/status')).status).toBe(200);
    expect((await ask(port, 'GET', '/internal/v1/status', { tls: operator })).status).toBe(200);
  });

  test.each([
    ['another cluster', () => authority.agent('a', 'other')],
    ['the operator of another cluster', () => authority.operator('other')],
    ['a name that is no agent', () => authority.leaf('spiffe://test/user/x')],
  ])('%s gets 403 and is cut off', async (_who, make) => {
    const { port } = await started.server(own, 'self');
    const answer = await ask(port, 'GET', '/internal/v1/status', { tls: await make() });
    expect([answer.status, codeIn(answer), answer.headers.connection]).toEqual([403, 'forbidden', 'close']);
  });

  test('a foreign CA, no certificate, TLS 1.2 and plain HTTP get nothing', async () => {
    let asked = 0;
    const { port } = await started.server(own, 'self', {
      status: () => {
        asked += 1;
        throw new ApiError('internal');
      },
    });
    const foreign = await (await newAuthority()).leaf(agentIdentity('test', 'a'));
    const { cert, key } = foreign;
    await expect(ask(port, 'GET', '/internal/v1/status', { tls: { cert, key } })).rejects.toThrow();
    await expect(ask(port, 'GET', '/internal/v1/status', { tls: {} })).rejects.toThrow();
    const old = tlsConnect({
      ...secureContextOptions(agent),
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384',
      host: '127.0.0.1',
      port,
      servername: '',
    });
    await expect(
      new Promise((resolve, reject) => old.once('secureConnect', resolve).once('error', reject)),
    ).rejects.toThrow();
    const plain = tcpConnect(port, '127.0.0.1');
    plain.write('GET /internal/v1/status HTTP/1.1\r\nhost: x\r\n\r\n');
    let got = '';
    plain.on('data', (chunk) => (got += chunk.toString('latin1')));
    await new Promise<void>((resolve) => plain.once('close', () => resolve()).once('error', () => undefined));
    expect(got).not.toContain('HTTP/1.1');
    expect(asked).toBe(0);
  });
});

describe('its routes', () => {
  test('desired state: anybody reads, only the operator writes', async () => {
    const catalog = memoryCatalog(newDesiredState(3));
    const { port } = await started.server(own, 'self', { catalog });
    const path = '/internal/v1/desired-state';
    const next = JSON.stringify(newDesiredState(4));
    expect(JSON.parse((await ask(port, 'GET', path)).body)).toMatchObject({ revision: 3 });
    expect(codeIn(await ask(port, 'PUT', path, { body: next }))).toBe('forbidden');
    expect(catalog.state().revision).toBe(3);
    const put = await ask(port, 'PUT', path, { tls: operator, body: next });
    expect([put.status, JSON.parse(put.body)]).toEqual([200, { revision: 4, changed: true }]);
    const old = await ask(port, 'PUT', path, { tls: operator, body: JSON.stringify(newDesiredState(2)) });
    expect([old.status, codeIn(old)]).toEqual([409, 'stale_revision']);
  });

  test.each<[string, string, string | undefined, number, string]>([
    ['GET', '/internal/v1/nothing', undefined, 404, 'route_not_found'],
    ['GET', '/internal/v1/models//show', undefined, 404, 'route_not_found'],
    ['GET', '/internal/v1/models/%zz/show', undefined, 400, 'invalid_model_name'],
    ['GET', '/__proto__', undefined, 404, 'route_not_found'],
    ['DELETE', '/internal/v1/status', undefined, 405, 'method_not_allowed'],
    ['GET', '/internal/v1/inference', undefined, 405, 'method_not_allowed'],
    ['POST', '/internal/v1/inference', undefined, 400, 'missing_body'],
    ['POST', '/internal/v1/inference', '{', 400, 'invalid_json'],
    ['POST', '/internal/v1/inference', '{}', 400, 'invalid_request'],
    ['POST', '/internal/v1/inference', '[]', 400, 'invalid_request'],
    ['PUT', '/internal/v1/desired-state', '{"revision":0,"models":[],"settings":{}}', 400, 'invalid_request'],
    ['PUT', '/internal/v1/desired-state', `{"revision":1${' '.repeat(3000)}}`, 413, 'body_too_large'],
  ])('%s %s with %s', async (method, path, body, status, code) => {
    const { port } = await started.server(own, 'self', { limits: { desiredStateBytes: 2000 } });
    const answer = await ask(port, method, path, { tls: operator, ...(body === undefined ? {} : { body }) });
    expect([answer.status, codeIn(answer)]).toEqual([status, code]);
  });

  test('a body without a declared length is bounded, too', async () => {
    const { port } = await started.server(own, 'self', { limits: { inferenceBodyBytes: 1000 } });
    const socket = await open(port);
    let got = '';
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.write('POST /internal/v1/inference HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
    socket.write(`400\r\n${'x'.repeat(1024)}\r\n`);
    await eventually('the answer', () => got.includes('body_too_large'));
    expect(got).toMatch(/^HTTP\/1.1 413 /);
    await eventually('the end of the connection', () => socket.readableEnded || socket.destroyed);
    socket.destroy();
  });

  test('show passes name and verbosity on', async () => {
    const asked: unknown[] = [];
    const { port } = await started.server(own, 'self', {
      models: {
        show: (name, verbose) => {
          asked.push([name, verbose]);
          return Promise.reject(new ApiError('model_not_found', 'no such model'));
        },
        chunks: async (name) => newChunks(name),
      },
    });
    const path = `/internal/v1/models/${encodeURIComponent('hub/ns/m:tag')}/show?verbose=true`;
    const answer = await ask(port, 'GET', path);
    expect([answer.status, codeIn(answer), asked]).toEqual([
      404,
      'model_not_found',
      [['hub/ns/m:tag', true]],
    ]);
  });

  test('chunks are those of the model in the path', async () => {
    const { port } = await started.server(own, 'self');
    const path = `/internal/v1/models/${encodeURIComponent('hub/ns/m:tag')}/chunks`;
    const answer = await ask(port, 'GET', path);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, newChunks('hub/ns/m:tag')]);
  });

  test('an unexpected error says nothing of its inside', async () => {
    const { port } = await started.server(own, 'self', {
      status: () => {
        throw new Error('secret detail');
      },
    });
    const answer = await ask(port, 'GET', '/internal/v1/status');
    expect([answer.status, codeIn(answer)]).toEqual([500, 'internal']);
    expect(answer.body).not.toContain('secret');
  });
});

describe('streams', () => {
  test('errors before the first event are a status, later ones the last line', async () => {
    const { port } = await started.server(own, 'self', {
      runLocal: async function* (request) {
        if (request.id === 'late') yield text('x');
        throw new ApiError('queue_full', undefined, { retryAfterSeconds: 1.5 });
      },
    });
    const post = (id: string) =>
      ask(port, 'POST', '/internal/v1/inference', { body: JSON.stringify(newRequest({ id })) });
    const early = await post('early');
    expect([early.status, codeIn(early), early.headers['retry-after']]).toEqual([503, 'queue_full', '2']);
    const late = await post('late');
    expect([late.status, late.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    const lines = late.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(lines).toMatchObject([text('x'), { type: 'error', error: { code: 'queue_full' } }]);
  });

  test('a reader that does not read holds the producer back and is cut off in time', async () => {
    const big = text('x'.repeat(64 * 1024));
    let produced = 0;
    let ended = false;
    const { port } = await started.server(own, 'self', {
      limits: { writeStallMs: 1000 },
      runLocal: async function* () {
        try {
          for (;;) {
            produced += 1;
            yield big;
          }
        } finally {
          ended = true;
        }
      },
    });
    const socket = await open(port);
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(inferencePost(JSON.stringify(newRequest())));
    await eventually('the first events', () => produced > 1);
    let last = -1;
    await eventually('the producer waits', () => {
      const waits = produced === last;
      last = produced;
      return waits;
    });
    // What kernel and TLS buffers on both sides hold, not more.
    expect(produced * 64 * 1024).toBeLessThan(32 * 1024 * 1024);
    expect(ended).toBe(false);
    await eventually('the producer is ended', () => ended);
    socket.destroy();
  });

  test('a slow reader gets everything', async () => {
    const { port } = await started.server(own, 'self', {
      runLocal: async function* () {
        for (let index = 0; index < 200; index += 1) yield text(`${index} ${'x'.repeat(16 * 1024)}`);
        yield done;
      },
    });
    const socket = await open(port);
    socket.write(inferencePost(JSON.stringify(newRequest())));
    let got = '';
    for await (const chunk of socket) {
      got += (chunk as Buffer).toString('latin1');
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (got.includes('"type":"done"')) break;
    }
    for (let index = 0; index < 200; index += 1) expect(got).toContain(`"${index} x`);
  });

  test('a reader that leaves while it waits for the first event ends the work', async () => {
    let running = 0;
    const { port } = await started.server(own, 'self', {
      runLocal: async function* (_request, signal) {
        running += 1;
        try {
          yield* [];
          await untilAborted(signal);
        } finally {
          running -= 1;
        }
      },
    });
    const sockets = await Promise.all(Array.from({ length: 10 }, () => open(port)));
    for (const socket of sockets) socket.write(inferencePost(JSON.stringify(newRequest())));
    await eventually('all run', () => running === 10);
    for (const socket of sockets) socket.destroy();
    await eventually('all have ended', () => running === 0);
  });

  test('stop lets a running stream finish within its grace', async () => {
    let finish: () => void = () => undefined;
    const server = await started.server(own, 'self', {
      limits: { stopGraceMs: 120_000 },
      runLocal: async function* () {
        yield text('x');
        await new Promise<void>((resolve) => (finish = resolve));
        yield done;
      },
    });
    const idle = await open(server.port);
    const socket = await open(server.port);
    socket.write(inferencePost(JSON.stringify(newRequest({ id: 'kept' }))));
    let got = '';
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
    await eventually('the stream', () => got.includes('"x"'));
    const stopping = server.stop();
    await new Promise((resolve) => setTimeout(resolve, 100));
    finish();
    await eventually('its end', () => got.includes('"done"'));
    await stopping;
    idle.destroy();
  });
});

describe('connections', () => {
  const ended = (socket: TLSSocket | ReturnType<typeof tcpConnect>): Promise<void> =>
    new Promise((resolve) => {
      socket.on('error', () => undefined);
      socket.resume();
      socket.once('close', () => resolve());
    });

  test('no handshake, slow headers and a slow body are cut off', async () => {
    const { port } = await started.server(own, 'self', {
      limits: { handshakeMs: 200, headersMs: 300, requestMs: 600 },
    });
    const silent = tcpConnect(port, '127.0.0.1');
    const headersOnly = await open(port);
    headersOnly.write('GET /internal/v1/status HTTP/1.1\r\nhost');
    const slowBody = await open(port);
    slowBody.write('POST /internal/v1/inference HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{');
    await Promise.all([silent, headersOnly, slowBody].map(ended));
    expect((await ask(port, 'GET', '/internal/v1/status')).status).toBe(200);
  });

  test('are capped', async () => {
    const { port } = await started.server(own, 'self', { limits: { connections: 3 } });
    const held = [await open(port), await open(port), await open(port)];
    await expect(open(port)).rejects.toThrow();
    held[0]?.destroy();
    await eventually('a place is free', () => held[0]?.destroyed === true);
    let answered = false;
    for (let tries = 0; tries < 100 && !answered; tries += 1) {
      answered = await ask(port, 'GET', '/internal/v1/status').then(
        () => true,
        () => false,
      );
    }
    expect(answered).toBe(true);
    for (const socket of held) socket.destroy();
  });

  test('a port in use is said so', async () => {
    const { port } = await started.server(own, 'self');
    await expect(started.server(own, 'self', { port })).rejects.toMatchObject({ code: 'port_in_use' });
  });
});
