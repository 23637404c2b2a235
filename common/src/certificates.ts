import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';

const signing = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
/** Certificates begin a little in the past, for machines whose clocks differ. */
const clockSkewMs = 5 * 60_000;

/** A certificate and its private key (PKCS #8), both PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateAuthorityOptions {
  readonly commonName: string;
  readonly days: number;
}

export interface LeafOptions {
  /** Identity, for example `spiffe://cluster/agent/id`; also the common name's source. */
  readonly uriSan: string;
  readonly dnsSans?: readonly string[];
  readonly ipSans?: readonly string[];
  readonly days: number;
}

/** Loaded on first use: an agent that only checks certificates never needs it. */
const x509 = async () => {
  // Its container of parsers wants this polyfill to be there first.
  await import('reflect-metadata');
  return import('@peculiar/x509');
};

const newKeys = () => webcrypto.subtle.generateKey(signing, true, ['sign', 'verify']);

const keyToPem = async (key: webcrypto.CryptoKey): Promise<string> => {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
};

/** 127 random bits; the first byte keeps the number positive and of constant length. */
const newSerial = (): string => {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString('hex');
};

const validity = (days: number) => ({
  notBefore: new Date(Date.now() - clockSkewMs),
  notAfter: new Date(Date.now() + days * dayMs),
});

/** Makes a self-signed CA that may sign leaves only (path length 0). */
export const createCertificateAuthority = async (
  options: CertificateAuthorityOptions,
): Promise<CertificatePair> => {
  const lib = await x509();
  const keys = await newKeys();
  const certificate = await lib.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerial(),
      name: [{ CN: [options.commonName] }],
      ...validity(options.days),
      signingAlgorithm: signing,
      keys,
      extensions: [
        new lib.BasicConstraintsExtension(true, 0, true),
        new lib.KeyUsagesExtension(lib.KeyUsageFlags.keyCertSign | lib.KeyUsageFlags.cRLSign, true),
        await lib.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { cert: `${certificate.toString('pem')}\n`, key: await keyToPem(keys.privateKey) };
};

/** Signs a leaf for both ends of a connection (serverAuth and clientAuth). */
export const issueCertificate = async (
  ca: CertificatePair,
  options: LeafOptions,
): Promise<CertificatePair> => {
  const lib = await x509();
  const keys = await newKeys();
  const issuer = new lib.X509Certificate(ca.cert);
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    createPrivateKey(ca.key).export({ format: 'der', type: 'pkcs8' }),
    signing,
    false,
    ['sign'],
  );
  const { notBefore, notAfter } = validity(options.days);
  const certificate = await lib.X509CertificateGenerator.create(
    {
      serialNumber: newSerial(),
      subject: [{ CN: [options.uriSan.split('/').at(-1) ?? options.uriSan] }],
      issuer: issuer.subject,
      notBefore,
      // A leaf that outlives its CA is refused by everybody.
      notAfter: notAfter > issuer.notAfter ? issuer.notAfter : notAfter,
      signingAlgorithm: signing,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new lib.BasicConstraintsExtension(false, undefined, true),
        new lib.KeyUsagesExtension(lib.KeyUsageFlags.digitalSignature, true),
        new lib.ExtendedKeyUsageExtension([lib.ExtendedKeyUsage.serverAuth, lib.ExtendedKeyUsage.clientAuth]),
        new lib.SubjectAlternativeNameExtension([
          { type: 'url', value: options.uriSan },
          ...(options.dnsSans ?? []).map((value) => ({ type: 'dns' as const, value })),
          ...(options.ipSans ?? []).map((value) => ({ type: 'ip' as const, value })),
        ]),
        await lib.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { cert: `${certificate.toString('pem')}\n`, key: await keyToPem(keys.privateKey) };
};
