import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { silentLogger } from '@ollamamax/common';
import { DigestCache } from './file-digest.ts';
import { type HttpSourceLimits, downloadBlob } from './http-source.ts';

const content = randomBytes(3 * 1024 * 1024 + 17);
const sha256 = createHash('sha256').update(content).digest('hex');
const etag = '"v1"';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let directory: string;
let servers: Server[];
let requests: Readonly<Record<'range' | 'ifRange' | 'auth', string | undefined>>[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'http-source-'));
  servers = [];
  requests = [];
});

afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await rm(directory, { recursive: true, force: true });
});

const serve = async (handler: Handler): Promise<string> => {
  const server = createServer((request, response) => {
    requests.push({
      range: request.headers.range,
      ifRange: request.headers['if-range'] as string | undefined,
      auth: request.headers.authorization,
    });
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** A source that can resume. */
const withRanges: Handler = (request, response) => {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? -1);
  const same = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
  if (from < 0 || !same) {
    response.writeHead(200, { 'content-length': content.length, etag }).end(content);
  } else if (from >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
  } else {
    response
      .writeHead(206, {
        'content-length': content.length - from,
        'content-range': `bytes ${from}-${content.length - 1}/${content.length}`,
        etag,
      })
      .end(content.subarray(from));
  }
};

const withoutRanges: Handler = (_request, response) => {
  response.writeHead(200, { 'content-length': content.length }).end(content);
};

/** Sends the head of the answer and `bytes` of the content, then breaks the connection. */
const breaking =
  (bytes: number): Handler =>
  (_request, response) => {
    response.writeHead(200, { 'content-length': content.length, etag });
    response.write(content.subarray(0, bytes), () => setTimeout(() => response.destroy(), 20));
  };

const target = (): string => join(directory, `sha256-${sha256}`);

const download = (
  url: string,
  options: Partial<{ limits: Partial<HttpSourceLimits>; signal: AbortSignal; path: string }> = {},
): Promise<void> =>
  downloadBlob(
    { url, sha256, path: options.path ?? target() },
    {
      cache: new DigestCache(directory, silentLogger),
      limits: { stallMs: 5000, maxRedirects: 5, reserveBytes: 0, ...options.limits },
      signal: options.signal ?? new AbortController().signal,
      onProgress: () => undefined,
    },
  );

const expectComplete = async (): Promise<void> => {
  expect((await readFile(target())).equals(content)).toBe(true);
  expect((await readdir(directory)).filter((name) => name.includes('partial'))).toEqual([]);
};

const failure = async (work: Promise<void>): Promise<{ readonly code: string; readonly message: string }> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('the download did not fail');
  return { code: (error as { code?: unknown }).code as string, message: error.message };
};

describe('a download', () => {
  test('arrives whole, verified and under its final name', async () => {
    await download(await serve(withRanges));
    await expectComplete();
  });

  test('does not ask for what is there', async () => {
    const url = await serve(withRanges);
    await download(url);
    await download(url);
    expect(requests).toHaveLength(1);
  });

  test('works when the source does not say how long the file is', async () => {
    await download(await serve((_request, response) => response.writeHead(200).end(content)));
    await expectComplete();
  });

  test('goes on where a broken one stopped, and asks whether it is still the same file', async () => {
    let first = true;
    const url = await serve((request, response) => {
      (first ? breaking(2_000_000) : withRanges)(request, response);
      first = false;
    });
    expect((await failure(download(url))).code).toBe('source_unreachable');
    const { size } = await stat(`${target()}.partial`);
    expect(size).toBeGreaterThan(0);
    expect(size).toBeLessThan(content.length);
    await download(url);
    expect(requests[1]).toMatchObject({ range: `bytes=${size}-`, ifRange: etag });
    await expectComplete();
  });

  test('starts over when the file at the source is another one by now', async () => {
    await writeFile(`${target()}.partial`, randomBytes(1000));
    const url = await serve(withRanges);
    await writeFile(
      `${target()}.partial.json`,
      JSON.stringify({ source: createHash('sha256').update(url).digest('hex'), etag: '"v0"' }),
    );
    await download(url);
    expect(requests[0]).toMatchObject({ range: 'bytes=1000-', ifRange: '"v0"' });
    await expectComplete();
  });

  test('does not send the validator of one URL to another', async () => {
    await writeFile(`${target()}.partial`, content.subarray(0, 1000));
    await writeFile(`${target()}.partial.json`, JSON.stringify({ source: 'other', etag: '"v0"' }));
    await download(await serve(withRanges));
    expect(requests[0]).toEqual({ range: 'bytes=1000-', ifRange: undefined, auth: undefined });
    await expectComplete();
  });

  test('starts over at a source that cannot resume', async () => {
    await writeFile(`${target()}.partial`, content.subarray(0, 1000));
    await download(await serve(withoutRanges));
    expect(requests).toHaveLength(1);
    await expectComplete();
  });

  test('starts over when the source gives another range than asked for', async () => {
    await writeFile(`${target()}.partial`, content.subarray(0, 1000));
    const url = await serve((request, response) => {
      if (request.headers.range === undefined) withRanges(request, response);
      else
        response
          .writeHead(206, { 'content-range': `bytes 5-9/${content.length}`, 'content-length': 5 })
          .end('12345');
    });
    await download(url);
    await expectComplete();
  });

  test('only has to be verified when every byte is there already', async () => {
    await writeFile(`${target()}.partial`, content);
    await download(await serve(withRanges));
    expect(requests).toHaveLength(1);
    await expectComplete();
  });

  test('starts over when more is there than the file has', async () => {
    await writeFile(`${target()}.partial`, Buffer.concat([content, content]));
    await download(await serve(withRanges));
    await expectComplete();
  });

  test('that has wrong bytes is thrown away', async () => {
    const wrong = Buffer.from(content);
    wrong[5] = (wrong[5] ?? 0) ^ 1;
    const url = await serve((_request, response) => response.writeHead(200).end(wrong));
    const { code, message } = await failure(download(url));
    expect(code).toBe('digest_mismatch');
    expect(message).toContain(sha256);
    expect(await readdir(directory)).toEqual([]);
  });

  test('ends with its signal and keeps what has come', async () => {
    const controller = new AbortController();
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1_500_000), () =>
        setTimeout(() => controller.abort(new Error('stop')), 50),
      );
    });
    await expect(download(url, { signal: controller.signal })).rejects.toThrow('stop');
    expect(await readdir(directory)).toContain(`sha256-${sha256}.partial`);
  });
});

