import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CatalogBackup, ConsensusStatus } from '@ollamamax/api';
import { PasswordHasher } from '../../agent/src/auth/password.ts';
import { ollamamax, outcome } from '../harness/cli.ts';
import {
  eventually,
  login,
  startLocalCluster,
  tinyModel,
  untilServing,
  type LocalCluster,
  type TestUser,
} from '../harness/local-cluster.ts';
import { runInProcess } from '../harness/run-cli.ts';

const passwordHash = '$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA';

let cluster: LocalCluster;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ollamamax-agreement-'));
  cluster = await startLocalCluster({ agents: 3 });
  await untilServing(cluster);
  await untilVoters(['agent-0', 'agent-1', 'agent-2']);
}, 120_000);

afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});

const urlOf = (agent: string): string => cluster.agent(agent).api;
const dataDirOf = (agent: string): string => join(cluster.folder, agent, 'data');

const command = (agent: string, ...args: string[]) =>
  runInProcess([...args, '--url', urlOf(agent)], { cwd: folder });

const statusOf = async (agent: string): Promise<ConsensusStatus> =>
  JSON.parse((await command(agent, 'raft', 'status', '-o', 'json')).stdout) as ConsensusStatus;

const untilVoters = (voters: readonly string[], asked = voters): Promise<void> =>
  eventually(`${voters.join(', ')} vote`, async () => {
    const all = await Promise.all(asked.map(statusOf));
    return all.every((status) => {
      const isSettled = status.leader !== undefined && status.learners.length === 0;
      return isSettled && status.voters.join() === voters.join();
    });
  });

const leaderOf = async (agent: string): Promise<string> => (await statusOf(agent)).leader ?? '';

describe('running agents', () => {
  test('tell who leads, and what each of them has', async () => {
    // An agent that has only just joined has its vote before the leader has heard of its log.
    await eventually('the leader has heard of every log', async () => {
      const members = await command(await leaderOf('agent-0'), 'raft', 'members');
      return members.code === 0 && !members.stdout.includes(' - ');
    });
    const leader = await leaderOf('agent-0');
    const { code, stdout } = await command(leader, 'raft', 'members');
    expect(code).toBe(0);
    for (const agent of ['agent-0', 'agent-1', 'agent-2'])
      expect(stdout).toMatch(
        new RegExp(`^${agent} +voter +${agent === leader ? 'yes' : 'no'} +online +\\d +yes +\\d+ +127`, 'm'),
      );
    const follower = ['agent-0', 'agent-1'].find((agent) => agent !== leader) ?? '';
    const asked = await command(follower, 'raft', 'members');
    expect(asked.stderr).toContain(`ask it with --url ${urlOf(leader)}`);
  });

  test('hand over, write snapshots, leave and join', async () => {
    const before = await leaderOf('agent-0');
    const next = before === 'agent-1' ? 'agent-2' : 'agent-1';
    expect(await command('agent-0', 'raft', 'transfer', next)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(new RegExp(`^${next} leads now, in term \\d+\\.\n$`)),
    });
    expect(await command('agent-0', 'raft', 'transfer', 'agent-9')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('node_not_found'),
    });
    expect((await command('agent-0', 'raft', 'snapshot')).stderr).toMatch(/up to entry \d+ in a snapshot/);

    expect(await command('agent-2', 'raft', 'leave')).toMatchObject({ code: 0 });
    expect(await statusOf('agent-2')).toMatchObject({ state: 'left' });
    await eventually('it is out', async () => !(await statusOf('agent-0')).voters.includes('agent-2'));
    expect(await command('agent-2', 'raft', 'join')).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/has joined group test-group as member [4-9]/),
    });
    expect(await command('agent-2', 'raft', 'join')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('already_member'),
    });
    await untilVoters(['agent-0', 'agent-1', 'agent-2']);
  }, 90_000);
});

test('a backup brings models, drains and users into a new cluster', async () => {
  const file = join(folder, 'cluster.json');
  expect(await command('agent-0', 'backup', '--output', file)).toMatchObject({ code: 0 });
  const backup = JSON.parse(readFileSync(file, 'utf8')) as CatalogBackup;
  expect(backup.desired.models.map(({ name }) => name)).toEqual(['ollamamax-tiny']);
  const wanted: CatalogBackup = {
    ...backup,
    desiredOrigin: 'pushed',
    desired: {
      ...backup.desired,
      models: [...backup.desired.models, { name: 'second', source: { file: tinyModel } }],
    },
    drains: { 'agent-7': { since: 5, reason: 'disk' } },
    users: [{ name: 'ada', role: 'admin', passwordHash }],
  };
  writeFileSync(file, JSON.stringify(wanted));

  const other = await startLocalCluster({ agents: 1 });
  try {
    const url = other.agent('agent-0').api;
    const plan = await runInProcess(['restore', file, '--url', url]);
    expect(plan).toMatchObject({ code: 2, stdout: expect.stringContaining('model second: added') });
    expect(await runInProcess(['restore', file, '--yes', '--url', url])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('1 drain, 1 user.'),
    });
    const { stdout } = await runInProcess(['backup', '--output', '-', '--url', url]);
    const restored = JSON.parse(stdout) as CatalogBackup;
    expect(restored.clusterId).not.toBe(backup.clusterId);
    expect(restored).toMatchObject({ drains: wanted.drains, users: wanted.users });
    expect(restored.desired.models.map(({ name }) => name)).toEqual(['ollamamax-tiny', 'second']);
    await eventually('the new cluster has the model', async () => {
      const tags = await fetch(`${url}/api/tags`);
      return (await tags.text()).includes('second:latest');
    });
  } finally {
    await other.stop();
  }
}, 90_000);

