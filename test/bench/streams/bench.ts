import { BenchRefused } from '../harness/bench.ts';
import type { Bench, BenchOptions, BenchResult, Row } from '../harness/bench.ts';
import { pidOf } from '../harness/child-process.ts';
import { residentBytes } from '../harness/process-cost.ts';
import { percentile } from '../harness/statistics.ts';
import { startFakeEngine } from '../fake-engine/start.ts';
import { startTwoAgents } from '../router/candidates.ts';
import type { TwoAgents } from '../router/candidates.ts';
import { holdStreams } from './hold-streams.ts';

const streams = 1000;
const tokenMs = 1000;
const openPerSecond = 200;
/** A token that comes so long after the one before it is late. */
const lateMs = 3000;
const silenceMs = 30_000;

/** What holding the streams once showed. */
interface Round {
  readonly held: number;
  readonly late: number;
  readonly gapP99Ms: number;
  readonly residentMB: number;
  readonly perStreamKB: number;
  readonly loopLagP99Ms: number;
}

/** 99th percentile of the entry agent's event loop lag since this was last asked, in milliseconds. */
const loopLagP99Ms = async (agents: TwoAgents): Promise<number> => {
  const text = await (await fetch(`${agents.entry.metrics}/metrics`)).text();
  const seconds = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text)?.[1];
  if (seconds === undefined) throw new BenchRefused('the agent does not tell its event loop lag');
  return Number(seconds) * 1000;
};

const hold = async (agents: TwoAgents, options: BenchOptions): Promise<Round> => {
  const entry = [pidOf(agents.entry.process)];
  const before = residentBytes(entry);
  await loopLagP99Ms(agents);
  let peakBytes = before;
  const sampler = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(entry));
  }, 500);
  try {
    const openingSeconds = streams / openPerSecond;
    const { peak, errors, gapsMs } = await holdStreams({
      api: agents.entry.api,
      token: agents.token,
      streams,
      tokens: Math.ceil(((options.seconds + openingSeconds) * 1000) / tokenMs),
      openPerSecond,
      silenceMs,
      signal: options.signal,
    });
    const [first] = errors;
    if (first !== undefined)
      throw new BenchRefused(`${errors.length} of ${streams} streams failed: ${first}`);
    return {
      held: peak,
      late: gapsMs.filter((gap) => gap > lateMs).length,
      gapP99Ms: percentile(gapsMs, 0.99),
      residentMB: peakBytes / 1e6,
      perStreamKB: (peakBytes - before) / streams / 1e3,
      loopLagP99Ms: await loopLagP99Ms(agents),
    };
  } finally {
    clearInterval(sampler);
  }
};

const rowsOf = (rounds: readonly Round[]): readonly Row[] => {
  const row = (
    measure: string,
    unit: Row['unit'],
    pick: (round: Round) => number,
    bounds: Pick<Row, 'floor' | 'aim'> = {},
    better: Row['better'] = 'lower',
  ): Row => ({ measure, candidate: 'ours', unit, better, values: rounds.map(pick), ...bounds });
  const atMost = (floor: number, aim: number): Pick<Row, 'floor' | 'aim'> => ({
    floor: { of: 'median', value: floor },
    aim: { of: 'median', value: aim },
  });
  return [
    row('streams held at once', 'count', ({ held }) => held, atMost(streams, streams), 'higher'),
    row(
      `streams with a token more than ${lateMs} ms after the last`,
      'count',
      ({ late }) => late,
      atMost(0, 0),
    ),
    row(
      'longest gap between tokens of a stream, P99',
      'ms',
      ({ gapP99Ms }) => gapP99Ms,
      atMost(lateMs, 1500),
    ),
    row('event loop lag of the entry agent, P99', 'ms', (round) => round.loopLagP99Ms, atMost(500, 50)),
    row('peak resident memory of the entry agent', 'MB', ({ residentMB }) => residentMB, atMost(500, 300)),
    row('resident memory per stream, entry agent', 'KB', ({ perStreamKB }) => perStreamKB, atMost(250, 100)),
  ];
};

const run = async (options: BenchOptions): Promise<BenchResult> => {
  const rounds: Round[] = [];
  const engine = await startFakeEngine(tokenMs);
  try {
    // Each round has agents of its own: memory that an earlier round left behind would flatter the next one.
    for (let round = 1; round <= options.rounds; round += 1) {
      options.progress(`round ${round} of ${options.rounds}: ${streams} streams`);
      const agents = await startTwoAgents(engine.url);
      try {
        rounds.push(await hold(agents, options));
      } finally {
        await agents.cluster.stop();
      }
    }
  } finally {
    await engine.stop();
  }
  return {
    rows: rowsOf(rounds),
    peers: {},
    notes: [
      `${streams} streams, half SSE and half NDJSON, opened at ${openPerSecond} per second through an agent that sends each on to another one; a token every ${tokenMs} ms, all held together for ${options.seconds} s; ${options.rounds} rounds.`,
      'A run with one failed or truncated stream gives no figures at all.',
    ],
  };
};

export const streamsBench: Bench = {
  name: 'streams',
  summary:
    'A thousand open streams through two agents at a token per second: lost, late, memory, event loop.',
  defaults: { rounds: 3, seconds: 20 },
  run,
};
