import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ModelSpec } from '@ollamamax/api';
import { StoreHarness, giveTiny, tinyDigest, until } from './model-store.fixture.ts';
import type { LocalModelStoreLimits } from './local-model-store.ts';

const harness = new StoreHarness();
beforeEach(() => harness.setUp());
afterEach(() => harness.tearDown());

const sha256 = 'a'.repeat(64);
const page = '<html>Not a model</html>';

const from = async (listener: RequestListener, digest = sha256): Promise<ModelSpec> => ({
  name: 'a',
  source: { http: await harness.serve(listener) },
  sha256: digest,
});
const answering =
  (status: number): RequestListener =>
  (_request, response) =>
    response.writeHead(status).end();

const file = async (content: string): Promise<ModelSpec> => {
  const path = join(harness.directory, 'model.gguf');
  await writeFile(path, content);
  return { name: 'a', source: { file: path } };
};

/** A port at which nobody listens any more. */
const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

type Case = [string, string, () => ModelSpec | Promise<ModelSpec>, Partial<LocalModelStoreLimits>?];

// Whoever gives agents their models decides by these codes what to tell its users: they stay as they are.
test.each<Case>([
  [
    'a file that is not there',
    'source_file_missing',
    () => ({ name: 'a', source: { file: '/no/such.gguf' } }),
  ],
  ['a file with other bytes', 'digest_mismatch', async () => ({ ...(await file('x')), sha256 })],
  ['a download with other bytes', 'digest_mismatch', () => from(giveTiny)],
  ['a file that is no GGUF', 'model_file_invalid', () => file(page)],
  [
    'a download that is no GGUF',
    'model_file_invalid',
    () => from((_request, response) => response.end(page), createHash('sha256').update(page).digest('hex')),
  ],
  [
    'a name that DNS does not know',
    'source_unreachable',
    () => ({ name: 'a', source: { http: 'http://model.invalid/a.gguf' }, sha256 }),
  ],
  [
    'a refused connection',
    'source_unreachable',
    async () => ({ name: 'a', source: { http: `http://127.0.0.1:${await freePort()}/a.gguf` }, sha256 }),
  ],
  ['HTTP 404', 'source_refused', () => from(answering(404))],
  ['HTTP 403', 'source_refused', () => from(answering(403))],
  ['HTTP 500', 'source_unreachable', () => from(answering(500))],
  ['HTTP 429', 'source_unreachable', () => from(answering(429))],
  ['a source that says nothing', 'source_unreachable', () => from(() => undefined), { stallMs: 100 }],
  ['a disk without room', 'disk_full', () => from(giveTiny, tinyDigest), { reserveBytes: 2 ** 60 }],
])('%s is %s', async (_what, code, specOf, limits = {}) => {
  const { store } = await harness.open([await specOf()], { limits });
  const status = await until(store, 'a:latest', (model) => model.state === 'failed');
  expect(status.error?.code).toBe(code);
  expect(status.error?.message).not.toBe('');
});
