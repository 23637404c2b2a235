import { Agent } from 'node:http';
import { BenchRefused } from '../harness/bench.ts';
import type { Bench, BenchOptions, BenchResult, Row } from '../harness/bench.ts';
import { assertSound, openLoop } from '../harness/open-loop.ts';
import type { Shot, Slice } from '../harness/open-loop.ts';
import { cpuSeconds, residentBytes } from '../harness/process-cost.ts';
import { interleave } from '../harness/rounds.ts';
import { pairedDifferences, pairedRatios, percentile } from '../harness/statistics.ts';
import { startFakeEngine } from '../fake-engine/start.ts';
import { tokens } from '../fake-engine/tokens.ts';
import { direct, envoy, ours, smg } from './candidates.ts';
import type { Candidate } from './candidates.ts';
import { peerPrograms } from './peer-programs.ts';

const ratePerSecond = 100;
/** Just-in-time compilers have seen every path by then. */
const warmUp = { ratePerSecond: 200, seconds: 5 } as const;
/** Answers per kind, candidate and round below which a P99 is a maximum. */
const fewestAnswers = 100;
/** A peer that adds less than this is no ground for a ratio. */
const leastAddedMs = 0.02;

interface Measure {
  readonly name: string;
  readonly kind: 'json' | 'sse';
  readonly time: 'firstByteMs' | 'lastByteMs';
}

const measures: readonly Measure[] = [
  { name: 'JSON answer', kind: 'json', time: 'lastByteMs' },
  { name: 'SSE first byte', kind: 'sse', time: 'firstByteMs' },
  { name: 'SSE last byte', kind: 'sse', time: 'lastByteMs' },
];

const quantiles = [
  { name: 'P50', q: 0.5, floorMs: 2 },
  { name: 'P95', q: 0.95, floorMs: 5 },
  { name: 'P99', q: 0.99, floorMs: undefined },
] as const;

const answer = tokens.join('');

const chat = (stream: boolean): string =>
  JSON.stringify({
    model: 'ollamamax-tiny',
    stream,
    max_tokens: tokens.length,
    temperature: 0.7,
    messages: [
      { role: 'system', content: 'You are a helpful assistant that answers briefly.' },
      { role: 'user', content: 'What does a router add to the time of a request?' },
    ],
  });

interface JsonAnswer {
  readonly choices?: readonly { readonly message?: { readonly content?: string } }[];
}

interface SseChunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[];
}

const jsonProblem = (body: string): string | undefined => {
  const text = (JSON.parse(body) as JsonAnswer).choices?.[0]?.message?.content;
  return text === answer ? undefined : 'another answer than the engine gave';
};

const sseProblem = (body: string): string | undefined => {
  const data = body
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice('data: '.length));
  if (data.pop() !== '[DONE]') return 'the stream does not end with [DONE]';
  const text = data.map((line) => (JSON.parse(line) as SseChunk).choices?.[0]?.delta?.content ?? '').join('');
  return text === answer ? undefined : 'another answer than the engine gave';
};

const shotsFor = (candidate: Candidate): readonly Shot[] => {
  const common = { url: new URL('/v1/chat/completions', candidate.url), headers: candidate.headers };
  return [
    { ...common, kind: 'json', body: chat(false), problem: jsonProblem },
    { ...common, kind: 'sse', body: chat(true), problem: sseProblem },
  ];
};

/** What one candidate did in one round. */
interface Round {
  /** Milliseconds by measure and quantile, as `measure P50`. */
  readonly times: Readonly<Record<string, number>>;
  readonly cpuSecondsPer1000: number;
  readonly residentMB: number;
}

const keyOf = (measure: Measure, quantile: { readonly name: string }): string =>
  `${measure.name}, added ${quantile.name}`;

const timesOf = (candidate: Candidate, slice: Slice): Readonly<Record<string, number>> =>
  Object.fromEntries(
    measures.flatMap((measure) => {
      const samples = slice.timings
        .filter(({ kind }) => kind === measure.kind)
        .map((timing) => timing[measure.time]);
      if (samples.length < fewestAnswers)
        throw new BenchRefused(
          `${candidate.name} gave ${samples.length} answers per round (${measure.kind}), at least ${fewestAnswers} are needed: raise --seconds`,
        );
      return quantiles.map((quantile) => [keyOf(measure, quantile), percentile(samples, quantile.q)]);
    }),
  );

