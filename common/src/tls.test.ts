import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type ConnectionOptions, type Server, type TLSSocket } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createCertificateAuthority, issueCertificate, type CertificatePair } from './certificates.ts';
import { expectIdentity, peerIdentity, secureContextOptions, uriOfAltNames } from './tls.ts';

const identity = { server: 'spiffe://local/agent/a', client: 'spiffe://local/operator' } as const;
let ca: CertificatePair;
let serverPair: CertificatePair;
let clientPair: CertificatePair;
let server: Server;
let seen: (string | undefined)[] = [];

const issue = (from: CertificatePair, uriSan: string) =>
  issueCertificate(from, { uriSan, ipSans: ['127.0.0.1'], days: 5 });

beforeAll(async () => {
  ca = await createCertificateAuthority({ commonName: 'test CA', days: 10 });
  serverPair = await issue(ca, identity.server);
  clientPair = await issue(ca, identity.client);
  server = createServer(
    { ...secureContextOptions({ ca: ca.cert, ...serverPair }), requestCert: true, rejectUnauthorized: true },
    (socket) => {
      seen.push(peerIdentity(socket));
      socket.on('error', () => undefined);
      socket.end('hello');
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(async () => {
  server.close();
  await once(server, 'close');
});

/** What the server said, or the code of the error that came first. */
const dial = (options: ConnectionOptions): Promise<{ text: string; socket: TLSSocket } | { code: string }> =>
  new Promise((resolve) => {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, ...options });
    let text = '';
    socket.on('error', (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? error.message }));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.on('end', () => resolve(text === '' ? { code: 'CLOSED' } : { text, socket }));
    socket.setTimeout(20_000, () => socket.destroy(new Error('timeout')));
  });

const asClient = (): ConnectionOptions => ({
  ...secureContextOptions({ ca: ca.cert, ...clientPair }),
  checkServerIdentity: expectIdentity((name) => name === identity.server),
});

describe('a mutual TLS connection', () => {
  test('tells each side who the other is', async () => {
    seen = [];
    const result = await dial(asClient());
    expect(result).toMatchObject({ text: 'hello' });
    expect(seen).toEqual([identity.client]);
  });

  test('uses TLS 1.3 with AES-256 or ChaCha20', async () => {
    const result = await dial(asClient());
    if (!('socket' in result)) throw new Error(result.code);
    expect(result.socket.getProtocol()).toBe('TLSv1.3');
    expect(result.socket.getCipher().name).toMatch(/^TLS_(AES_256_GCM_SHA384|CHACHA20_POLY1305_SHA256)$/);
  });

  test.each<[string, () => ConnectionOptions | Promise<ConnectionOptions>, RegExp]>([
    [
      'TLS 1.2',
      () => ({ ...asClient(), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'DEFAULT' }),
      /PROTOCOL_VERSION/,
    ],
    ['AES-128', () => ({ ...asClient(), ciphers: 'TLS_AES_128_GCM_SHA256' }), /HANDSHAKE_FAILURE/],
    [
      'no certificate',
      () => ({ ...asClient(), cert: undefined, key: undefined }),
      /CERTIFICATE_REQUIRED|ECONNRESET/,
    ],
    [
      'a certificate of a foreign CA',
      async () => {
        const foreign = await createCertificateAuthority({ commonName: 'test CA', days: 10 });
        return { ...asClient(), ...(await issue(foreign, identity.client)) };
      },
      /ALERT|ECONNRESET|CLOSED/,
    ],
    [
      'a server of a foreign CA',
      async () => ({
        ...asClient(),
        ca: (await createCertificateAuthority({ commonName: 'test CA', days: 10 })).cert,
      }),
      /SIGNATURE|SELF_SIGNED|UNABLE/,
    ],
    [
      'a server of another name',
      () => ({ ...asClient(), checkServerIdentity: expectIdentity(() => false) }),
      /not who was called/,
    ],
  ])('is refused: %s', async (_name, options, code) => {
    seen = [];
    const result = await dial(await options());
    expect(result).toEqual({ code: expect.stringMatching(code) });
    expect(seen).toEqual([]);
  });

  test('keeps these rules when the certificate is replaced', async () => {
    const next = await issue(ca, identity.server);
    server.setSecureContext(secureContextOptions({ ca: ca.cert, ...next }));
    const refused = await dial({
      ...asClient(),
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      ciphers: 'DEFAULT',
    });
    expect(refused).toEqual({ code: expect.stringMatching(/PROTOCOL_VERSION/) });
    expect(await dial(asClient())).toMatchObject({ text: 'hello' });
  });
});

describe('certificates', () => {
  test('hold what was asked for and do not outlive their CA', async () => {
    const pair = await issueCertificate(ca, {
      uriSan: identity.server,
      dnsSans: ['localhost'],
      ipSans: ['::1'],
      days: 999,
    });
    const certificate = new X509Certificate(pair.cert);
    const issuer = new X509Certificate(ca.cert);
    expect(certificate.subjectAltName).toContain('DNS:localhost');
    expect(certificate.ca).toBe(false);
    expect(issuer.ca).toBe(true);
    expect(certificate.verify(issuer.publicKey)).toBe(true);
    expect(certificate.validToDate.getTime()).toBe(issuer.validToDate.getTime());
    expect(certificate.keyUsage).toEqual(expect.arrayContaining(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']));
  });
});

describe('the URI of alternative names', () => {
  test.each([
    ['URI:spiffe://local/agent/a, DNS:localhost, IP Address:127.0.0.1', 'spiffe://local/agent/a'],
    ['DNS:localhost', undefined],
    ['URI:spiffe://a/b, URI:spiffe://c/d', undefined],
    ['DNS:"x, URI:spiffe://local/operator"', undefined],
    ['URI:"spiffe://local/operator, DNS:x"', undefined],
    ['DNS:"x\\", URI:spiffe://local/operator', undefined],
    ['URI:spiffe://local/agent/a b', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (text, expected) => {
    expect(uriOfAltNames(text)).toBe(expected);
  });
});
