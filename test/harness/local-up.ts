import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentPorts } from '../../agent/src/cli/up/port-plan.ts';
import { descendantsOf, freeBase, ollamamax, processesNaming, type Running } from './cli.ts';
import { eventually } from './local-cluster.ts';

/** Generous: a test that gets there has failed. */
export const patienceMs = 180_000;

export interface LocalUp {
  readonly dataDir: string;
  readonly plan: readonly AgentPorts[];
  readonly running: Running;
  /** Milliseconds from the start to the URLs. */
  readonly startMs: number;
  /** Agents and runners at this moment. */
  processes(): readonly number[];
}

const started: LocalUp[] = [];
const folders: string[] = [];

/** A folder that `cleanUp` removes. */
export const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-up-'));
  folders.push(folder);
  return folder;
};

/** Runs `ollamamax up` until it has printed where it answers. */
export const startUp = async (options: {
  readonly agents: number;
  readonly dataDir?: string;
  readonly plan?: readonly AgentPorts[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}): Promise<LocalUp> => {
  const dataDir = options.dataDir ?? join(newFolder(), 'data');
  const plan = options.plan ?? (await freeBase(options.agents));
  const begin = performance.now();
  const running = ollamamax(
    [
      'up',
      ...['--agents', String(options.agents)],
      ...['--port', String(plan[0]?.api)],
      ...['--data-dir', dataDir],
      ...(options.args ?? []),
    ],
    options.env === undefined ? {} : { env: options.env },
  );
  let over = false;
  running.ended.then(
    () => (over = true),
    () => (over = true),
  );
  await eventually(
    'the cluster is up',
    () => {
      if (over) throw new Error(`"up" ended: ${running.stderr()}`);
      return running.stdout().includes('Ctrl-C stops all.');
    },
    patienceMs,
  );
  const up: LocalUp = {
    dataDir,
    plan,
    running,
    startMs: Math.round(performance.now() - begin),
    processes: () => descendantsOf(running.pid),
  };
  started.push(up);
  return up;
};

/** Ends whatever a failed test has left behind. */
export const cleanUp = async (): Promise<void> => {
  for (const { running } of started.splice(0)) {
    running.signal('SIGKILL');
    await running.ended;
  }
  for (const folder of folders.splice(0)) {
    for (const pid of processesNaming(folder)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Asks an agent at this port for the capital of France. */
export const askFrance = async (
  port: number | undefined,
  model: string,
  token?: string,
): Promise<{ readonly status: number; readonly text: string }> => {
  const response = await fetch(`http://127.0.0.1:${port}/api/chat`, {
    method: 'POST',
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    body: JSON.stringify({
      model,
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      options: { temperature: 0 },
      stream: false,
    }),
    signal: AbortSignal.timeout(patienceMs),
  });
  const body = (await response.json()) as { message?: { content: string } };
  return { status: response.status, text: body.message?.content ?? '' };
};

export const paris = { status: 200, text: 'The capital of France is Paris.' };