const measureAll = async (
  candidates: readonly Candidate[],
  options: BenchOptions,
): Promise<ReadonlyMap<Candidate, readonly Round[]>> => {
  const agents = new Map(
    candidates.map((candidate) => [candidate, new Agent({ keepAlive: true, scheduling: 'lifo' })]),
  );
  const shoot = async (candidate: Candidate, rate: number, seconds: number): Promise<Slice> => {
    const agent = agents.get(candidate) ?? new Agent();
    const shots = shotsFor(candidate);
    const slice = await openLoop({ shots, agent, ratePerSecond: rate, seconds, signal: options.signal });
    assertSound(candidate.name, slice);
    return slice;
  };
  try {
    for (const candidate of candidates) {
      options.progress(`warming ${candidate.name} up`);
      await shoot(candidate, warmUp.ratePerSecond, warmUp.seconds);
    }
    return await interleave(candidates, options.rounds, async (candidate, round) => {
      options.progress(`round ${round + 1} of ${options.rounds}: ${candidate.name}`);
      const cpuBefore = cpuSeconds(candidate.pids);
      const slice = await shoot(candidate, ratePerSecond, options.seconds);
      const cpu = cpuSeconds(candidate.pids) - cpuBefore;
      return {
        times: timesOf(candidate, slice),
        cpuSecondsPer1000: (cpu * 1000) / slice.timings.length,
        residentMB: residentBytes(candidate.pids) / 1e6,
      };
    });
  } finally {
    for (const agent of agents.values()) agent.destroy();
  }
};

const timeRows = (rounds: ReadonlyMap<string, readonly Round[]>): Row[] => {
  const values = (candidate: string, key: string): number[] =>
    (rounds.get(candidate) ?? []).map(({ times }) => times[key] ?? Number.NaN);
  return measures.flatMap((measure) =>
    quantiles.flatMap((quantile): Row[] => {
      const key = keyOf(measure, quantile);
      const base = values('direct', key);
      const added = (candidate: string): readonly number[] => pairedDifferences(values(candidate, key), base);
      const common = { unit: 'ms', better: 'lower' } as const;
      return [
        { ...common, measure: key.replace('added ', ''), candidate: 'direct', values: base },
        { ...common, measure: key, candidate: 'envoy', values: added('envoy') },
        { ...common, measure: key, candidate: 'smg', values: added('smg') },
        {
          ...common,
          measure: key,
          candidate: 'ours, no hop',
          values: added('ours, no hop'),
          ratio: { to: 'smg', values: pairedRatios(added('ours, no hop'), added('smg'), leastAddedMs) },
        },
        {
          ...common,
          measure: key,
          candidate: 'ours',
          values: added('ours'),
          ratio: { to: 'smg', values: pairedRatios(added('ours'), added('smg'), leastAddedMs) },
          aim: { of: 'ratio', value: 1.5 },
          ...(quantile.floorMs === undefined
            ? {}
            : { floor: { of: 'median', value: quantile.floorMs } as const }),
        },
      ];
    }),
  );
};

const costRows = (rounds: ReadonlyMap<string, readonly Round[]>): Row[] =>
  (['envoy', 'smg', 'ours, no hop', 'ours'] as const).flatMap((candidate): Row[] => {
    const own = rounds.get(candidate) ?? [];
    const common = { candidate, better: 'lower' } as const;
    return [
      {
        ...common,
        measure: 'CPU per 1,000 requests',
        unit: 's',
        values: own.map(({ cpuSecondsPer1000 }) => cpuSecondsPer1000),
      },
      { ...common, measure: 'resident memory', unit: 'MB', values: own.map(({ residentMB }) => residentMB) },
    ];
  });

const run = async (options: BenchOptions): Promise<BenchResult> => {
  const programs = await peerPrograms(options.progress, options.signal);
  const stops: (() => Promise<void>)[] = [];
  const started = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const running = await starting;
    stops.unshift(() => running.stop());
    options.signal.throwIfAborted();
    return running;
  };
  try {
    options.progress('starting the engine and the ways to it');
    const engine = await started(startFakeEngine(0));
    const second = await started(startFakeEngine(0));
    const candidates = [
      direct(engine.url),
      await started(envoy(programs, engine.url)),
      await started(smg(programs, [engine.url, second.url])),
      ...(await started(ours(engine.url))).candidates,
    ];
    const measured = await measureAll(candidates, options);
    const rounds = new Map([...measured].map(([candidate, own]) => [candidate.name, own]));
    return {
      rows: [...timeRows(rounds), ...costRows(rounds)],
      peers: programs.versions,
      notes: [
        `${ratePerSecond} requests per second, open loop, half plain JSON and half SSE, ${tokens.length} tokens each, ${options.rounds} rounds of ${options.seconds} s per candidate; times count from when a request was to be sent.`,
        'Added: percentile of a candidate in a round minus that of the direct way in the same round.',
        'Ours does what the peers do not: checks a token, validates the body, takes one hop over mutual TLS to a second agent and turns the engine’s stream into events and back. Its CPU and memory are those of both agents. "No hop" asks the second agent itself.',
      ],
    };
  } finally {
    for (const stop of stops) await stop();
  }
};

export const routerBench: Bench = {
  name: 'router',
  summary:
    'Time that the agents add to a request at 100 requests per second, beside Envoy and smg in front of the same engine.',
  defaults: { rounds: 7, seconds: 6 },
  run,
};
