import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { expect, test } from '@jest/globals';
import { Listener } from './listener.ts';

test('a drain ends soon after the last answer, though clients would keep their connections for another request', async () => {
  let answer: ServerResponse | undefined;
  const listener = new Listener({
    name: 'test',
    address: '127.0.0.1:0',
    handler: (_request, response) => {
      response.write('first ');
      answer = response;
    },
    headersMs: 5000,
    requestMs: 5000,
    maxConnections: 10,
    onConnectionDropped: () => undefined,
  });
  await listener.start();
  const agent = new Agent({ keepAlive: true });
  try {
    const request = httpRequest({ host: '127.0.0.1', port: listener.port, agent });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await once(response, 'data');
    const drained = listener.drain().then(() => 'drained');
    answer?.end('last');
    let rest = '';
    for await (const part of response) rest += String(part);
    expect(rest).toBe('last');
    // Connections without a request are otherwise kept for 65 s.
    const late = new Promise((resolve) => setTimeout(resolve, 30_000, 'late').unref());
    expect(await Promise.race([drained, late])).toBe('drained');
  } finally {
    agent.destroy();
    await listener.stop();
  }
}, 60_000);

test('a body that does not come in time is refused, but for an upload, which takes as long as it needs', async () => {
  const listener = new Listener({
    name: 'test',
    address: '127.0.0.1:0',
    handler: (request, response) => {
      request.resume().once('end', () => response.end('taken'));
    },
    headersMs: 5000,
    requestMs: 50,
    maxConnections: 10,
    onConnectionDropped: () => undefined,
  });
  await listener.start();
  const begin = (path: string) => {
    const request = httpRequest({ host: '127.0.0.1', port: listener.port, method: 'POST', path });
    request.write('half');
    const answer = once(request, 'response') as Promise<[IncomingMessage]>;
    request.on('error', () => undefined);
    return { request, answer };
  };
  try {
    const upload = begin('/api/blobs/sha256:abc');
    const [late] = await begin('/api/chat').answer;
    // The upload has been waiting for longer than the one that is over.
    expect(late.statusCode).toBe(408);
    late.resume();
    upload.request.end('whole');
    const [taken] = await upload.answer;
    expect(taken.statusCode).toBe(200);
    taken.resume();
  } finally {
    await listener.stop();
  }
});
