import { once } from 'node:events';
import { createServer, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isApiError } from '@ollamamax/api';
import { isUpload, uploadOf } from './ollama-manage-upload.ts';

let stallMs = 60_000;
let outcome: PromiseWithResolvers<string>;
const server = createServer((request, response) => {
  void (async () => {
    let got = '';
    try {
      for await (const chunk of uploadOf(request, stallMs)) got += Buffer.from(chunk).toString();
    } catch (error) {
      got = isApiError(error) ? error.code : String(error);
    }
    outcome.resolve(got);
    response.end(got);
  })();
});

beforeEach(async () => {
  stallMs = 60_000;
  outcome = Promise.withResolvers();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const begin = (): ClientRequest => {
  const { port } = server.address() as AddressInfo;
  const request = httpRequest({ host: '127.0.0.1', port, method: 'POST', path: '/' });
  request.on('error', () => undefined);
  request.write('half ');
  return request;
};

test('an upload is read to its end', async () => {
  begin().end('and half');
  expect(await outcome.promise).toBe('half and half');
});

test('one that brings no more byte is given up, and its sender is told', async () => {
  stallMs = 50;
  const request = begin();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  expect(await response.toArray()).toEqual(['request_timeout']);
  request.destroy();
});

test('one whose sender leaves ends', async () => {
  const request = begin();
  await once(server, 'request');
  request.destroy();
  expect(await outcome.promise).toBe('cancelled');
});

test('is a POST below /api/blobs/', () => {
  expect(isUpload({ method: 'POST', url: '/api/blobs/sha256:0' })).toBe(true);
  expect(isUpload({ method: 'HEAD', url: '/api/blobs/sha256:0' })).toBe(false);
  expect(isUpload({ method: 'POST', url: '/api/chat' })).toBe(false);
});
