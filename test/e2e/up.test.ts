import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { endless, streamChat } from '../harness/chat-stream.ts';
import { descendantsOf, freeBase, ollamamax, outcome, start, stillRunning } from '../harness/cli.ts';
import { eventually } from '../harness/local-cluster.ts';
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

const model = 'ollamamax-tiny';
const france = {
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
  options: { temperature: 0 },
};
const apiOf = (up: LocalUp, index: number): number => up.plan[index]?.api ?? 0;

/** The commands below "Try:", as they stand there. */
const printedCommands = (up: LocalUp): readonly string[] => {
  const lines = up.running.stdout().split('\n');
  return lines.slice(lines.indexOf('Try:') + 1, lines.lastIndexOf('') - 3).map((line) => line.trim());
};

const noneLeft = (pids: readonly number[]): Promise<void> =>
  eventually('agents and runners are gone', () => stillRunning(pids).length === 0, patienceMs);

describe('three agents, from the first start to the end', () => {
  const dataDir = join(newFolder(), 'data');
  let up: LocalUp;
  let authority = '';

  beforeAll(async () => {
    up = await startUp({ agents: 3, dataDir });
    authority = readFileSync(join(dataDir, 'tls', 'ca.crt'), 'utf8');
    process.stdout.write(`first start of three agents: ${up.startMs} ms\n`);
  });

  test('prints the URLs of every agent, and they answer', async () => {
    for (const ports of up.plan) {
      const urls = [
        `http://127.0.0.1:${ports.api}`,
        `http://127.0.0.1:${ports.dashboard}`,
        `http://127.0.0.1:${ports.metrics}/metrics`,
      ];
      for (const url of urls) {
        expect(up.running.stdout()).toContain(url);
        // On a machine with much else to do the agents may be electing a leader just then.
        await eventually(`${url} answers`, async () => (await fetch(url)).status < 500, patienceMs);
      }
    }
  });

  test('writes nothing that only a terminal understands', () => {
    // eslint-disable-next-line no-control-regex
    const control = /[\u0000-\u0009\u000b-\u001f\u007f]/;
    expect(up.running.stdout()).not.toMatch(control);
    expect(up.running.stderr()).not.toMatch(control);
    expect(up.running.stderr()).toMatch(/^Agents up: agent-0, agent-1, agent-2\nModels ready: /);
  });

  test('prints a curl command that works as it stands', async () => {
    const [curl = ''] = printedCommands(up);
    expect(curl).toMatch(/^curl /);
    const { code, stdout } = await outcome(start('bash', ['-c', curl]));
    expect(code).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { done: boolean });
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.at(-1)).toMatchObject({ done: true });
  });

  test('prints a command for the ollama client that works as it stands', async () => {
    const [, run = ''] = printedCommands(up);
    expect(run).toBe(`OLLAMA_HOST=127.0.0.1:${apiOf(up, 0)} ollama run ${model}`);
    const client = process.env.OLLAMAMAX_OLLAMA_CLI;
    if (client === undefined) return;
    const folder = newFolder();
    const command = `ollama() { ${JSON.stringify(client)} "$@"; }; export -f ollama; ${run}`;
    const { code, stdout } = await outcome(
      start('bash', ['-c', command], {
        env: { HOME: folder },
        input: 'What is the capital of France?\n',
      }),
    );
    expect(code).toBe(0);
    expect(stdout.length).toBeGreaterThan(0);
  });

  test('every agent answers a chat', async () => {
    for (const index of [0, 1, 2]) expect(await askFrance(apiOf(up, index), model)).toEqual(paris);
  });

  test('a second "up" with the same data is refused, naming the first', async () => {
    const other = await freeBase(1);
    const { code, stdout, stderr } = await outcome(
      ollamamax(['up', '--data-dir', dataDir, '--agents', '1', '--port', String(other[0]?.api)]),
    );
    expect(code).toBe(5);
    expect(stdout).toBe('');
    expect(stderr).toContain(`in use by process ${up.running.pid}.`);
    expect(await askFrance(apiOf(up, 0), model)).toEqual(paris);
  });

  test('a second "up" on the same ports is refused, naming port, process and way out', async () => {
    const folder = join(newFolder(), 'data');
    const { code, stderr } = await outcome(
      ollamamax(['up', '--data-dir', folder, '--port', String(apiOf(up, 0))]),
    );
    expect(code).toBe(1);
    const holder = /is in use by .*main\.ts \(process (\d+)\)/.exec(stderr)?.[1];
    expect(up.processes()).toContain(Number(holder));
    expect(stderr).toContain(`Port ${apiOf(up, 0)}, for the API of agent-0,`);
    expect(stderr).toMatch(/"ollamamax up --port \d+" moves all ports/);
  });

  test('an agent that is killed comes back, and "up" says so', async () => {
    const before = up.processes();
    const [agent = 0] = before.filter((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(dataDir, 'agent-1', 'node.yaml')),
    );
    process.kill(agent, 'SIGKILL');
    await eventually('agent-1 is back', () => up.running.stderr().includes('agent-1 is back.\n'), patienceMs);
    expect(up.running.stderr()).toMatch(
      /^agent-1 ended by SIGKILL; it is started again in [\d.]+ s\. Its log is .*agent\.log\.$/m,
    );
    await eventually(
      'agent-1 answers again',
      async () => (await askFrance(apiOf(up, 1), model)).status === 200,
      patienceMs,
    );
    // The runner of the dead agent must not stay.
    await eventually(
      'one agent and its runners for each',
      () => stillRunning(before).every((pid) => up.processes().includes(pid)),
      patienceMs,
    );
  });

  test('SIGINT drains all agents: exit code 0, a running answer is not cut off, nobody stays', async () => {
    const pids = [...up.processes()];
    let begun = false;
    const answer = streamChat(`http://127.0.0.1:${apiOf(up, 0)}`, france, { onText: () => (begun = true) });
    await eventually('the answer has begun', () => begun, patienceMs);
    up.running.signal('SIGINT');
    expect(await answer).toMatchObject({ complete: true, text: paris.text });
    expect(await up.running.ended).toBe(0);
    expect(up.running.stderr()).toMatch(/Stopping: .*\nAll agents have stopped\.\n$/);
    await noneLeft(pids);
  });

  test('the second start uses what the first has made; two SIGINTs end it at once', async () => {
    up = await startUp({ agents: 3, dataDir });
    process.stdout.write(`second start of three agents: ${up.startMs} ms\n`);
    expect(readFileSync(join(dataDir, 'tls', 'ca.crt'), 'utf8')).toBe(authority);
    expect(await askFrance(apiOf(up, 2), model)).toEqual(paris);
    const pids = [...up.processes()];
    const begun = new Set<number>();
    const streams = [0, 1, 2].map((index) =>
      streamChat(`http://127.0.0.1:${apiOf(up, index)}`, endless, { onText: () => begun.add(index) }),
    );
    await eventually('all streams run', () => begun.size === streams.length, patienceMs);
    up.running.signal('SIGINT');
    await eventually('it is stopping', () => up.running.stderr().includes('Stopping:'), patienceMs);
    up.running.signal('SIGINT');
    expect(await up.running.ended).toBe(130);
    expect(up.running.stderr()).toContain('Killing all agents.\n');
    for (const { complete } of await Promise.all(streams)) expect(complete).toBe(false);
    await noneLeft(pids);
  });

  test('kill -9 of "up" leaves neither agents nor runners, and the next start works', async () => {
    up = await startUp({ agents: 2, dataDir });
    expect(await askFrance(apiOf(up, 0), model)).toEqual(paris);
    const pids = [...up.processes()];
    expect(pids.length).toBeGreaterThan(2);
    up.running.signal('SIGKILL');
    expect(await up.running.ended).toBe('SIGKILL');
    await noneLeft(pids);
    up = await startUp({ agents: 1, dataDir });
    expect(await askFrance(apiOf(up, 0), model)).toEqual(paris);
    up.running.signal('SIGTERM');
    expect(await up.running.ended).toBe(0);
  });
});

