import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { endless, streamChat } from '../harness/chat-stream.ts';
import { eventually, startLocalCluster, untilServing, type LocalCluster } from '../harness/local-cluster.ts';

let cluster: LocalCluster;
let api: URL;

beforeAll(async () => {
  cluster = await startLocalCluster({
    config: {
      limits: {
        headersSeconds: 1,
        bodySeconds: 2,
        writeStallSeconds: 1,
        connections: 40,
        bodyBytes: 8 * 1024 * 1024,
      },
      settings: { parallel: 2 },
    },
  });
  await untilServing(cluster);
  api = new URL(cluster.agent('agent-0').api);
});

afterAll(async () => {
  await cluster.stop();
});

/** The samples of a metric of the agent, added up. */
const metric = async (name: string, label = ''): Promise<number> => {
  const text = await (await fetch(`${cluster.agent('agent-0').metrics}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};

const openStreams = (): Promise<number> => metric('ollamamax_streams_active');
const busySlots = (): Promise<number> => metric('ollamamax_inference_slots', 'state="busy"');

const idle = async (): Promise<boolean> => {
  return (await busySlots()) === 0 && (await openStreams()) === 0;
};

const rawConnection = async (): Promise<Socket> => {
  const socket = connect(Number(api.port), api.hostname);
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  return socket;
};

/** Everything the agent sent until it closed the connection. */
const untilClosed = async (socket: Socket): Promise<string> => {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  return text;
};

/** A short question, whose answer is the same each time. */
const hello = { messages: [{ role: 'user', content: 'Hello!' }], options: { temperature: 0 } };

const openStream = async (body: object): Promise<IncomingMessage> => {
  const request = httpRequest(new URL('/api/chat', api), { method: 'POST' });
  request.on('error', () => undefined);
  request.end(JSON.stringify({ model: 'ollamamax-tiny', ...body }));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
};

describe('clients that are slow to ask', () => {
  test('one that never finishes its headers is told so and cut off', async () => {
    const socket = await rawConnection();
    socket.write('POST /api/chat HTTP/1.1\r\nHost: localhost\r\nX-Slow:');
    const answer = await untilClosed(socket);
    expect(answer).toContain('408');
    expect(answer).toContain('request_timeout');
  });

  test('one that never finishes its body is told so and cut off', async () => {
    const socket = await rawConnection();
    socket.write('POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"model":');
    const answer = await untilClosed(socket);
    expect(answer).toContain('408');
  });

  test('one that says nothing is cut off', async () => {
    const socket = await rawConnection();
    expect(await untilClosed(socket)).toContain('408');
  });

  test('one that does not speak HTTP is told so', async () => {
    const socket = await rawConnection();
    socket.write('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n');
    const answer = await untilClosed(socket);
    expect(answer).toContain('400');
    expect(answer).toContain('not valid HTTP/1.1');
  });

  test('headers beyond the limit are refused', async () => {
    const socket = await rawConnection();
    socket.write(`GET /api/tags HTTP/1.1\r\nHost: localhost\r\nX-Large: ${'x'.repeat(40_000)}\r\n\r\n`);
    const answer = await untilClosed(socket);
    expect(answer).toContain('431');
    expect(answer).toContain('headers_too_large');
  });

  test('two lengths that disagree are refused', async () => {
    const socket = await rawConnection();
    socket.write(
      'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    );
    expect(await untilClosed(socket)).toContain('400');
  });

  test('connections over the limit are closed, and others served again when they are gone', async () => {
    const held = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const socket = connect(Number(api.port), api.hostname);
        socket.on('error', () => undefined);
        const closed = once(socket, 'close');
        await once(socket, 'connect').catch(() => undefined);
        return { socket, closed };
      }),
    );
    await eventually(
      'the surplus is counted',
      async () => (await metric('ollamamax_http_connections_dropped_total')) > 0,
    );
    for (const { socket } of held) socket.destroy();
    await Promise.all(held.map(({ closed }) => closed));
    const outcome = await streamChat(api.origin, hello);
    expect(outcome).toMatchObject({ complete: true, error: undefined });
  });
});

describe('clients that do not take their answer', () => {
  test('one that leaves in mid-stream frees its slot', async () => {
    const streams = await Promise.all([openStream(endless), openStream(endless)]);
    await Promise.all(streams.map((stream) => once(stream, 'data')));
    expect(await openStreams()).toBe(2);
    for (const stream of streams) stream.destroy();
    await eventually('both slots are free', idle);
    expect(await metric('ollamamax_client_disconnects_total')).toBeGreaterThanOrEqual(2);
  });

  test('one that leaves before the first token frees its place in the queue', async () => {
    const running = await Promise.all([openStream(endless), openStream(endless)]);
    await Promise.all(running.map((stream) => once(stream, 'data')));
    const waiting = new AbortController();
    const outcome = streamChat(api.origin, endless, { signal: waiting.signal });
    await eventually('the third request waits', async () => (await openStreams()) === 3);
    waiting.abort();
    expect((await outcome).broken).toBeDefined();
    await eventually('it no longer waits', async () => (await openStreams()) === 2);
    for (const stream of running) stream.destroy();
    await eventually('everything is free', idle);
  });

  test('one that never reads keeps nobody else from being served', async () => {
    const socket = await rawConnection();
    socket.pause();
    // Long requests for a client with a tiny window: many of them, so that the kernel's buffers fill up.
    const body = JSON.stringify({ model: 'ollamamax-tiny', ...endless });
    const head = `POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    socket.write(head + body);
    await eventually(
      'its stream is open or already over',
      async () => (await metric('ollamamax_http_requests_total')) > 0,
    );
    const outcome = await streamChat(api.origin, hello);
    expect(outcome).toMatchObject({ complete: true, error: undefined });
    // The kernel may take in the whole answer, which is then computed to its end.
    await eventually('its slot is free', idle, 240_000);
    socket.destroy();
  }, 300_000);
});