test('with log-in a token is needed, and who was restored may log in', async () => {
  const root = { name: 'root', password: 'a root of trust', role: 'admin' } as const;
  const reader = { name: 'reader', password: 'only looks', role: 'readonly' } as const;
  const ada = { name: 'ada', password: 'comes by backup', role: 'user' } as const;
  const guarded = await startLocalCluster({ agents: 1, users: [root, reader] });
  try {
    const agent = guarded.agent('agent-0');
    const asUser = async (user: TestUser) => ({
      OLLAMAMAX_URL: agent.api,
      OLLAMAMAX_TOKEN: await login(agent, user),
    });
    expect((await runInProcess(['raft', 'status'], { env: { OLLAMAMAX_URL: agent.api } })).code).toBe(4);
    expect((await runInProcess(['raft', 'status'], { env: await asUser(reader) })).code).toBe(0);
    const back = await runInProcess(['backup', '--output', '-'], { env: await asUser(reader) });
    expect(back).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('forbidden') });
    const env = await asUser(root);
    const { stdout } = await runInProcess(['backup', '--output', '-'], { env });
    const { name, role, password } = ada;
    const hash = await new PasswordHasher().hash(password);
    const backup = JSON.parse(stdout) as CatalogBackup;
    const more = { ...backup, users: [...backup.users, { name, role, passwordHash: hash }] };
    const restored = await runInProcess(['restore', '-', '--yes'], { env, stdin: JSON.stringify(more) });
    expect(restored.code).toBe(0);
    expect(await login(agent, ada)).toMatch(/./);
  } finally {
    await guarded.stop();
  }
});

test('a lost majority is made good by hand on one agent, and the others join it', async () => {
  await fetch(`${urlOf('agent-0')}/api/v1/nodes/agent-2/drain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"reason":"kept"}',
  });
  const dataDir = dataDirOf('agent-0');
  const running = await runInProcess(['raft', 'recover', '--data-dir', dataDir, '--yes']);
  expect(running).toMatchObject({ code: 5, stderr: expect.stringContaining('agent_running') });
  // Two disks are gone for good.
  for (const agent of ['agent-1', 'agent-2']) await cluster.kill(agent, 'SIGKILL');
  await eventually('nobody leads', async () => (await command('agent-0', 'raft', 'status')).code === 7);
  expect((await command('agent-0', 'raft', 'leave', 'agent-1')).code).not.toBe(0);
  await cluster.kill('agent-0', 'SIGKILL');

  expect((await runInProcess(['raft', 'verify', '--data-dir', dataDir])).code).not.toBe(7);
  const recovered = await outcome(ollamamax(['raft', 'recover', '--data-dir', dataDir, '--yes']));
  expect(recovered).toMatchObject({ code: 0, stdout: '' });
  await cluster.start('agent-0');
  await untilVoters(['agent-0']);
  const alone = await statusOf('agent-0');
  expect(alone.clusterId).not.toBe('test-group');

  // Of those that were thought lost, one comes back with its disk, and is refused until that is given up.
  await cluster.start('agent-1');
  await eventually('it is refused', async () => {
    const { state, problem } = await statusOf('agent-1');
    return state === 'refused' && problem?.code === 'other_cluster';
  });
  await cluster.kill('agent-1', 'SIGKILL');
  for (const agent of ['agent-1', 'agent-2']) {
    renameSync(join(dataDirOf(agent), 'raft'), join(dataDirOf(agent), 'raft.lost'));
    await cluster.start(agent);
  }
  await untilVoters(['agent-0', 'agent-1', 'agent-2']);
  const { stdout } = await command('agent-2', 'backup', '--output', '-');
  expect(JSON.parse(stdout)).toMatchObject({
    clusterId: alone.clusterId,
    drains: { 'agent-2': { reason: 'kept' } },
    desired: { models: [{ name: 'ollamamax-tiny' }] },
  });
  expect(existsSync(join(dataDir, 'raft.recovering'))).toBe(false);
}, 180_000);
