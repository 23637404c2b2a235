import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from './fake-clock.fixture.ts';
import { inClusterConnection } from './in-cluster.ts';
import { kubeconfigConnection } from './kubeconfig.ts';

let folder: string;
let clock: FakeClock;
const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ollamamax-connection-'));
  clock = new FakeClock();
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('in a pod', () => {
  const open = () => inClusterConnection({ host: '::1', port: '6443', directory: folder, clock });
  beforeEach(() => {
    write('token', 'first\n');
    write('ca.crt', 'CA');
    write('namespace', 'here');
  });

  test('it is the service account at the address from the environment', async () => {
    const connection = await open();
    expect(connection).toMatchObject({ server: 'https://[::1]:6443', namespace: 'here', tls: { ca: 'CA' } });
    expect(await connection.authorization()).toBe('Bearer first');
  });

  test('a rotated token is used within seconds, and a rotated authority too', async () => {
    const connection = await open();
    const { tls } = connection;
    write('token', 'second');
    expect(await connection.authorization()).toBe('Bearer first');
    await clock.advance(10_000);
    expect(await connection.authorization()).toBe('Bearer second');
    expect(connection.tls).toBe(tls);
    write('ca.crt', 'other');
    await clock.advance(10_000);
    await connection.authorization();
    expect(connection.tls.ca).toBe('other');
  });

  test('a refused token is read again at once; the same again is of no use', async () => {
    const connection = await open();
    expect(await connection.refresh('Bearer first')).toBe(false);
    write('token', 'second');
    expect(await connection.refresh('Bearer first')).toBe(true);
    expect(await connection.refresh('Bearer first')).toBe(true);
    expect(await connection.authorization()).toBe('Bearer second');
  });

  test('a file that is missing in the middle of a rotation does no harm', async () => {
    const connection = await open();
    rmSync(join(folder, 'token'));
    await clock.advance(20_000);
    expect(await connection.authorization()).toBe('Bearer first');
    await expect(open()).rejects.toThrow('ENOENT');
  });
});

describe('with a kubeconfig', () => {
  const config = (token: string): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'c', cluster: { server: 'https://one:1', 'certificate-authority-data': btoa('CA') } },
        { name: 'd', cluster: { server: 'https://two:2', 'insecure-skip-tls-verify': true } },
      ],
      users: [
        { name: 'u', user: { token } },
        { name: 'v', user: { username: 'ann', password: 'pass' } },
        { name: 'w', user: { 'client-certificate-data': btoa('CERT'), 'client-key-data': btoa('KEY') } },
      ],
      contexts: [
        { name: 'usual', context: { cluster: 'c', user: 'u', namespace: 'there' } },
        { name: 'basic', context: { cluster: 'd', user: 'v' } },
        { name: 'certificate', context: { cluster: 'c', user: 'w' } },
      ],
      'current-context': 'usual',
    });
  const open = (context?: string) => kubeconfigConnection({ file: join(folder, 'config'), context, clock });
  beforeEach(() => write('config', config('first')));

  test('it is the current context', async () => {
    const connection = await open();
    expect(connection).toMatchObject({ server: 'https://one:1', namespace: 'there' });
    expect(connection.tls).toMatchObject({ ca: 'CA', rejectUnauthorized: true });
    expect(await connection.authorization()).toBe('Bearer first');
  });

  test('or another one', async () => {
    const basic = await open('basic');
    expect(basic.tls.rejectUnauthorized).toBe(false);
    expect(await basic.authorization()).toBe(`Basic ${btoa('ann:pass')}`);
    const certificate = await open('certificate');
    expect(certificate.tls).toMatchObject({ cert: 'CERT', key: 'KEY' });
    expect(await certificate.authorization()).toBeUndefined();
    await expect(open('missing')).rejects.toThrow('missing');
  });

  test('a new token in the file is used within seconds, or at once when the old is refused', async () => {
    const connection = await open();
    write('config', config('the second'));
    await clock.advance(10_000);
    expect(await connection.authorization()).toBe('Bearer the second');
    write('config', config('the third one'));
    expect(await connection.refresh('Bearer the second')).toBe(true);
    expect(await connection.authorization()).toBe('Bearer the third one');
  });
});