describe('a source', () => {
  test('that sends nothing any more is given up', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 100_000));
    });
    const { code, message } = await failure(download(url, { limits: { stallMs: 300 } }));
    expect(code).toBe('source_unreachable');
    expect(message).toContain('nothing came for 0.3 seconds');
    expect((await stat(`${target()}.partial`)).size).toBe(100_000);
  });

  test('that never answers is given up', async () => {
    const url = await serve(() => undefined);
    expect((await failure(download(url, { limits: { stallMs: 300 } }))).message).toContain('nothing came');
  });

  test('that is slow but alive is waited for', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': content.length });
      const step = Math.ceil(content.length / 10);
      let at = 0;
      const timer = setInterval(() => {
        response.write(content.subarray(at, at + step));
        at += step;
        if (at >= content.length) {
          clearInterval(timer);
          response.end();
        }
      }, 200);
    });
    await download(url, { limits: { stallMs: 1500 } });
    await expectComplete();
  });

  test('that is not there is unreachable', async () => {
    const url = await serve(withRanges);
    const server = servers.pop();
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    const { code, message } = await failure(download(`${url}/model.gguf`));
    expect(code).toBe('source_unreachable');
    expect(message).toContain('ECONNREFUSED');
  });

  test.each([
    [400, 'source_refused'],
    [401, 'source_refused'],
    [403, 'source_refused'],
    [404, 'source_refused'],
    [408, 'source_unreachable'],
    [410, 'source_refused'],
    [416, 'source_refused'],
    [429, 'source_unreachable'],
    [500, 'source_unreachable'],
    [503, 'source_unreachable'],
  ])('that answers %i is %s', async (status, expected) => {
    const url = await serve((_request, response) => response.writeHead(status).end('no'));
    const { code, message } = await failure(download(url));
    expect(code).toBe(expected);
    expect(message).toContain(String(status));
  });

  test('that compresses the file is refused', async () => {
    const url = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    );
    expect((await failure(download(url))).code).toBe('source_refused');
  });
});

