import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { dashboardHandler } from './dashboard-assets.ts';

let folder: string;
let server: Server;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends the path as it is: fetch would resolve ".." before it leaves. */
const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { port } = server.address() as AddressInfo;
    const call = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    call.on('error', reject);
    call.end();
  });

const build = async (): Promise<void> => {
  await mkdir(join(folder, 'dist/assets'), { recursive: true });
  await writeFile(join(folder, 'dist/index.html'), '<meta name="csp-nonce" content="%CSP_NONCE%">');
  await writeFile(join(folder, 'dist/assets/index-abc.js'), 'plain');
  await writeFile(join(folder, 'dist/assets/index-abc.js.gz'), gzipSync('plain'));
  await writeFile(join(folder, 'dist/assets/notes.txt'), 'no');
  await writeFile(join(folder, 'secret.js'), 'secret');
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dashboard-'));
  server = createServer(
    dashboardHandler(join(folder, 'dist'), (_request, response) => {
      response.statusCode = 404;
      response.end('the API');
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

describe('dashboardHandler', () => {
  test('says what to do when the dashboard is not built, and notices when it is', async () => {
    const missing = await get('/');
    expect(missing.status).toBe(503);
    expect(missing.body.toString()).toContain('npm run build');
    await build();
    expect((await get('/')).status).toBe(200);
  });

  test('fills a fresh nonce into page and policy', async () => {
    await build();
    const [first, second] = [await get('/'), await get('/login')];
    const nonces = [first, second].map(({ body }) => /content="([^"]+)"/.exec(body.toString())![1]!);
    expect(nonces[0]).not.toBe(nonces[1]);
    expect(first.headers['content-security-policy']).toContain(`style-src 'self' 'nonce-${nonces[0]!}'`);
    expect(first.headers['content-security-policy']).toContain("script-src 'self';");
    expect(first.headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(first.headers['content-security-policy']).toContain("require-trusted-types-for 'script'");
    expect(first.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
  });

  test('a strange Host header stays out of the policy', async () => {
    await build();
    const plain = await get('/', { host: 'agent-1.example:8081' });
    expect(plain.headers['content-security-policy']).toContain(
      "connect-src 'self' ws://agent-1.example:8081 wss:",
    );
    const strange = await get('/', { host: "a; script-src 'unsafe-inline'" });
    expect(strange.headers['content-security-policy']).not.toContain('unsafe-inline');
  });

  test('assets are immutable and compressed when asked', async () => {
    await build();
    const plain = await get('/assets/index-abc.js');
    expect(plain.body.toString()).toBe('plain');
    expect(plain.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
      vary: 'accept-encoding',
    });
    const zipped = await get('/assets/index-abc.js?v=1', { 'accept-encoding': 'br, gzip;q=0.8' });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(zipped.body).toEqual(gzipSync('plain'));
    const refused = await get('/assets/index-abc.js', { 'accept-encoding': 'gzip;q=0' });
    expect(refused.headers['content-encoding']).toBeUndefined();
    const head = await get('/assets/index-abc.js', {}, 'HEAD');
    expect(head.headers['content-length']).toBe('5');
    expect(head.body).toHaveLength(0);
  });

  test.each([
    '/unknown',
    '/assets/',
    '/assets',
    '/assets/notes.txt',
    '/assets/index-abc.js.gz',
    '/assets/../../secret.js',
    '/assets/%2e%2e/%2e%2e/secret.js',
    '/../secret.js',
    '//secret.js',
    '/assets/index-abc.js%00',
  ])('%s is not found', async (path) => {
    await build();
    await get('/');
    const { status, body } = await get(path);
    expect(status).toBe(404);
    expect(body.toString()).not.toContain('secret');
  });

  test('leaves everything else to the API', async () => {
    await build();
    for (const path of ['/api/v1/health', '/v1/models', '/login/', '/index.html'])
      expect((await get(path)).body.toString()).toBe('the API');
  });

  test('answers GET and HEAD only', async () => {
    const { status, headers } = await get('/', {}, 'POST');
    expect(status).toBe(405);
    expect(headers.allow).toBe('GET, HEAD');
  });
});
