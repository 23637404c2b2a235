import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { secureContextOptions, uriOfAltNames, type TlsMaterial } from '@ollamamax/common';

/** The first certificate of a PEM file; undefined when there is none. */
export const parseCertificate = (pem: string | Buffer): X509Certificate | undefined => {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
};

/** Whether the key is that of the certificate; undefined when it is no PEM private key. */
export const keyMatches = (certificate: X509Certificate, pem: string | Buffer): boolean | undefined => {
  try {
    return certificate.checkPrivateKey(createPrivateKey(pem));
  } catch {
    return undefined;
  }
};

/** The URI name by which agents know each other. */
export const identityOf = (certificate: X509Certificate): string | undefined =>
  uriOfAltNames(certificate.subjectAltName);

const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]*?(?:-----END CERTIFICATE-----|$)/g;

/** OpenSSL stops at the first block it cannot read, and says nothing of it. */
const isAuthorityFile = (pem: string | Buffer): boolean => {
  const blocks = pem.toString().match(pemBlock) ?? [];
  return blocks.length > 0 && blocks.every((block) => parseCertificate(block) !== undefined);
};

/**
 * Why a connection could not be made with it, as the rest of a sentence; undefined when nothing is in the way.
 * @param identity URI name that the certificate must have
 */
export const tlsProblem = (material: TlsMaterial, identity?: string): string | undefined => {
  const certificate = parseCertificate(material.cert);
  if (certificate === undefined) return 'the certificate file holds no PEM certificate';
  const matches = keyMatches(certificate, material.key);
  if (matches === undefined) return 'the key file holds no PEM private key';
  if (!matches) return 'the key is not the key of the certificate';
  if (certificate.validToDate.getTime() < Date.now())
    return `the certificate expired on ${certificate.validToDate.toISOString()}`;
  if (material.ca !== undefined && !isAuthorityFile(material.ca))
    return 'the CA file holds no PEM certificate, or one that cannot be read';
  if (identity !== undefined && identityOf(certificate) !== identity)
    return `it is a certificate for ${identityOf(certificate) ?? 'no URI'}; this agent needs one for ${identity}`;
  try {
    createSecureContext(secureContextOptions(material));
    return undefined;
  } catch (error) {
    return `OpenSSL refuses it (${error instanceof Error ? error.message : String(error)})`;
  }
};
