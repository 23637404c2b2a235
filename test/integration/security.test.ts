import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createCertificateAuthority, issueCertificate } from '@ollamamax/common';
import {
  eventually,
  login,
  startLocalCluster,
  type AgentHandle,
  type LocalCluster,
  type TestUser,
} from '../harness/local-cluster.ts';

const ann: TestUser = { name: 'ann', password: 'correct horse battery staple', role: 'admin' };
const bob: TestUser = { name: 'bob', password: 'another long password', role: 'user' };

describe('with authentication', () => {
  let cluster: LocalCluster;
  let agent: AgentHandle;

  beforeAll(async () => {
    cluster = await startLocalCluster({
      agents: 2,
      users: [ann, bob],
      models: [],
      config: { log: { level: 'debug' } },
    });
    agent = cluster.agent('agent-0');
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const tryLogin = (handle: AgentHandle, username: string, password: string): Promise<Response> =>
    fetch(`${handle.api}/api/v1/auth/login`, {
      method: 'POST',
      body: JSON.stringify({ username, password }),
    });

  const nodes = (handle: AgentHandle, token: string): Promise<Response> =>
    fetch(`${handle.api}/api/v1/nodes`, { headers: { authorization: `Bearer ${token}` } });

  test('a token of one agent is good at every other', async () => {
    const token = await login(agent, ann);
    for (const handle of cluster.agents) expect((await nodes(handle, token)).status).toBe(200);
  });

  test('a user who is disabled is out at once, with the tokens he has', async () => {
    const token = await login(agent, bob);
    const file = join(cluster.folder, 'users.yaml');
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, before.replace('name: bob', 'name: bob\n    disabled: true'));
    await eventually('the token is refused', async () => (await nodes(agent, token)).status === 401);
    expect((await tryLogin(agent, bob.name, bob.password)).status).toBe(401);
    writeFileSync(file, before);
    await eventually('he may come back', async () => (await nodes(agent, token)).status === 200);
  });

  test('a wrong password and an unknown user get the same answer, and guessing is slowed down', async () => {
    const wrong = await tryLogin(agent, 'ann', 'wrong');
    const unknown = await tryLogin(agent, 'nobody', 'wrong');
    const strip = async (response: Response) => {
      const { requestId: _id, ...rest } = (await response.json()) as Record<string, unknown>;
      return { status: response.status, rest };
    };
    expect(await strip(wrong)).toEqual(await strip(unknown));
    const statuses: number[] = [];
    for (let guess = 0; guess < 8; guess += 1) {
      const response = await tryLogin(agent, 'ann', `guess ${guess}`);
      statuses.push(response.status);
      if (response.status === 429) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(3);
    expect(statuses.every((status) => status === 401 || status === 429)).toBe(true);
  });

  test('no secret is in a log, whatever is logged at debug level', async () => {
    const token = await login(cluster.agent('agent-1'), ann);
    await fetch(`${agent.api}/api/v1/nodes?token=${token}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    await fetch(`${agent.api}/api/v1/nodes`, { headers: { authorization: 'Bearer canary-token-123456' } });
    await tryLogin(agent, 'canary-user', 'canary-password-123456');
    for (const { id } of cluster.agents) {
      const log = readFileSync(cluster.logFile(id), 'utf8');
      expect(log).toContain('request');
      for (const secret of [
        token,
        ann.password,
        bob.password,
        'canary-token-123456',
        'canary-password-123456',
        'a secret of the test cluster',
      ])
        expect(log).not.toContain(secret);
    }
  });
});

describe('HTTPS', () => {
  let cluster: LocalCluster;
  let folder: string;
  let ca: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ollamamax-tls-'));
    const authority = await createCertificateAuthority({ commonName: 'public CA', days: 1 });
    const { cert, key } = await issueCertificate(authority, {
      uriSan: 'https://localhost',
      dnsSans: ['localhost'],
      ipSans: ['127.0.0.1'],
      days: 1,
    });
    ca = authority.cert;
    writeFileSync(join(folder, 'tls.crt'), cert);
    writeFileSync(join(folder, 'tls.key'), key, { mode: 0o600 });
    cluster = await startLocalCluster({
      models: [],
      config: { tls: { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') } },
    });
  });

  afterAll(async () => {
    await cluster.stop();
    rmSync(folder, { recursive: true });
  });

  const status = (url: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      httpsRequest(url, { ca, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });

  const handshake = async (options: object): Promise<string | null> => {
    const url = new URL(cluster.agent('agent-0').api);
    const socket: TLSSocket = connect({ host: url.hostname, port: Number(url.port), ca, ...options });
    try {
      await once(socket, 'secureConnect');
      return socket.getProtocol();
    } finally {
      socket.destroy();
    }
  };

  test('is spoken by API and dashboard', async () => {
    const { api, dashboard } = cluster.agent('agent-0');
    expect([new URL(api).protocol, new URL(dashboard).protocol]).toEqual(['https:', 'https:']);
    expect(await status(`${api}/api/tags`)).toBe(200);
    expect(await status(`${dashboard}/api/v1/health`)).toBe(200);
  });

  test('is TLS 1.3 with 256-bit ciphers only', async () => {
    expect(await handshake({})).toBe('TLSv1.3');
    expect(await handshake({ ciphers: 'TLS_CHACHA20_POLY1305_SHA256' })).toBe('TLSv1.3');
    await expect(handshake({ maxVersion: 'TLSv1.2' })).rejects.toThrow();
    await expect(handshake({ ciphers: 'TLS_AES_128_GCM_SHA256' })).rejects.toThrow();
  });
});

test('an agent that would be open to the network does not start, and says what to do', async () => {
  await expect(startLocalCluster({ models: [], config: { listen: { api: '0.0.0.0:0' } } })).rejects.toThrow(
    /insecure_listen/,
  );
});
