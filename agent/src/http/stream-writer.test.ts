import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { isApiError } from '@ollamamax/api';
import { StreamWriter, clientGone } from './stream-writer.ts';

let server: Server | undefined;

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

/** Serves one endless stream of large chunks; resolves with what ended it. */
const serveEndless = async (
  stallMs: number,
  chunkBytes = 256 * 1024,
): Promise<{
  readonly response: Promise<IncomingMessage>;
  readonly ended: Promise<unknown>;
  readonly gone: Promise<AbortSignal>;
}> => {
  let end: (error: unknown) => void = () => undefined;
  let tellGone: (signal: AbortSignal) => void = () => undefined;
  const ended = new Promise((resolve) => (end = resolve));
  const gone = new Promise<AbortSignal>((resolve) => (tellGone = resolve));
  server = createServer((_request, response) => {
    tellGone(clientGone(response).signal);
    const writer = new StreamWriter(response, stallMs);
    const chunk = 'x'.repeat(chunkBytes);
    const writeOn = async (): Promise<never> => {
      for (;;) await writer.write(chunk);
    };
    writeOn().catch(end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = httpRequest({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  request.on('error', () => undefined);
  const response = once(request.end(), 'response').then(([message]: IncomingMessage[]) => {
    if (message === undefined) throw new Error('no response');
    message.on('error', () => undefined);
    return message;
  });
  return { response, ended, gone };
};

describe('StreamWriter', () => {
  test('cuts off a client that takes no byte, and says how long it waited', async () => {
    const { response, ended, gone } = await serveEndless(300);
    (await response).pause();
    const error = await ended;
    expect(isApiError(error) && [error.code, error.message]).toEqual([
      'cancelled',
      'The client took no byte for 0.3 s.',
    ]);
    const signal = await gone;
    if (!signal.aborted) await once(signal, 'abort');
    expect(signal.reason).toMatchObject({ code: 'cancelled' });
  });

  test('keeps a slow client that goes on taking bytes far longer than the stall time', async () => {
    const { response, ended } = await serveEndless(2000);
    const message = await response;
    let bytes = 0;
    message.on('data', (chunk: Buffer) => (bytes += chunk.length));
    for (let round = 1; round <= 6; round += 1) {
      // Each pause is shorter than the stall time, all together are much longer.
      message.pause();
      await new Promise((resolve) => setTimeout(resolve, 500));
      message.resume();
      // More than the kernel holds for a reader: the writer gets on.
      while (bytes < round * 8 * 1024 * 1024) await once(message, 'data');
    }
    const state = await Promise.race([ended, Promise.resolve('still open')]);
    expect(state).toBe('still open');
    message.destroy();
    expect(await ended).toMatchObject({ code: 'cancelled' });
  });

  test('throws cancelled when the client leaves', async () => {
    const { response, ended, gone } = await serveEndless(60_000);
    (await response).destroy();
    expect(await ended).toMatchObject({ code: 'cancelled' });
    expect((await gone).reason).toMatchObject({ code: 'cancelled' });
  });
});
