import { X509Certificate, createPrivateKey, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agentIdentity, operatorIdentity } from '@ollamamax/api';
import {
  createCertificateAuthority,
  issueCertificate,
  uriOfAltNames,
  writeFileAtomic,
  type CertificatePair,
} from '@ollamamax/common';

const dayMs = 86_400_000;
const renewBeforeMs = 30 * dayMs;
const caDays = 3650;
const leafDays = 365;

/** Where a certificate and its key are. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface ClusterCredentials {
  readonly caFile: string;
  readonly operator: CertificateFiles;
  /** In the order of the agents. */
  readonly agents: readonly CertificateFiles[];
}

const readPair = async (files: CertificateFiles): Promise<CertificatePair | undefined> => {
  try {
    return {
      cert: await readFile(files.certFile, 'utf8'),
      key: await readFile(files.keyFile, 'utf8'),
    };
  } catch {
    return undefined;
  }
};

const writePair = async (files: CertificateFiles, pair: CertificatePair): Promise<void> => {
  await writeFileAtomic(files.keyFile, pair.key, 0o600);
  await writeFileAtomic(files.certFile, pair.cert, 0o644);
};

/** Good for at least another 30 days, key and names right, signed by the CA. */
const isUsable = (
  pair: CertificatePair,
  now: number,
  expected?: { readonly identity: string; readonly ca: CertificatePair },
): boolean => {
  try {
    const certificate = new X509Certificate(pair.cert);
    if (certificate.validToDate.getTime() - now < renewBeforeMs) return false;
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key))) return false;
    if (expected === undefined) return certificate.ca;
    return (
      uriOfAltNames(certificate.subjectAltName) === expected.identity &&
      certificate.verify(new X509Certificate(expected.ca.cert).publicKey)
    );
  } catch {
    return false;
  }
};

/**
 * CA and certificates of a local cluster below `dataDir`: kept from earlier starts, renewed when they are
 * damaged or end within 30 days. Keys have permissions 0600.
 */
export const prepareCredentials = async (
  dataDir: string,
  cluster: string,
  agentIds: readonly string[],
  now: number,
): Promise<ClusterCredentials> => {
  const folder = join(dataDir, 'tls');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const filesOf = (name: string): CertificateFiles => ({
    certFile: join(folder, `${name}.crt`),
    keyFile: join(folder, `${name}.key`),
  });
  const caFiles = filesOf('ca');
  const keptCa = await readPair(caFiles);
  let ca = keptCa;
  if (ca === undefined || !isUsable(ca, now)) {
    ca = await createCertificateAuthority({ commonName: `OllamaMax cluster ${cluster}`, days: caDays });
    await writePair(caFiles, ca);
  }
  const ensure = async (name: string, identity: string): Promise<CertificateFiles> => {
    const files = filesOf(name);
    const kept = await readPair(files);
    if (kept === undefined || !isUsable(kept, now, { identity, ca }))
      await writePair(
        files,
        await issueCertificate(ca, {
          uriSan: identity,
          dnsSans: ['localhost'],
          ipSans: ['127.0.0.1'],
          days: leafDays,
        }),
      );
    return files;
  };
  const operator = await ensure('operator', operatorIdentity(cluster));
  const agents: CertificateFiles[] = [];
  for (const id of agentIds) agents.push(await ensure(id, agentIdentity(cluster, id)));
  return { caFile: caFiles.certFile, operator, agents };
};

/** Keeps a random secret in a file of its own, permissions 0600. */
export const ensureSecretFile = async (file: string): Promise<void> => {
  const kept = await readFile(file, 'utf8').catch(() => '');
  if (kept.trim().length >= 32) return;
  await writeFileAtomic(file, `${randomBytes(48).toString('base64url')}\n`, 0o600);
};
