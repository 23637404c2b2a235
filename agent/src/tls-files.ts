import { readFile } from 'node:fs/promises';
import type { NodeConfig } from '@ollamamax/api';
import type { TlsMaterial } from '@ollamamax/common';

const read = async (certFile: string, keyFile: string, caFile?: string): Promise<TlsMaterial> => {
  const [cert, key, ca] = await Promise.all([
    readFile(certFile),
    readFile(keyFile),
    caFile === undefined ? undefined : readFile(caFile),
  ]);
  return { cert, key, ...(ca === undefined ? {} : { ca }) };
};

/** The certificates that the configuration names: for clients, and between agents. */
export const readTlsFiles = async (
  config: NodeConfig,
): Promise<{ readonly api: TlsMaterial | undefined; readonly internal: TlsMaterial | undefined }> => {
  const { tls, internalTls } = config;
  const [api, internal] = await Promise.all([
    tls.certFile === undefined || tls.keyFile === undefined ? undefined : read(tls.certFile, tls.keyFile),
    internalTls === undefined
      ? undefined
      : read(internalTls.certFile, internalTls.keyFile, internalTls.caFile),
  ]);
  return { api, internal };
};
