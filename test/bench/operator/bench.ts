import { setTimeout as sleep } from 'node:timers/promises';
import { performance } from 'node:perf_hooks';
import type { KubeObject } from '../../../operator/src/kube/index.ts';
import { resources } from '../../../operator/src/resources.ts';
import { BenchRefused } from '../harness/bench.ts';
import type { Bench, BenchOptions, BenchResult, Row } from '../harness/bench.ts';
import { cpuSeconds, residentBytes } from '../harness/process-cost.ts';
import { percentile } from '../harness/statistics.ts';
import { atRate, growth, levelChanges, modelsPerCluster } from './changes.ts';
import { FakeAgents } from './fake-agents.ts';
import { startOperator } from './operator-process.ts';
import type { OperatorProcess } from './operator-process.ts';
import { OperatorWrites } from './operator-writes.ts';
import type { OperatorWrite } from './operator-writes.ts';
import { startPlane } from './plane.ts';
import type { Plane } from './plane.ts';
import { Sightings } from './sightings.ts';

const fewClusters = 10;
const manyClusters = 100;
const changesPerSecond = 5;
const levelChangeSeconds = 30;
/** Every cluster is looked at again within a minute, for its Secrets. */
const quietMs = { few: 10_000, many: 75_000 } as const;
const longestSettlingMs = 300_000;

interface Stage {
  readonly plane: Plane;
  readonly operator: OperatorProcess;
  readonly writes: OperatorWrites;
  readonly sightings: Sightings;
  readonly options: BenchOptions;
}

/** What a part of a phase without changes showed. */
interface Calm {
  readonly writes: readonly OperatorWrite[];
  readonly lines: readonly string[];
  readonly cpuSecondsPerMinute: number;
  readonly residentMB: number;
}

interface StatefulSet {
  readonly metadata: { readonly generation?: number };
  readonly spec: { readonly replicas: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
  };
}

interface Judged extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const isReady = ({ metadata, status }: Judged): boolean =>
  status?.observedGeneration === metadata.generation &&
  status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';

const isRolledOut = ({ metadata, spec, status }: StatefulSet): boolean =>
  status?.observedGeneration === metadata.generation &&
  status?.readyReplicas === spec.replicas &&
  status.updatedReplicas === spec.replicas;

/** Waits until all agents run what is asked for and the operator has written nothing for a while. */
const settle = async (
  { operator, writes, sightings, options }: Stage,
  clusters: number,
  quiet: number,
): Promise<void> => {
  const began = performance.now();
  let count = writes.read().length;
  let since = began;
  for (;;) {
    await sleep(500, undefined, { signal: options.signal });
    operator.assertSound();
    const now = performance.now();
    const sets = sightings.list('StatefulSet') as unknown as readonly StatefulSet[];
    const still = sets.length === clusters && sets.every(isRolledOut);
    const written = writes.read().length;
    if (written !== count || !still) since = now;
    count = written;
    if (now - since >= quiet) return;
    if (now - began > longestSettlingMs) {
      // It is measured like that: writes without a cause are what the bench is to find.
      if (still) return;
      throw new BenchRefused(`agents do not run what is asked for after ${longestSettlingMs / 1000} s`);
    }
  }
};

/** Measures an operator of whom nothing is asked. */
const watchCalm = async ({ operator, writes, options }: Stage, seconds: number): Promise<Calm> => {
  const before = { writes: writes.read().length, lines: operator.lines().length };
  const cpu = cpuSeconds([operator.pid]);
  const began = performance.now();
  let bytes = 0;
  while (performance.now() - began < seconds * 1000) {
    await sleep(Math.min(1000, seconds * 1000), undefined, { signal: options.signal });
    operator.assertSound();
    bytes = Math.max(bytes, residentBytes([operator.pid]));
  }
  return {
    writes: writes.read().slice(before.writes),
    lines: operator.lines().slice(before.lines),
    cpuSecondsPerMinute: ((cpuSeconds([operator.pid]) - cpu) / (performance.now() - began)) * 60_000,
    residentMB: bytes / 1e6,
  };
};

/** @throws BenchRefused unless the operator says of every cluster and model that it is ready as it is now */
const assertReady = async ({ plane }: Stage, clusters: number): Promise<void> => {
  for (const [resource, wanted] of [
    [resources.cluster, clusters],
    [resources.model, clusters * modelsPerCluster],
  ] as const) {
    const { items } = await plane.client.listAll<Judged>(resource, { namespace: plane.namespace });
    const ready = items.filter(isReady);
    if (ready.length === wanted) continue;
    const other = items.find((item) => !isReady(item));
    throw new BenchRefused(
      `${ready.length} of ${wanted} ${resource.plural} are ready: ${JSON.stringify(other?.status ?? other?.metadata)}`,
    );
  }
};

/** As many parts as rounds are asked for, of equal size and in order. */
const parts = <T>(samples: readonly T[], rounds: number): readonly (readonly T[])[] =>
  Array.from({ length: rounds }, (_unused, part) =>
    samples.slice(
      Math.round((part * samples.length) / rounds),
      Math.round(((part + 1) * samples.length) / rounds),
    ),
  );

interface Measured {
  readonly few: readonly Calm[];
  readonly created: readonly number[];
  readonly changed: readonly number[];
  readonly many: readonly Calm[];
}

