import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { agentIdentity } from '@ollamamax/api';
import { createCertificateAuthority, issueCertificate, silentLogger, sleep } from '@ollamamax/common';
import type { CertificatePair, TlsMaterial } from '@ollamamax/common';
import { MountedFiles } from '../mounted-files.fixture.ts';
import { WatchedTls, type WatchedTlsOptions } from './watched-tls.ts';

const identity = agentIdentity('test', 'a');
let ca: CertificatePair;
let otherCa: CertificatePair;
let pairs: CertificatePair[];
let stranger: CertificatePair;
let mounted: MountedFiles;
let watched: WatchedTls | undefined;
let warnings: unknown[];
let taken: string[];

const serialOf = (pem: string | Buffer): string => new X509Certificate(pem).serialNumber;
const content = (pair: CertificatePair, authorities = ca.cert): Record<string, string> => ({
  'ca.crt': authorities,
  'tls.crt': pair.cert,
  'tls.key': pair.key,
});
const logger = {
  ...silentLogger,
  warn: (_message: string, fields?: unknown) => void warnings.push(fields),
};

beforeAll(async () => {
  ca = await createCertificateAuthority({ commonName: 'test', days: 2 });
  otherCa = await createCertificateAuthority({ commonName: 'test', days: 2 });
  pairs = await Promise.all([1, 1, 1].map((days) => issueCertificate(ca, { uriSan: identity, days })));
  stranger = await issueCertificate(ca, { uriSan: agentIdentity('test', 'b'), days: 1 });
});

beforeEach(async () => {
  warnings = [];
  taken = [];
  mounted = await MountedFiles.create(content(pairs[0]!));
});

afterEach(async () => {
  await watched?.stop();
  watched = undefined;
  await mounted.remove();
});

const open = async (options: Partial<WatchedTlsOptions> = {}): Promise<WatchedTls> => {
  watched = await WatchedTls.open({
    use: 'internal',
    files: {
      certFile: mounted.path('tls.crt'),
      keyFile: mounted.path('tls.key'),
      caFile: mounted.path('ca.crt'),
    },
    identity,
    logger,
    pollMs: 3_600_000,
    ...options,
  });
  watched.usedBy(undefined, { renew: ({ cert }: TlsMaterial) => taken.push(serialOf(cert)) });
  await watched.start();
  return watched;
};

const eventually = async (check: () => boolean): Promise<void> => {
  const end = Date.now() + 30_000;
  while (!check()) {
    if (Date.now() > end) throw new Error('not within 30 s');
    await sleep(20);
  }
};

describe('certificates in files', () => {
  test('are taken over when a mounted Secret is swapped, each time', async () => {
    const tls = await open();
    expect(tls.expiresAt).toEqual(new X509Certificate(pairs[0]!.cert).validToDate);
    for (const pair of [pairs[1]!, pairs[2]!, pairs[0]!]) {
      await mounted.replace(content(pair));
      await eventually(() => taken.at(-1) === serialOf(pair.cert));
      expect(tls.material.cert.toString()).toBe(pair.cert);
    }
    // The authorities alone.
    await mounted.replace(content(pairs[0]!, ca.cert + otherCa.cert));
    await eventually(() => taken.length === 4);
    expect(tls.material.ca?.toString()).toBe(ca.cert + otherCa.cert);
    expect(warnings).toEqual([]);
  });

  test('are found by a look from time to time where nobody reports changes', async () => {
    const tls = await open({ pollMs: 30 });
    // Written through the link: nothing happens in the folder that is watched.
    await writeFile(mounted.path('tls.crt'), pairs[1]!.cert);
    await writeFile(mounted.path('tls.key'), pairs[1]!.key);
    await eventually(() => taken.length === 1);
    expect(tls.material.key.toString()).toBe(pairs[1]!.key);
    expect(warnings).toEqual([]);
  });

  test.each<[string, () => Record<string, string>, string]>([
    [
      'a key of another certificate',
      () => ({ ...content(pairs[1]!), 'tls.key': pairs[2]!.key }),
      'not the key of',
    ],
    ['no certificate', () => ({ ...content(pairs[1]!), 'tls.crt': 'x' }), 'no PEM certificate'],
    ['no key', () => ({ ...content(pairs[1]!), 'tls.key': '' }), 'no PEM private key'],
    ['no authority', () => content(pairs[1]!, ''), 'CA file'],
    [
      'half an authority',
      () => content(pairs[1]!, `${ca.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`),
      'CA file',
    ],
    ['the certificate of another agent', () => content(stranger), 'spiffe://test/agent/b'],
  ])('that have %s are told once and change nothing', async (_what, bad, reason) => {
    const tls = await open({ pollMs: 30 });
    await mounted.replace(bad());
    await eventually(() => warnings.length > 0);
    expect(warnings[0]).toMatchObject({ use: 'internal', reason: expect.stringContaining(reason) });
    await sleep(300);
    expect([warnings.length, taken]).toEqual([1, []]);
    expect(tls.material.cert.toString()).toBe(pairs[0]!.cert);
    await mounted.replace(content(pairs[2]!));
    await eventually(() => taken.length === 1);
    expect(taken).toEqual([serialOf(pairs[2]!.cert)]);
  });

  test('of another agent are refused at the start', async () => {
    await mounted.replace(content(stranger));
    await expect(open()).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(
        'spiffe://test/agent/b; this agent needs one for spiffe://test/agent/a',
      ),
    });
  });
});