describe('an interrupted start', () => {
  test('ends with 130 and leaves nobody', async () => {
    const plan = await freeBase(3);
    const dataDir = join(newFolder(), 'data');
    const running = ollamamax(['up', '--data-dir', dataDir, '--port', String(plan[0]?.api)]);
    const pids = new Set<number>();
    await eventually(
      'the first agent is there',
      () => {
        for (const pid of descendantsOf(running.pid)) pids.add(pid);
        return pids.size > 0;
      },
      patienceMs,
    );
    running.signal('SIGINT');
    expect(await running.ended).toBe(130);
    expect(running.stderr()).toContain('Code:   interrupted');
    await noneLeft([...pids]);
  });
});

describe('a port that another program has', () => {
  test('is refused whichever of them it is', async () => {
    const plan = await freeBase(2);
    const metrics = plan[1]?.metrics ?? 0;
    const server = createServer().listen(metrics, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { code, stderr } = await outcome(
        ollamamax([
          'up',
          ...['--agents', '2', '--port', String(plan[0]?.api)],
          ...['--data-dir', join(newFolder(), 'data')],
        ]),
      );
      expect(code).toBe(1);
      expect(stderr).toContain(`Port ${metrics}, for the metrics of agent-1, is in use by`);
      expect(stderr).toContain(`(process ${process.pid})`);
    } finally {
      server.close();
    }
  });
});