describe('redirects', () => {
  test('are followed, and credentials stay with the origin they are for', async () => {
    const elsewhere = await serve(withRanges);
    const origin = await serve((request, response) => {
      const to = request.url === '/a' ? '/b' : `${elsewhere}/c`;
      response.writeHead(302, { location: to }).end();
    });
    await download(origin.replace('http://', 'http://user:p%40ss@') + '/a');
    const basic = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
    expect(requests.map(({ auth }) => auth)).toEqual([basic, basic, undefined]);
    await expectComplete();
  });

  test('without end are refused', async () => {
    const url = await serve((_request, response) => response.writeHead(307, { location: '/again' }).end());
    const { code, message } = await failure(download(url));
    expect(code).toBe('source_refused');
    expect(message).toContain('more than 5 times');
    expect(requests).toHaveLength(6);
  });

  test.each([
    ['without a location', undefined],
    ['to a file', 'file:///etc/passwd'],
    ['to nothing that is a URL', 'http://'],
  ])('%s are refused', async (_what, location) => {
    const url = await serve((_request, response) =>
      response.writeHead(302, location === undefined ? {} : { location }).end(),
    );
    expect((await failure(download(url))).code).toBe('source_refused');
  });

  test('messages show neither credentials nor the query', async () => {
    const url = (await serve((_request, response) => response.writeHead(403).end())).replace(
      '//',
      '//user:secret@',
    );
    const { message } = await failure(download(`${url}/model.gguf?signature=secret`));
    expect(message).toContain('/model.gguf');
    expect(message).not.toContain('secret');
  });
});

describe('a full disk', () => {
  test('is noticed before the first byte is fetched', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 2 ** 49 });
      response.write('x');
    });
    const message: unknown = expect.stringContaining(`${2 ** 49} more bytes are needed`);
    expect(await failure(download(url))).toEqual({ code: 'disk_full', message });
  });

  test('leaves room for others', async () => {
    const { bavail, bsize } = await statfs(directory);
    const limits = { reserveBytes: bavail * bsize };
    const { code } = await failure(download(await serve(withRanges), { limits }));
    expect(code).toBe('disk_full');
  });

  const mount = join(tmpdir(), `http-source-small-${process.pid}`);
  const canMount = (): boolean => {
    if (process.getuid?.() !== 0 || process.platform !== 'linux') return false;
    try {
      execFileSync('mkdir', ['-p', mount]);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount], { stdio: 'ignore' });
      execFileSync('umount', [mount]);
      return true;
    } catch {
      return false;
    }
  };
  /** A source that does not say how long the file is: the space cannot be checked before. */
  const withoutLength: Handler = (_request, response) => response.writeHead(200).end(content);

  // A disk that fills up while bytes come needs a small file system, which only root can make.
  const onSmallDisk = async (): Promise<void> => {
    await mkdir(mount, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount]);
    try {
      const path = join(mount, `sha256-${sha256}`);
      const { code, message } = await failure(download(await serve(withoutLength), { path }));
      expect(code).toBe('disk_full');
      expect(message).toContain('no space left');
      const held = (await stat(`${path}.partial`)).size;
      expect(held).toBeGreaterThan(1_000_000);
      execFileSync('mount', ['-o', 'remount,size=16m', mount]);
      await download(await serve(withRanges), { path });
      expect(requests.at(-1)?.range).toBe(`bytes=${held}-`);
      expect((await readFile(path)).equals(content)).toBe(true);
    } finally {
      execFileSync('umount', [mount]);
      await rm(mount, { recursive: true, force: true });
    }
  };

  // Elsewhere on Linux a device that is always full: the same error, but nothing can go on after it.
  const onFullDevice = async (): Promise<void> => {
    await symlink('/dev/full', `${target()}.partial`);
    const { code, message } = await failure(download(await serve(withoutLength)));
    expect(code).toBe('disk_full');
    expect(message).toContain('no space left');
    expect(await readdir(directory)).toContain(`sha256-${sha256}.partial`);
  };

  if (canMount())
    test('that fills up keeps what came, and the download goes on once there is room', onSmallDisk);
  if (process.platform === 'linux') test('that fills up while bytes come is reported as such', onFullDevice);
});
