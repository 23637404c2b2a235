import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Network } from 'testcontainers';
import type { StartedNetwork } from 'testcontainers';
import { ports, version } from '@ollamamax/api';
import { formatYaml } from '@ollamamax/common';
import { PasswordHasher } from '../../agent/src/auth/password.ts';
import { AgentApi, type ChatOutcome } from './agent-api.ts';
import { AgentContainer } from './agent-container.ts';
import { writeClusterSettings } from './cluster-settings.ts';
import { docker, ensureDocker } from './docker.ts';
import { canCompile } from './base-image.ts';
import { buildAgentImage } from './image.ts';

const ids = ['agent-0', 'agent-1', 'agent-2'];
const model = 'tiny';
const user = { username: 'ada', password: 'a long enough password' };
const secret = 'only for these three containers, and no longer than they live';

const mebibyte = 1024 ** 2;
/** An answer that takes long, whatever the model would say by itself. */
const longList = { type: 'array', items: { type: 'integer' }, minItems: 500 };
/** Prints the bytes of memory in a container that the kernel cannot take back. */
const ownMemory = `
  const { readdirSync, readFileSync } = require('node:fs');
  const kibibytes = readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).map((name) => {
    try { return Number(/^RssAnon:\\s+(\\d+)/m.exec(readFileSync('/proc/' + name + '/status', 'utf8'))?.[1] ?? 0); }
    catch { return 0; }
  });
  console.log(1024 * kibibytes.reduce((sum, one) => sum + one, 0));`;
/**
 * Takes more and more memory until the kernel has ended a process for want of it. Linux sometimes ends another one before
 * it has taken all that the first had, so this one asks to be the next.
 */
const takesMemory = `
  const { readFileSync, writeFileSync } = require('node:fs');
  writeFileSync('/proc/self/oom_score_adj', '900');
  const kills = () => /^oom_kill (\\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))[1];
  const before = kills();
  const taken = [];
  const step = () => {
    if (kills() !== before) return;
    taken.push(Buffer.alloc(4 * 1024 * 1024, 1));
    setTimeout(step, 20);
  };
  step();`;

/** Asks again and again, two at a time, until both answers break off. @returns what they end with @throws after a minute */
const untilBroken = async (ask: () => Promise<ChatOutcome>): Promise<string> => {
  const deadline = Date.now() + 60_000;
  const askOn = async (): Promise<string> => {
    while (Date.now() < deadline) {
      const { done, error, text } = await ask();
      if (!done) return error ?? text;
    }
    throw new Error('No answer has broken off.');
  };
  return (await Promise.all([askOn(), askOn()])).join('\n');
};

interface ImageFacts {
  readonly Size: number;
  readonly Config: {
    readonly User: string;
    readonly StopSignal: string;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Healthcheck: { readonly Test: readonly string[] };
  };
}

let stopDocker = (): Promise<void> => Promise.resolve();
let image = '';
let base = '';
let network: StartedNetwork | undefined;
const folder = mkdtempSync(join(tmpdir(), 'ollamamax-containers-'));
const agents: AgentContainer[] = [];
const apis: AgentApi[] = [];

beforeAll(async () => {
  stopDocker = await ensureDocker();
  ({ name: image, base } = await buildAgentImage());
  network = await new Network().start();
  const started = network;
  const settings = await writeClusterSettings({
    folder,
    cluster: 'containers',
    ids,
    peersDns: 'agents',
    users: formatYaml({
      users: [
        { name: user.username, role: 'admin', passwordHash: await new PasswordHasher().hash(user.password) },
      ],
    }),
    jwtSecret: secret,
    model,
  });
  const outcomes = await Promise.allSettled(
    [...settings].map(([id, path]) =>
      AgentContainer.start({ image, id, network: started, alias: 'agents', settings: path }),
    ),
  );
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') agents.push(outcome.value);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  apis.push(...agents.map((agent) => new AgentApi(agent.url(ports.api, ''), user)));
  await apis[0]!.bootstrap();
}, 20 * 60_000);

