import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ApiError, type ErrorCode } from '@ollamamax/api';
import { createCertificateAuthority, issueCertificate } from '@ollamamax/common';
import {
  backup,
  clusterStatus,
  consensus,
  passwordHash,
  startFakeApi,
  type Answers,
  type FakeApi,
} from './cluster-api.fixture.ts';
import { runCli } from './program.ts';

let folder = '';
let api: FakeApi | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-raft-'));
});

afterEach(async () => {
  await api?.close();
  api = undefined;
  await rm(folder, { recursive: true, force: true });
});

const run = async (args: readonly string[], env: Record<string, string> = {}, stdin = '') => {
  let stdout = '';
  let stderr = '';
  const code = await runCli(args, {
    env: { ...(api === undefined ? {} : { OLLAMAMAX_URL: api.url }), ...env },
    cwd: folder,
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: { write: (text) => void (stdout += text) },
    stderr: { write: (text) => void (stderr += text) },
    onSignal: () => () => undefined,
    replaceProcess: () => undefined as never,
  });
  return { code, stdout, stderr };
};

const serve = async (
  answers: Answers,
  options: Parameters<typeof startFakeApi>[1] = {},
): Promise<FakeApi> => {
  api = await startFakeApi({ clusterStatus: () => clusterStatus, ...answers }, options);
  return api;
};

const { members: _members, ...asFollower } = { ...consensus, role: 'follower' as const, leader: 'agent-1' };

describe('help', () => {
  test.each([
    [['raft']],
    [['raft', 'status']],
    [['raft', 'members']],
    [['raft', 'transfer']],
    [['raft', 'snapshot']],
    [['raft', 'leave']],
    [['raft', 'join']],
    [['raft', 'bootstrap']],
    [['raft', 'verify']],
    [['raft', 'recover']],
    [['backup']],
    [['restore']],
  ])('of %j begins with examples', async (args) => {
    const { code, stdout } = await run([...args, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Examples:\n {2}ollamamax /);
  });

  test.each<[string[], string]>([
    [['raft', 'status', '-o', 'xml'], 'table or json'],
    [['raft', 'status', '--data-dir', 'd', '--url', 'http://x'], 'cannot be given together'],
    [['raft', 'status', '--url', 'ftp://x'], 'is not a URL'],
    [['raft', 'status', '--url', 'http://u:p@x'], 'holds a user or a password'],
    [['raft', 'status', '--ca', 'x'], 'of no use'],
    [['raft', 'status', '--token-file', 'x'], 'cannot be read (ENOENT)'],
    [['raft', 'status', '--token', 'x'], "Unknown option '--token'"],
    [['raft', 'transfer'], "Missing required argument 'agent'"],
    [['raft', 'verify'], "Required option '--data-dir"],
    [['backup'], "Required option '--output"],
    [['restore', 'none.json'], 'cannot be read'],
  ])('%j is refused with exit code 2', async (args, fragment) => {
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const part of [fragment, 'Error: ', 'Why: ', 'To do: ', 'Code:   usage'])
      expect(stderr).toContain(part);
  });
});

describe('status and members', () => {
  test('of the agent that leads', async () => {
    await serve({ consensus: () => consensus });
    const status = await run(['raft', 'status']);
    expect(status).toMatchObject({ code: 0, stderr: '' });
    for (const line of [
      /^Agent: +agent-0, member 1$/m,
      /^Cluster: +demo, group group-1$/m,
      /^Role: +leader$/m,
      /^Log: +applied 20, agreed 20, last entry 21$/m,
      /^Learners: +agent-2$/m,
      /^Changing: +yes$/m,
    ])
      expect(status.stdout).toMatch(line);
    const members = await run(['raft', 'members']);
    expect(members).toMatchObject({ code: 0, stderr: '' });
    expect(members.stdout.split('\n')).toEqual([
      'AGENT    VOTE     LEADS  STATUS   MEMBER  ALIVE  ENTRY  ADDRESS',
      'agent-0  voter    yes    online   1       yes    21     127.0.0.1:7000',
      'agent-1  voter    no     offline  2       no     12     127.0.0.1:7001',
      'agent-2  learner  no     online   -       -      -      -',
      '',
    ]);
    expect(JSON.parse((await run(['raft', 'status', '-o', 'json'])).stdout)).toEqual({
      agent: 'agent-0',
      cluster: 'demo',
      ...consensus,
    });
    expect(JSON.parse((await run(['raft', 'members', '-o', 'json'])).stdout)).toMatchObject([
      { agent: 'agent-0', leads: true, matchIndex: 21 },
      { agent: 'agent-1', alive: false },
      { agent: 'agent-2', vote: 'learner' },
    ]);
  });

  test('of one that follows says whom to ask', async () => {
    await serve({ consensus: () => asFollower });
    const { code, stdout, stderr } = await run(['raft', 'members']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^AGENT +VOTE +LEADS +STATUS\n/);
    expect(stderr).toContain('only agent-1 knows, which leads: ask it with --url http://127.0.0.1:8080');
  });

  test.each<[number, Partial<typeof consensus>]>([
    [7, { state: 'member', leader: undefined as never }],
    [7, { state: 'failed', problem: { code: 'member_disk', message: 'No space.' } }],
    [7, { state: 'refused', problem: { code: 'other_cluster', message: 'Another.' } }],
    [0, { state: 'none', voters: [], learners: [] }],
    [0, { state: 'left', voters: [], learners: [] }],
  ])('ends with %i when it is %j', async (code, change) => {
    const changed = JSON.parse(JSON.stringify({ ...asFollower, ...change })) as typeof consensus;
    await serve({ consensus: () => changed });
    const status = await run(['raft', 'status']);
    expect(status.code).toBe(code);
    if (change.problem !== undefined) expect(status.stdout).toMatch(/^Problem: +\w+: /m);
  });
});

