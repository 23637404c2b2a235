import { createHash, createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { configType, layerTypes, manifestType } from '../own/layer-types.ts';

export const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** What a registry does once with a download instead of giving the bytes. */
export type Fault = 'breaks off' | 'lies' | 'falls silent' | 'is busy' | 'forgets the log-in';

/** A small registry on a real socket: manifests, blobs with ranges, uploads in parts, tokens for keys. */
export class TestRegistry {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, string>();
  /** Once each, in turn, for downloads of any blob. */
  readonly faults: Fault[] = [];
  /** Method, path and range of each request. */
  readonly asked: string[] = [];
  needsLogIn = false;
  /** Host that tokens are to be fetched from; its own when left out. */
  realm: string | undefined;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #uploads = new Map<string, Buffer[]>();
  #token = 0;

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  add(bytes: Buffer): { readonly digest: string; readonly size: number } {
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  }

  /** Puts a model there, made of a file and others, by the types of their layers. */
  publish(name: string, file: Buffer, others: Readonly<Record<string, string | Buffer>> = {}): void {
    const layers = [
      { mediaType: layerTypes.model, ...this.add(file) },
      ...Object.entries(others).map(([mediaType, other]) => ({
        mediaType,
        ...this.add(typeof other === 'string' ? Buffer.from(other) : other),
      })),
    ];
    const config = { mediaType: configType, ...this.add(Buffer.from('{"model_format":"gguf"}')) };
    this.manifests.set(
      name,
      JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers, more: 1 }),
    );
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const { pathname, searchParams } = new URL(url, `http://${this.host}`);
    this.asked.push(`${method} ${pathname}${headers.range === undefined ? '' : ` ${headers.range}`}`);
    if (pathname === '/token') {
      this.#giveToken(request, response);
      return;
    }
    if (this.needsLogIn && headers.authorization !== `Bearer token-${this.#token}`) {
      const realm = this.realm ?? `http://${this.host}/token`;
      response.setHeader(
        'www-authenticate',
        `Bearer realm="${realm}",service="test",scope="repository:a:pull b"`,
      );
      response.writeHead(401).end();
      return;
    }
    const [, , ...path] = pathname.split('/');
    const [kind = '', name = ''] = path.slice(-2);
    const repository = path.slice(0, -2).join('/');
    if (pathname.includes('/blobs/uploads')) await this.#upload(request, response, searchParams);
    else if (kind === 'blobs') this.#giveBlob(request, response, name);
    else if (method === 'PUT') {
      this.manifests.set(`${repository}:${name}`, (await bodyOf(request)).toString());
      response.writeHead(201).end();
    } else {
      const manifest = this.manifests.get(`${repository}:${name}`);
      response.writeHead(manifest === undefined ? 404 : 200).end(manifest);
    }
  }

  /** To those alone that sign with the key they name. */
  #giveToken(request: IncomingMessage, response: ServerResponse): void {
    const [publicKey = '', signature = ''] = (request.headers.authorization ?? '').split(':');
    const x = Buffer.from(publicKey, 'base64').subarray(-32).toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const empty = Buffer.from(createHash('sha256').digest('hex')).toString('base64');
    const signed = Buffer.from(`GET,http://${this.host}${request.url ?? ''},${empty}`);
    const isTheirs = verify(null, signed, key, Buffer.from(signature, 'base64'));
    const { searchParams } = new URL(request.url ?? '', `http://${this.host}`);
    if (!isTheirs || searchParams.getAll('scope').join() !== 'repository:a:pull,b') {
      response.writeHead(403).end();
      return;
    }
    this.#token += 1;
    response.end(JSON.stringify({ token: `token-${this.#token}` }));
  }

  #giveBlob(request: IncomingMessage, response: ServerResponse, digest: string): void {
    const blob = this.blobs.get(digest);
    if (blob === undefined || request.method === 'HEAD') {
      response.writeHead(blob === undefined ? 404 : 200, { 'content-length': blob?.length ?? 0 }).end();
      return;
    }
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = blob.subarray(from);
    const half = rest.subarray(0, Math.floor(rest.length / 2));
    const fault = this.faults.shift();
    if (fault === 'is busy' || fault === 'forgets the log-in') {
      if (fault !== 'is busy') this.#token += 1;
      response.writeHead(fault === 'is busy' ? 503 : 401).end();
      return;
    }
    response.writeHead(from === 0 ? 200 : 206, {
      'content-length': rest.length,
      ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` }),
    });
    if (fault === 'breaks off') response.write(half, () => setImmediate(() => response.destroy()));
    else if (fault === 'falls silent') response.write(half);
    else response.end(fault === 'lies' ? Buffer.alloc(rest.length, 1) : rest);
  }

  async #upload(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const { method, url = '' } = request;
    const id = query.get('id') ?? String(this.#uploads.size + 1);
    const parts = this.#uploads.get(id) ?? [];
    this.#uploads.set(id, parts);
    const body = await bodyOf(request);
    if (method === 'PATCH') parts.push(body);
    const whole = Buffer.concat(parts);
    if (method !== 'PUT') {
      const location = `${url.split('?')[0] ?? ''}?id=${id}&state=${whole.length}`;
      response.writeHead(202, { location, range: `0-${whole.length}` }).end();
      return;
    }
    const digest = query.get('digest') ?? '';
    if (digestOf(whole) === digest) this.blobs.set(digest, whole);
    response.writeHead(digestOf(whole) === digest ? 201 : 400).end();
  }
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};
