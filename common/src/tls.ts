import type { SecureContextOptions, TLSSocket } from 'node:tls';

/** Certificates in PEM. */
export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** The cipher suites of TLS 1.3 we speak: 256-bit only. */
export const tlsCiphers = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

/**
 * The one set of options for a server's start, its reload (`server.setSecureContext` forgets whatever it is
 * not given again) and for clients: TLS 1.3 only, two cipher suites.
 */
export const secureContextOptions = (material: TlsMaterial): SecureContextOptions => ({
  ...(material.ca === undefined ? {} : { ca: material.ca }),
  cert: material.cert,
  key: material.key,
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: tlsCiphers,
  honorCipherOrder: true,
});

const sanEntry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(, |$)/y;
const identityPattern = /^[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9._~/-]+$/;

/**
 * The URI of a certificate's subject alternative names as Node prints them. Undefined unless there is exactly
 * one and it is made of plain characters: a name that needs quoting is an attempt to look like two.
 */
export const uriOfAltNames = (altNames: string | undefined): string | undefined => {
  if (altNames === undefined || altNames === '') return undefined;
  const uris: string[] = [];
  sanEntry.lastIndex = 0;
  while (sanEntry.lastIndex < altNames.length) {
    const match = sanEntry.exec(altNames);
    if (match === null) return undefined;
    if (match[1] === 'URI') uris.push(match[2] ?? '');
  }
  const [uri] = uris;
  return uris.length === 1 && uri !== undefined && identityPattern.test(uri) ? uri : undefined;
};

/** Who is at the other end: the URI of a certificate that our CA has signed, undefined for anybody else. */
export const peerIdentity = (socket: TLSSocket): string | undefined =>
  socket.authorized ? uriOfAltNames(socket.getPeerX509Certificate()?.subjectAltName) : undefined;

/**
 * For `checkServerIdentity` of a client: accepts the server by its URI name instead of its host name, so that
 * agents may move between addresses.
 */
export const expectIdentity =
  (accept: (identity: string) => boolean) =>
  (_host: string, certificate: { readonly subjectaltname?: string | undefined }): Error | undefined => {
    const identity = uriOfAltNames(certificate.subjectaltname);
    if (identity === undefined) return new Error('The certificate of the other end has no usable URI name.');
    return accept(identity)
      ? undefined
      : new Error(`The other end is ${identity}, which is not who was called.`);
  };