describe('changes', () => {
  test.each<[string[], Answers, string, RegExp]>([
    [
      ['transfer', 'agent-1'],
      { clusterTransfer: () => ({ ...consensus, leader: 'agent-1', term: 5 }) },
      'post /api/v1/cluster/transfer {"agent":"agent-1"}',
      /^agent-1 leads now, in term 5\.\n$/,
    ],
    [
      ['snapshot'],
      { clusterSnapshot: () => ({ index: 20 }) },
      'post /api/v1/cluster/snapshot',
      /has all up to entry 20 in a snapshot\.\n$/,
    ],
    [
      ['leave'],
      { clusterLeave: () => ({ state: 'left', voters: [], learners: [] }) },
      'post /api/v1/cluster/leave {}',
      /^The agent at .* has left the group and goes on serving\.\n$/,
    ],
    [
      ['leave', 'agent-1'],
      { clusterLeave: () => ({ ...consensus, voters: ['agent-0'], learners: [] }) },
      'post /api/v1/cluster/leave {"agent":"agent-1"}',
      /^agent-1 has left .*voters: agent-0; learners: -\.\n$/,
    ],
    [
      ['join'],
      { clusterJoin: () => asFollower },
      'post /api/v1/cluster/join {}',
      /has joined group group-1 as member 1/,
    ],
    [
      ['join', 'agent-0.x:9443'],
      { clusterJoin: () => asFollower },
      'post /api/v1/cluster/join {"address":"agent-0.x:9443"}',
      /has joined group group-1 as member 1/,
    ],
    [
      ['bootstrap'],
      { clusterBootstrap: () => consensus },
      'post /api/v1/cluster/bootstrap',
      /has begun group group-1\./,
    ],
  ])('%j', async (args, answers, call, text) => {
    const { calls } = await serve(answers);
    const { code, stdout, stderr } = await run(['raft', ...args]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(text);
    expect(calls).toEqual([call]);
  });

  test('a transfer to another than was asked for is none', async () => {
    await serve({ clusterTransfer: () => consensus });
    const { code, stderr } = await run(['raft', 'transfer', 'agent-1']);
    expect(code).toBe(1);
    expect(stderr).toContain('agent-0 leads.');
  });

  test.each<[ErrorCode, number]>([
    ['no_leader', 7],
    ['unsafe_change', 5],
    ['node_not_found', 3],
    ['deadline_exceeded', 6],
    ['outcome_unknown', 6],
    ['forbidden', 4],
  ])('an error of the agent is told as it is: %s', async (errorCode, exit) => {
    const error = new ApiError(errorCode, 'What it says.');
    await serve({
      clusterLeave: () => {
        throw error;
      },
    });
    const { code, stderr } = await run(['raft', 'leave', 'x']);
    expect(code).toBe(exit);
    for (const part of ['What it says.', error.action, `Code:   ${errorCode}`])
      expect(stderr).toContain(part);
  });
});

describe('the way to the agent', () => {
  test('a token comes from a file or the environment', async () => {
    await serve({ consensus: () => consensus }, { token: 'secret' });
    expect(await run(['raft', 'status'])).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/No token was given[^]*--token-file[^]*unauthenticated/),
    });
    await writeFile(join(folder, 'token'), 'secret\n');
    expect((await run(['raft', 'status', '--token-file', 'token'])).code).toBe(0);
    expect((await run(['raft', 'status'], { OLLAMAMAX_TOKEN: 'secret' })).code).toBe(0);
    expect(await run(['raft', 'status'], { OLLAMAMAX_TOKEN: 'wrong' })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('The token is not valid.'),
    });
  });

  test('https needs the authority of the certificate', async () => {
    const authority = await createCertificateAuthority({ commonName: 'test', days: 1 });
    const tls = await issueCertificate(authority, {
      uriSan: 'spiffe://c/agent/a',
      ipSans: ['127.0.0.1'],
      days: 1,
    });
    await serve({ consensus: () => consensus }, { tls });
    expect(await run(['raft', 'status'])).toMatchObject({
      code: 8,
      stderr: expect.stringContaining('--ca'),
    });
    await writeFile(join(folder, 'ca.crt'), authority.cert);
    expect((await run(['raft', 'status', '--ca', 'ca.crt'])).code).toBe(0);
  });

  test('nobody there, or somebody else', async () => {
    expect(await run(['raft', 'status', '--url', 'http://127.0.0.1:9'])).toMatchObject({
      code: 8,
      stderr: expect.stringMatching(/ECONNREFUSED[^]*agent_unreachable/),
    });
    for (const text of ['<html>', '{}']) {
      await serve({ consensus: () => text });
      expect(await run(['raft', 'status'])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('unexpected_answer'),
      });
      await api?.close();
    }
    await serve({});
    expect((await run(['raft', 'snapshot', '--url', api?.url ?? ''])).stderr).toContain('not_implemented');
  });
});

