import { copyFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { agentIdentity } from '@ollamamax/api';
import { issueCertificate, writeFileAtomic } from '@ollamamax/common';
import { prepareCredentials } from '../../agent/src/cli/up/credentials.ts';
import { descendantsOf, freeBase, outcome, root, start, stillRunning } from '../harness/cli.ts';
import { eventually, tinyModel } from '../harness/local-cluster.ts';
import {
  askFrance,
  cleanUp,
  newFolder,
  paris,
  patienceMs,
  startUp,
  type LocalUp,
} from '../harness/local-up.ts';

jest.setTimeout(3 * patienceMs);
afterAll(cleanUp);

const stop = async (up: LocalUp): Promise<void> => {
  up.running.signal('SIGTERM');
  expect(await up.running.ended).toBe(0);
};

describe('--auth', () => {
  const dataDir = join(newFolder(), 'data');
  let up: LocalUp;
  let password = '';

  beforeAll(async () => {
    up = await startUp({ agents: 1, dataDir, args: ['--auth'] });
    password = /Log in as admin with the password (\S+) \(/.exec(up.running.stdout())?.[1] ?? '';
  });

  test('nobody chats without a token', async () => {
    expect((await askFrance(up.plan[0]?.api, 'ollamamax-tiny')).status).toBe(401);
  });

  test('the printed commands log in and chat as they stand', async () => {
    expect(password).toMatch(/^[\w-]{16}$/);
    const lines = up.running.stdout().split('\n');
    const commands = lines.slice(lines.indexOf('Try:') + 1, lines.indexOf('Try:') + 3).join('\n');
    const { code, stdout } = await outcome(start('bash', ['-c', commands]));
    expect(code).toBe(0);
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ done: true });
  });

  test('the password is in no file, and the secrets are for their owner only', () => {
    for (const name of ['users.yaml', 'jwt-secret']) {
      const file = join(dataDir, name);
      expect(readFileSync(file, 'utf8')).not.toContain(password);
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
    expect(readFileSync(join(dataDir, 'agent-0', 'agent.log'), 'utf8')).not.toContain(password);
  });

  test('the second start keeps the users and shows no password', async () => {
    await stop(up);
    up = await startUp({ agents: 1, dataDir, args: ['--auth'] });
    expect(up.running.stdout()).not.toMatch(/password [\w-]{16}/);
    expect(up.running.stdout()).toContain(join(dataDir, 'users.yaml'));
    const response = await fetch(`http://127.0.0.1:${up.plan[0]?.api}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password }),
    });
    expect(response.status).toBe(200);
    const { token } = (await response.json()) as { token: string };
    expect(await askFrance(up.plan[0]?.api, 'ollamamax-tiny', token)).toEqual(paris);
    await stop(up);
  });
});

describe('--model', () => {
  test('serves files of the user, one replica of each, from every agent', async () => {
    const folder = newFolder();
    const file = join(folder, 'my model.gguf');
    copyFileSync(tinyModel, file);
    const up = await startUp({
      agents: 2,
      args: ['--model', `mine=${file}`, '--model', `other=${tinyModel}`, '--replicas', '1'],
    });
    expect(up.running.stderr()).toContain('Models ready: mine, other\n');
    for (const ports of up.plan)
      for (const model of ['mine', 'other'])
        await eventually(
          'the agent knows the holder of the model',
          async () => (await askFrance(ports.api, model)).text === paris.text,
          patienceMs,
        );
    expect((await askFrance(up.plan[0]?.api, 'ollamamax-tiny')).status).toBe(404);
    await stop(up);
  });
});

describe('certificates of an older start', () => {
  const dayMs = 86_400_000;

  test('those that end soon are renewed, the CA stays, and the agents trust each other', async () => {
    const dataDir = join(newFolder(), 'data');
    const ids = ['agent-0', 'agent-1'];
    const { caFile, agents } = await prepareCredentials(dataDir, 'local', ids, Date.now());
    const ca = {
      cert: readFileSync(caFile, 'utf8'),
      key: readFileSync(join(dataDir, 'tls', 'ca.key'), 'utf8'),
    };
    const [first, second] = agents;
    if (first === undefined || second === undefined) throw new Error('no certificates');
    const ending = await issueCertificate(ca, {
      uriSan: agentIdentity('local', 'agent-0'),
      dnsSans: ['localhost'],
      ipSans: ['127.0.0.1'],
      days: 10,
    });
    await writeFileAtomic(first.keyFile, ending.key, 0o600);
    await writeFileAtomic(first.certFile, ending.cert, 0o644);
    const kept = readFileSync(second.certFile, 'utf8');

    const up = await startUp({ agents: 2, dataDir, args: ['--replicas', '1'] });
    const renewed = new X509Certificate(readFileSync(first.certFile, 'utf8'));
    expect(renewed.validToDate.getTime()).toBeGreaterThan(Date.now() + 300 * dayMs);
    expect(readFileSync(caFile, 'utf8')).toBe(ca.cert);
    expect(readFileSync(second.certFile, 'utf8')).toBe(kept);
    for (const ports of up.plan)
      await eventually(
        'the agent asks the holder of the model',
        async () => (await askFrance(ports.api, 'ollamamax-tiny')).text === paris.text,
        patienceMs,
      );
    await stop(up);
  });
});

describe('npm start in a terminal', () => {
  test('shows its progress in place, and one Ctrl-C there drains all', async () => {
    // Of util-linux; elsewhere its options differ.
    if (!existsSync('/usr/bin/script')) throw new Error('this test needs "script" of util-linux');
    const plan = await freeBase(2);
    const dataDir = join(newFolder(), 'data');
    const command = `npm start -- --agents 2 --port ${plan[0]?.api} --data-dir ${dataDir}`;
    const terminal = start('script', ['-qefc', command, '/dev/null'], {
      cwd: root,
      env: { TERM: 'xterm' },
    });
    await eventually('the cluster is up', () => terminal.stdout().includes('Ctrl-C stops all.'), patienceMs);
    expect(terminal.stdout()).toContain('\r\u001b[2K  Starting agents: 1 of 2 are up');
    expect(await askFrance(plan[1]?.api, 'ollamamax-tiny')).toEqual(paris);
    const pids = descendantsOf(terminal.pid);
    expect(pids.length).toBeGreaterThan(3);
    terminal.write('\u0003');
    await terminal.ended;
    expect(terminal.stdout()).toContain('All agents have stopped.');
    expect(terminal.stdout()).not.toContain('Killing');
    await eventually('nobody is left', () => stillRunning(pids).length === 0, patienceMs);
  });
});
