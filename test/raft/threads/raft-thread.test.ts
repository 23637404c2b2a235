import { afterEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentIdentity, type ApiError, type CatalogOperation } from '@ollamamax/api';
import { createCertificateAuthority, createLogger, issueCertificate } from '@ollamamax/common';
import { encodeCommand } from '../../../agent/src/catalog/state/encode-command.ts';
import { RaftThread } from '../../../agent/src/catalog/thread/raft-thread.ts';
import type { ThreadOptions } from '../../../agent/src/catalog/thread/protocol.ts';
import {
  newIncarnation,
  readIdentityFile,
  writeIdentityFile,
} from '../../../agent/src/raft/node/identity-file.ts';
import { defaultMemberSettings } from '../../../agent/src/raft/node/member-settings.ts';
import { freePorts } from '../../cluster/kubernetes/free-ports.ts';
import { until } from '../../cluster/kubernetes/until.ts';

const folders: string[] = [];
const threads: RaftThread[] = [];
afterEach(async () => {
  await Promise.all(threads.splice(0).map((thread) => thread.stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}, 30_000);

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-thread-'));
  folders.push(folder);
  return folder;
};

const log = createLogger({ level: 'error', format: 'text', stream: process.stderr });

const start = async (
  thread: ThreadOptions,
  onFailure: (error: ApiError) => void = () => undefined,
): Promise<RaftThread> => {
  const started = new RaftThread({ thread, log, onFailure });
  threads.push(started);
  await started.start();
  return started;
};

const command = (operation: CatalogOperation): Uint8Array => encodeCommand({ format: 1, operation });

const drain = (agent: string): CatalogOperation => ({ op: 'setDrain', agent, since: 1, reason: 'test' });

const alone = (directory: string, create: boolean): ThreadOptions => ({
  directory,
  identity: { clusterId: 'one', memberId: 1, incarnation: 'life', agent: 'a', setUp: !create },
  create,
  cluster: 'c',
  peers: [],
  settings: defaultMemberSettings,
});

const untilLeads = (thread: RaftThread): Promise<unknown> =>
  until('it leads', () => thread.role.role === 'leader');

describe('a member that is alone', () => {
  test('leads, keeps what it has agreed to with itself, and finds it again', async () => {
    const folder = newFolder();
    const first = await start(alone(folder, true));
    await untilLeads(first);
    expect(await first.propose(command(drain('x')))).toMatchObject({ kind: 'applied', result: { ok: true } });
    expect(first.catalog.state.drains).toEqual({ x: { since: 1, reason: 'test' } });
    await first.stop();
    expect(await first.propose(command(drain('y')))).toEqual({ kind: 'refused', reason: 'stopped' });
    expect(await first.read()).toBe(undefined);

    const again = await start(alone(folder, false));
    await untilLeads(again);
    expect(await again.read()).toBeGreaterThan(0);
    expect(again.catalog.state.drains).toEqual({ x: { since: 1, reason: 'test' } });
  });

  test('is begun anew when its beginning was cut off, and refuses a disk that is another one', async () => {
    const folder = newFolder();
    await (await start(alone(folder, true))).stop();
    // The log is there, the word that it is set up is not.
    await start(alone(folder, true)).then((thread) => thread.stop());
    const options = alone(folder, false);
    for (const [other, message] of [
      [{ clusterId: 'two' }, /cluster/],
      [{ incarnation: 'next-life' }, /incarnation/],
    ] as const) {
      const failures: ApiError[] = [];
      const refused = start({ ...options, identity: { ...options.identity, ...other } }, (error) =>
        failures.push(error),
      );
      await expect(refused).rejects.toMatchObject({ code: 'member_disk' });
      await expect(refused).rejects.toThrow(message);
      expect(failures).toHaveLength(1);
    }
  });

  test('says which file is damaged, and what to do', async () => {
    const folder = newFolder();
    const first = await start(alone(folder, true));
    await untilLeads(first);
    for (let number = 0; number < 20; number += 1) await first.propose(command(drain(`x${number}`)));
    await first.stop();
    const segment = join(folder, 'wal', '0000000000000001.wal');
    const bytes = readFileSync(segment);
    bytes.writeUInt8(bytes.readUInt8(1000) ^ 1, 1000);
    writeFileSync(segment, bytes);
    await expect(start(alone(folder, false))).rejects.toMatchObject({
      code: 'member_disk',
      message: expect.stringMatching(/0000000000000001\.wal.*new\s+member id/s),
    });
  });
});

test('three members find together, agree, and go on without the one that led', async () => {
  const authority = await createCertificateAuthority({ commonName: 'test', days: 1 });
  const ports = await freePorts(3);
  const members = ports.map((port, at) => ({
    node: at + 1,
    agent: `agent-${at}`,
    incarnation: newIncarnation(),
    host: '127.0.0.1',
    port,
  }));
  const all = await Promise.all(
    members.map(async ({ node, agent, incarnation, port }) => {
      const leaf = await issueCertificate(authority, { uriSan: agentIdentity('c', agent), days: 1 });
      return start({
        directory: newFolder(),
        identity: { clusterId: 'one', memberId: node, incarnation, agent, setUp: false },
        create: true,
        cluster: 'c',
        network: {
          host: '127.0.0.1',
          port,
          advertise: `127.0.0.1:${port}`,
          tls: { ca: authority.cert, cert: leaf.cert, key: leaf.key },
        },
        peers: members,
        settings: defaultMemberSettings,
      });
    }),
  );
  const [first, second, third] = all;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three');
  // Only who began the cluster can lead before others have joined.
  await untilLeads(first);
  for (const { agent, incarnation, port } of members)
    await first.propose(command({ op: 'admitMember', agent, incarnation, address: `127.0.0.1:${port}` }));
  await until('all are voters', () => third.catalog.config?.voters.length === 3);
  expect(await third.propose(command(drain('x')))).toMatchObject({ kind: 'applied' });
  await second.read();
  expect(second.catalog.state).toEqual(third.catalog.state);
  expect(Object.keys(second.catalog.state.drains)).toEqual(['x']);

  await first.stop();
  await until('another leads', () => [second, third].some(({ role }) => role.role === 'leader'));
  await until('it answers', async () => (await second.propose(command(drain('y')))).kind === 'applied');
  await third.read();
  expect(Object.keys(third.catalog.state.drains)).toEqual(['x', 'y']);
}, 60_000);

describe('the identity of a member', () => {
  const identity = { clusterId: 'c', memberId: 3, incarnation: 'i', agent: 'a', setUp: true };

  test('is found again, by its own agent only', async () => {
    const folder = join(newFolder(), 'raft');
    expect(await readIdentityFile(folder, 'a')).toBe(undefined);
    await writeIdentityFile(folder, identity);
    expect(await readIdentityFile(folder, 'a')).toEqual(identity);
    await expect(readIdentityFile(folder, 'b')).rejects.toThrow(/belongs to agent a, and this is agent b/);
  });

  test.each([
    '',
    '{',
    '[]',
    'null',
    '{"format":2}',
    '{"format":1,"clusterId":"c"}',
    '{"format":1,"memberId":0}',
  ])('is not guessed: %s', async (text) => {
    const folder = newFolder();
    writeFileSync(join(folder, 'identity.json'), text);
    await expect(readIdentityFile(folder, 'a')).rejects.toMatchObject({ code: 'state_corrupt' });
  });
});
