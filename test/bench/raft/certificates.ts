import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agentIdentity } from '@ollamamax/api';
import { createCertificateAuthority, issueCertificate } from '@ollamamax/common';

/** Certificates of an authority, of members and of one client, for ours and for etcd alike. */
export const writeCertificates = async (folder: string, members: number): Promise<void> => {
  const authority = await createCertificateAuthority({ commonName: 'bench', days: 1 });
  await writeFile(join(folder, 'ca.crt'), authority.cert);
  const names = [...Array.from({ length: members }, (_, at) => `member-${at + 1}`), 'client'];
  for (const name of names) {
    const { cert, key } = await issueCertificate(authority, {
      uriSan: agentIdentity('bench', name),
      ipSans: ['127.0.0.1'],
      days: 1,
    });
    await writeFile(join(folder, `${name}.crt`), cert);
    await writeFile(join(folder, `${name}.key`), key, { mode: 0o600 });
  }
};