const rowsOf = ({ few, created, changed, many }: Measured, rounds: number): readonly Row[] => {
  const row = (
    measure: string,
    unit: Row['unit'],
    values: readonly number[],
    floor?: number,
    aim?: number,
  ): Row => ({
    measure,
    candidate: 'ours',
    unit,
    better: 'lower',
    values,
    ...(floor === undefined ? {} : { floor: { of: 'median', value: floor } }),
    ...(aim === undefined ? {} : { aim: { of: 'median', value: aim } }),
  });
  const quantile = (samples: readonly number[], q: number): readonly number[] =>
    parts(samples, rounds).map((part) => percentile(part, q));
  const models = (clusters: number): string =>
    `${clusters} clusters with ${clusters * modelsPerCluster} models`;
  return [
    row(
      `resident memory, ${models(fewClusters)}`,
      'MB',
      few.map(({ residentMB }) => residentMB),
      150,
    ),
    row('new cluster until its last object exists, P50', 's', quantile(created, 0.5)),
    row('new cluster until its last object exists, P95', 's', quantile(created, 0.95), 2, 1),
    row('new cluster until its last object exists, longest', 's', quantile(created, 1)),
    row('changed cluster until its objects show it, P50', 's', quantile(changed, 0.5)),
    row('changed cluster until its objects show it, P95', 's', quantile(changed, 0.95), 2, 1),
    row('changed cluster until its objects show it, longest', 's', quantile(changed, 1)),
    row(
      `resident memory, ${models(manyClusters)}`,
      'MB',
      many.map(({ residentMB }) => residentMB),
      300,
    ),
    row(
      'CPU time per minute while nothing changes',
      's',
      many.map((calm) => calm.cpuSecondsPerMinute),
    ),
    row(
      'writes while nothing changes',
      'count',
      many.map(({ writes }) => writes.length),
      0,
    ),
    row(
      'lines of log while nothing changes',
      'count',
      many.map(({ lines }) => lines.length),
      0,
    ),
  ];
};

/** What was written most, so that a floor of zero that was missed says where to look. */
const mostWritten = (writes: readonly OperatorWrite[]): string => {
  const counts = Map.groupBy(writes, ({ verb, resource }) => `${verb} ${resource}`);
  return [...counts]
    .map(([what, of]) => ({ what, count: of.length }))
    .sort((a, b) => b.count - a.count)
    .slice(0, 5)
    .map(({ what, count }) => `${count} × ${what}`)
    .join(', ');
};

const measure = async (stage: Stage): Promise<BenchResult> => {
  const { plane, operator, sightings, writes, options } = stage;
  const { rounds, seconds, signal, progress } = options;
  const calm = async (perPart: number): Promise<readonly Calm[]> => {
    const found: Calm[] = [];
    for (let part = 0; part < rounds; part += 1) found.push(await watchCalm(stage, perPart));
    return found;
  };
  let peakBytes = 0;
  const sampler = setInterval(() => {
    // One that has ended is told of by what waits for it.
    if (operator.runs()) peakBytes = Math.max(peakBytes, residentBytes([operator.pid]));
  }, 500);
  try {
    progress(`${fewClusters} clusters, ${changesPerSecond} changes per second`);
    await atRate(growth(plane, sightings, 0, fewClusters), changesPerSecond, signal);
    await settle(stage, fewClusters, quietMs.few);
    const few = await calm(1);

    progress(`${manyClusters} clusters, ${changesPerSecond} changes per second`);
    const more = growth(plane, sightings, fewClusters, manyClusters);
    const created = await atRate(more, changesPerSecond, signal);
    operator.assertSound();
    progress(`${levelChangeSeconds} s of changes to clusters, ${changesPerSecond} per second`);
    const count = changesPerSecond * levelChangeSeconds;
    const changed = await atRate(
      levelChanges(plane, sightings, manyClusters, count),
      changesPerSecond,
      signal,
    );
    operator.assertSound();
    const peakMB = peakBytes / 1e6;

    progress('waiting until it is still');
    await settle(stage, manyClusters, quietMs.many);
    progress(`${seconds} s without changes`);
    const many = await calm(seconds / rounds);
    await assertReady(stage, manyClusters);

    const lines = many.flatMap((part) => part.lines);
    const written = many.flatMap((part) => part.writes);
    return {
      rows: rowsOf({ few, created, changed, many }, rounds),
      peers: {},
      notes: [
        `Clusters of 3 agents with ${modelsPerCluster} models each, asked for at ${changesPerSecond} changes per second; times from the answer to an apply. A round is one of ${rounds} equal parts of a stage, not a run of its own.`,
        `Resident memory was at most ${peakMB.toFixed(0)} MB until the last change was brought about; without changes it was measured for ${seconds} s.`,
        `The operator has made ${writes.read().length} writes in all, without renewals of its lease. The agents are played by the bench: they answer the operator and have every model at once.`,
        ...(written.length > 0 ? [`Written while nothing changed: ${mostWritten(written)}.`] : []),
        ...lines.slice(0, 3).map((line) => `Said while nothing changed: ${line.slice(0, 300)}`),
      ],
    };
  } finally {
    clearInterval(sampler);
  }
};

const run = async (options: BenchOptions): Promise<BenchResult> => {
  options.progress('starting a control plane');
  const plane = await startPlane();
  const sightings = new Sightings(plane);
  const agents = new FakeAgents(plane);
  try {
    await Promise.all([sightings, agents].map((watcher) => watcher.start(options.signal)));
    const operator = await startOperator(plane, options.signal);
    const writes = new OperatorWrites(plane.control.auditLogFile, plane.operatorUser);
    try {
      return await measure({ plane, operator, writes, sightings, options });
    } finally {
      writes.close();
      await operator.stop();
    }
  } finally {
    await Promise.all([sightings, agents].map((watcher) => watcher.stop()));
    await plane.stop();
  }
};

export const operatorBench: Bench = {
  name: 'operator',
  summary:
    'The operator with 100 clusters and 500 models on a real control plane: delay, memory, and what it does when nothing changes.',
  defaults: { rounds: 3, seconds: 180 },
  run,
};