describe('backup', () => {
  test('writes a file for its owner only, and replaces none unasked', async () => {
    await serve({ clusterBackup: () => backup });
    const done = await run(['backup', '--output', 'b.json']);
    expect(done).toMatchObject({ code: 0, stdout: '' });
    expect(done.stderr).toMatch(
      /up to entry 20 \(revision 3: 1 model, 1 drain, 1 user\) in .*password hashes/,
    );
    const file = join(folder, 'b.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(backup);
    await writeFile(file, 'mine');
    expect(await run(['backup', '--output', 'b.json'])).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('file_exists'),
    });
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect((await run(['backup', '--output', 'b.json', '--force'])).code).toBe(0);
    expect(await readdir(folder)).toEqual(['b.json']);
    expect(JSON.parse((await run(['backup', '--output', '-'])).stdout)).toEqual(backup);
    expect(await run(['backup', '--output', 'no/b.json'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('file_not_written'),
    });
  });
});

describe('restore', () => {
  const present = {
    ...backup,
    desired: { revision: 9, models: [{ name: 'b', source: { file: '/b.gguf' } }], settings: { parallel: 2 } },
    drains: { 'agent-7': { since: 1, reason: '' } },
    users: [
      { name: 'root', role: 'user' as const, passwordHash },
      { name: 'eve', role: 'user' as const, passwordHash },
    ],
  };

  test('says what would change, and does it with --yes', async () => {
    const { calls } = await serve({
      clusterBackup: () => present,
      clusterRestore: () => ({ revision: 10, drains: 1, users: 1 }),
    });
    await writeFile(join(folder, 'b.json'), JSON.stringify(backup));
    const plan = await run(['restore', 'b.json']);
    expect(plan.code).toBe(2);
    expect(plan.stderr).toContain('Nothing was changed.');
    expect(plan.stdout.split('\n')).toEqual([
      'Backup of 2026-01-02T03:04:05.000Z, revision 3: 1 model, 1 drain, 1 user.',
      'What would change:',
      '  desired state: revision 10',
      '  model a: added',
      '  model b: removed',
      '  settings: {}',
      '  agent agent-7: not drained any more',
      '  agent agent-1: drained',
      '  user root: replaced (admin)',
      '  user eve: removed',
      '',
    ]);
    expect(calls).toEqual(['get /api/v1/cluster/backup']);
    const done = await run(['restore', 'b.json', '--yes']);
    expect(done).toMatchObject({ code: 0, stdout: '' });
    expect(done.stderr).toContain('revision 10, 1 drain, 1 user.');
    expect((await run(['restore', '-', '--yes'], {}, JSON.stringify(backup))).code).toBe(0);
    expect(calls.at(-1)).toMatch(/^post \/api\/v1\/cluster\/restore \{"format":1,/);
  });

  test('says so when there is nothing to change', async () => {
    await serve({ clusterBackup: () => backup });
    await writeFile(join(folder, 'b.json'), JSON.stringify(backup));
    expect((await run(['restore', 'b.json'])).stdout).toContain('holds exactly that');
  });

  test.each<[string, string]>([
    ['not json', 'It is not JSON.'],
    ['{"format":2}', 'later version'],
    ['{"format":1}', 'clusterId is required'],
    [JSON.stringify({ ...backup, more: 1 }), 'more is not known here'],
    [
      JSON.stringify({ ...backup, users: [...backup.users, ...backup.users] }),
      'User root is in the backup twice.',
    ],
    [
      JSON.stringify({ ...backup, drains: { 'not an agent': { since: 1, reason: '' } } }),
      'a command setDrain is not valid',
    ],
    [
      JSON.stringify({
        ...backup,
        desired: { ...backup.desired, models: [...backup.desired.models, ...backup.desired.models] },
      }),
      'is a:latest again',
    ],
  ])('refuses %s before it asks anybody', async (text, why) => {
    const { calls } = await serve({});
    await writeFile(join(folder, 'b.json'), text);
    const { code, stderr } = await run(['restore', 'b.json', '--yes']);
    expect(code).toBe(1);
    for (const part of [join(folder, 'b.json'), why, 'backup_invalid']) expect(stderr).toContain(part);
    expect(calls).toEqual([]);
  });
});
