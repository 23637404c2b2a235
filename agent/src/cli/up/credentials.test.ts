import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ensureSecretFile, prepareCredentials } from './credentials.ts';

const dayMs = 86_400_000;
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credentials-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const names = ['ca', 'operator', 'agent-0', 'agent-1'] as const;
const prepare = (now = Date.now()) => prepareCredentials(folder, 'local', ['agent-0', 'agent-1'], now);
const read = (file: string): Promise<string> => readFile(join(folder, 'tls', file), 'utf8');

const certificates = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await read(`${name}.crt`)] as const)),
  );

/** Names whose certificate is another one than before. */
const changedSince = async (before: Record<string, string>): Promise<string[]> => {
  const after = await certificates();
  return names.filter((name) => before[name] !== after[name]);
};

test('keys are for their owner only, and the CA has signed every certificate', async () => {
  await prepare();
  const ca = new X509Certificate(await read('ca.crt'));
  for (const name of names) {
    expect((await stat(join(folder, 'tls', `${name}.key`))).mode & 0o777).toBe(0o600);
    expect(new X509Certificate(await read(`${name}.crt`)).verify(ca.publicKey)).toBe(true);
  }
});

test.each([
  ['a day later', 1, []],
  ['four weeks before the leaves end', 365 - 28, ['operator', 'agent-0', 'agent-1']],
  ['four weeks before the CA ends', 3650 - 28, ['ca', 'operator', 'agent-0', 'agent-1']],
])('%s, what ends soon is renewed', async (_when, days, renewed) => {
  await prepare();
  const before = await certificates();
  await prepare(Date.now() + days * dayMs);
  expect(await changedSince(before)).toEqual(renewed);
});

test.each([
  ['a damaged certificate', () => writeFile(join(folder, 'tls', 'agent-1.crt'), 'no certificate')],
  ['a lost key', () => rm(join(folder, 'tls', 'agent-1.key'))],
  [
    'the key of another',
    async () => writeFile(join(folder, 'tls', 'agent-1.key'), await read('agent-0.key')),
  ],
  [
    'the identity of another',
    async () => {
      for (const end of ['crt', 'key'])
        await writeFile(join(folder, 'tls', `agent-1.${end}`), await read(`agent-0.${end}`));
    },
  ],
])('%s is replaced, the others stay', async (_what, damage) => {
  await prepare();
  const before = await certificates();
  await damage();
  await prepare();
  expect(await changedSince(before)).toEqual(['agent-1']);
  const own = new X509Certificate(await read('agent-1.crt'));
  expect(own.subjectAltName).toContain('agent-1');
});

test('a secret is kept, one that is too short is not', async () => {
  const file = join(folder, 'secret');
  await ensureSecretFile(file);
  const first = await readFile(file, 'utf8');
  await ensureSecretFile(file);
  expect(await readFile(file, 'utf8')).toBe(first);
  await writeFile(file, 'short');
  await ensureSecretFile(file);
  expect((await readFile(file, 'utf8')).trim().length).toBeGreaterThanOrEqual(32);
});
