import { performance } from 'node:perf_hooks';
import { startLocalCluster } from '../../harness/local-cluster.ts';
import type { Bench, BenchOptions, BenchResult, Row } from '../harness/bench.ts';
import { own, pidOf } from '../harness/child-process.ts';
import { residentBytes } from '../harness/process-cost.ts';
import { idleLimitMB } from './limit.ts';

interface Round {
  readonly startSeconds: number;
  readonly residentMB: number;
}

const once = async (options: BenchOptions): Promise<Round> => {
  const began = performance.now();
  const cluster = await startLocalCluster({ agents: 1, models: [] });
  try {
    const startSeconds = (performance.now() - began) / 1000;
    const [agent] = cluster.agents;
    if (agent === undefined) throw new Error('the agent ended');
    own(agent.process);
    await new Promise((resolve) => setTimeout(resolve, options.seconds * 1000));
    options.signal.throwIfAborted();
    return { startSeconds, residentMB: residentBytes([pidOf(agent.process)]) / 1e6 };
  } finally {
    await cluster.stop();
  }
};

const run = async (options: BenchOptions): Promise<BenchResult> => {
  const rounds: Round[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    options.progress(`round ${round} of ${options.rounds}`);
    rounds.push(await once(options));
  }
  const common = { candidate: 'ours', better: 'lower' } as const;
  const rows: readonly Row[] = [
    {
      ...common,
      measure: 'resident memory of an idle agent without a model',
      unit: 'MB',
      values: rounds.map(({ residentMB }) => residentMB),
      floor: { of: 'median', value: idleLimitMB },
      aim: { of: 'median', value: 120 },
    },
    {
      ...common,
      measure: 'start of the process until it is ready',
      unit: 's',
      values: rounds.map(({ startSeconds }) => startSeconds),
      floor: { of: 'median', value: 10 },
      aim: { of: 'median', value: 1.5 },
    },
  ];
  return {
    rows,
    peers: {},
    notes: [
      `A single agent, measured ${options.seconds} s after it was ready; ${options.rounds} starts. The start includes making its certificates and configuration.`,
    ],
  };
};

export const idleBench: Bench = {
  name: 'idle',
  summary: 'Resident memory of an agent that has nothing to do and no model, and how long it takes to start.',
  defaults: { rounds: 5, seconds: 5 },
  run,
};