afterAll(async () => {
  for (const agent of agents) await agent.remove();
  await network?.stop();
  // Images of earlier runs, whose name this one has taken.
  if (image !== '') {
    await docker(['image', 'prune', '--force', '--filter=label=org.opencontainers.image.revision=test']);
  }
  await stopDocker();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

describe('the image', () => {
  test('runs as a numeric user that is nobody, is labelled and small', async () => {
    const [facts] = JSON.parse(await docker(['image', 'inspect', image])) as [ImageFacts];
    expect(facts.Config.User).toBe('65532:65532');
    expect(facts.Config.StopSignal).toBe('SIGTERM');
    expect(facts.Config.Labels).toMatchObject({
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': 'test',
      'org.opencontainers.image.licenses': 'Apache-2.0',
    });
    const baseSize = Number(await docker(['image', 'inspect', '--format={{.Size}}', base]));
    expect(facts.Size - baseSize).toBeLessThan(100_000_000);
  });

  test('has our own build of the addon, and it loads', async () => {
    const script = `
      import { findNativeBuild, openNativeLlama } from '/app/agent/src/inference/runner/native-build.ts';
      const build = findNativeBuild((reason) => console.log(reason));
      if (build !== undefined) {
        const llama = await openNativeLlama(build, { maxThreads: 1, logger: () => undefined });
        await llama.dispose();
        console.log('loaded');
      }`;
    const { output } = await agents[0]!.exec(['node', '--input-type=module', '--eval', script]);
    expect(output.trim()).toMatch(canCompile() ? /^loaded$/ : /there is no own build/);
  });

  test('refuses to listen on all addresses without authentication', async () => {
    await expect(docker(['run', '--rm', image])).rejects.toThrow(/auth/);
  });
});

describe('three containers on one network', () => {
  test('are without privileges and cannot write to their own files', async () => {
    const script = `
      const { readFileSync, writeFileSync } = require('node:fs');
      const status = readFileSync('/proc/1/status', 'utf8');
      const field = (name) => status.match(new RegExp('^' + name + ':\\\\s*(.*)$', 'm'))[1].split(/\\s+/)[0];
      const denied = (path) => { try { writeFileSync(path, ''); return ''; } catch (error) { return error.code; } };
      console.log(JSON.stringify({
        uid: field('Uid'), effective: field('CapEff'), noNewPrivileges: field('NoNewPrivs'),
        app: denied('/app/x'), data: denied('/data/x'), tmp: denied('/tmp/x'),
      }));`;
    const { exitCode, output } = await agents[0]!.exec(['node', '-e', script]);
    expect({ exitCode, output: JSON.parse(output) as unknown }).toEqual({
      exitCode: 0,
      output: {
        uid: '65532',
        effective: '0000000000000000',
        noNewPrivileges: '1',
        app: 'EROFS',
        data: '',
        tmp: '',
      },
    });
  });

  test('pass the health check that the image carries', async () => {
    const [facts] = JSON.parse(await docker(['image', 'inspect', image])) as [ImageFacts];
    const [kind, ...command] = facts.Config.Healthcheck.Test;
    expect(kind).toBe('CMD');
    expect(await agents[0]!.exec([...command])).toMatchObject({ exitCode: 0 });
  });

  test('demand a token', async () => {
    const answer = await fetch(agents[1]!.url(ports.api, '/api/tags'));
    expect(answer.status).toBe(401);
  });

  test('serve the dashboard', async () => {
    const answer = await fetch(agents[1]!.url(ports.dashboard, '/'));
    expect(answer.status).toBe(200);
    expect(await answer.text()).toMatch(/<script[^>]+src="\/?assets\//);
  });

  test('find each other by name and all answer for a model that one of them holds', async () => {
    for (const api of apis) await api.untilReady(3);
    const answers = await Promise.all(apis.map((api) => api.chat(model)));
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 200, done: true, text: expect.stringMatching(/\w/) });
    }
    const holders = new Set(answers.map(({ servedBy }) => servedBy));
    expect(holders.size).toBe(1);
    expect(ids).toContain([...holders][0]);
  });

  test('take a token that another has given', async () => {
    const token = await apis[0]!.login();
    for (const agent of agents) {
      const answer = await fetch(agent.url(ports.api, '/api/tags'), {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(answer.status).toBe(200);
    }
  });

  test('lose the runner when memory runs out, say so, and load the model again', async () => {
    const { servedBy } = await apis[0]!.chat(model);
    const holder = agents.findIndex(({ id }) => id === servedBy);
    const { output } = await agents[holder]!.exec(['node', '-e', ownMemory]);
    await agents[holder]!.limitMemory(Number(output) + 80 * mebibyte);
    // An agent that holds nothing passes on what the holder says.
    const asked = apis[(holder + 1) % apis.length]!;
    const broken = untilBroken(() => asked.chat(model, { tokens: 4000, format: longList }));
    const hungry = agents[holder]!.exec(['node', '-e', takesMemory]);
    expect(await broken).toMatch(/The runner of tiny:latest .* was ended by the kernel, which had no memory/);
    await hungry;
    await agents[holder]!.limitMemory(4096 * mebibyte);
    for (const api of apis) expect(await api.chat(model)).toMatchObject({ done: true, servedBy });
    expect(agents[holder]!.log().split('agent is ready')).toHaveLength(2);
  });

  test('lose no stream when one of them is stopped, and go on without it', async () => {
    const { servedBy } = await apis[0]!.chat(model);
    const leaving = agents.findIndex(({ id }) => id !== servedBy);
    const streams = [1, 2, 3].map(() => apis[leaving]!.chat(model, { tokens: 200 }));
    await sleep(100);
    const exitCode = agents[leaving]!.terminate();
    for (const stream of await Promise.all(streams))
      expect(stream).toMatchObject({ status: 200, done: true });
    expect(await exitCode).toBe(0);
    for (const api of apis.filter((_, index) => index !== leaving)) {
      await api.untilReady(2);
      expect(await api.chat(model)).toMatchObject({ status: 200, done: true, servedBy });
    }
  });

  test('write no secret and no password into their logs', () => {
    for (const agent of agents) {
      const log = agent.log();
      expect(log).toMatch(/agent is ready/);
      expect(log).not.toContain(secret);
      expect(log).not.toContain(user.password);
    }
  });
});
