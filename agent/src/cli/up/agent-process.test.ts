import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { AgentProcess } from './agent-process.ts';

/** Behaves as its first argument says; leaves a line in its log for every start. */
const fakeAgent = `
const [mode] = process.argv.slice(2);
console.error('started');
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => {
  if (mode !== 'stubborn') process.exit(0);
});
if (mode === 'fails') {
  process.send({ type: 'failed', error: { code: 'port_in_use', message: 'Port 1 is taken.' } }, () => process.exit(1));
} else if (mode === 'crashes') {
  console.error('last words');
  process.exit(7);
} else if (mode !== 'silent') {
  process.send({ type: 'ready', api: 'http://127.0.0.1:1' });
}
setInterval(() => undefined, 1000);
`;

let folder = '';
let events: string[] = [];
const agents: AgentProcess[] = [];

const make = (mode: string, startTimeoutMs = 30_000): AgentProcess => {
  const agent = new AgentProcess({
    id: 'agent-0',
    args: [join(folder, 'fake.mjs'), mode],
    env: {},
    logFile: join(folder, `${mode}.log`),
    startTimeoutMs,
    onEvent: (sentence) => events.push(sentence),
    restartDelay: { minMs: 10, maxMs: 20 },
  });
  agents.push(agent);
  return agent;
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const eventually = async (what: string, check: () => boolean): Promise<void> => {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    if (check()) return;
    await delay(20);
  }
  throw new Error(`not within 30 s: ${what}`);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agent-process-'));
  await writeFile(join(folder, 'fake.mjs'), fakeAgent);
});

afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop(5000)));
  events = [];
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('is up when it says so, and drains on request', async () => {
  const agent = make('good');
  expect(await agent.start()).toMatchObject({ type: 'ready', api: 'http://127.0.0.1:1' });
  const pid = agent.pid ?? 0;
  expect(await agent.stop(30_000)).toBe('drained');
  expect(isAlive(pid)).toBe(false);
  expect(events).toEqual([]);
});

test('reports the error that the agent has told', async () => {
  await expect(make('fails').start()).rejects.toMatchObject({
    code: 'port_in_use',
    message: 'agent-0: Port 1 is taken.',
  });
});

test('shows the end of the log of an agent that dies without a word', async () => {
  await expect(make('crashes').start()).rejects.toMatchObject({
    facts: { code: 'agent_start_failed' },
    message: expect.stringMatching(/exit code 7.*\n.*started\nlast words/s),
  });
});

test('gives up on an agent that is never ready, and ends it', async () => {
  const agent = make('silent', 300);
  await expect(agent.start()).rejects.toMatchObject({
    facts: { code: 'agent_start_timeout' },
  });
  await eventually('the process is gone', () => agent.pid === undefined);
});

test('starts an agent that died again, until it is stopped', async () => {
  const agent = make('reborn');
  await agent.start();
  for (const round of [1, 2]) {
    const before = agent.pid ?? 0;
    process.kill(before, 'SIGKILL');
    await eventually(
      'it is back',
      () => events.filter((event) => event === 'agent-0 is back.').length === round,
    );
    expect(agent.pid).not.toBe(before);
  }
  expect(events[0]).toMatch(/^agent-0 ended by SIGKILL; it is started again in .* Its log is /);
  await agent.stop(30_000);
  expect(agent.pid).toBeUndefined();
  const starts = await readFile(join(folder, 'reborn.log'), 'utf8');
  expect(starts.trim().split('\n')).toEqual(['started', 'started', 'started']);
});

test('kills an agent that does not end within its grace time', async () => {
  const agent = make('stubborn');
  await agent.start();
  const pid = agent.pid ?? 0;
  expect(await agent.stop(200)).toBe('killed');
  expect(isAlive(pid)).toBe(false);
});
