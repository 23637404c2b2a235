import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../cluster/kubernetes/free-ports.ts';
import { until } from '../../cluster/kubernetes/until.ts';
import type { Bench, BenchOptions, BenchResult, Row } from '../harness/bench.ts';
import { own, stopChild } from '../harness/child-process.ts';
import { rotatedOrder } from '../harness/rounds.ts';
import { percentile } from '../harness/statistics.ts';
import type { RaftCandidate } from './candidate.ts';
import { writeCertificates } from './certificates.ts';
import { coreSpeed } from './core-speed.ts';
import { raftPrograms, startEtcd, type RaftPrograms } from './etcd.ts';
import { failover } from './failover.ts';
import { startOurs, type OurCluster } from './ours.ts';
import { recoverLargeLog, writeLargeLog } from './recovery.ts';

const learners = 100;
const learnerRate = 200;
const failoversPerRound = 3;
const curve = [1, 8, 64, 500];

/** What both clusters are asked for in each round. */
interface Shared {
  readonly writesPerSecond: number;
  readonly singleP50Ms: number;
  readonly tail: number;
  readonly readsPerSecond: number;
}

/** What only ours is asked for. */
interface Own {
  readonly residentMB: number;
  /** Of that, what came with the consensus and its load. */
  readonly addedMB: number;
  readonly syncsPerWrite: readonly number[];
  readonly failoversMs: readonly number[];
}

const measureShared = async (candidate: RaftCandidate, seconds: number): Promise<Shared> => {
  // As etcd's own published figures: many clients share a connection.
  const many = { clients: 500, connections: 100, bytes: 1024, seconds };
  const full = await candidate.load(many);
  const writesPerSecond = full.operations / full.seconds;
  const half = await candidate.load({ ...many, rate: writesPerSecond / 2 });
  const single = await candidate.load({
    clients: 1,
    connections: 1,
    bytes: 256,
    seconds: seconds / 2,
    leaderOnly: true,
  });
  const reads = await candidate.load({
    clients: 100,
    connections: 100,
    bytes: 64,
    seconds: seconds / 2,
    reads: true,
    followersOnly: true,
  });
  return {
    writesPerSecond,
    singleP50Ms: single.p50Ms,
    tail: half.p99Ms / half.p50Ms,
    readsPerSecond: reads.operations / reads.seconds,
  };
};

const measureOwn = async (cluster: OurCluster, certificates: string, seconds: number): Promise<Own> => {
  const syncsPerWrite: number[] = [];
  for (const clients of curve) {
    const before = (await cluster.leader()).figures;
    await cluster.load({
      clients,
      connections: Math.min(clients, 100),
      bytes: 1024,
      seconds: seconds / 4,
    });
    const after = (await cluster.leader()).figures;
    syncsPerWrite.push((after.syncs - before.syncs) / (after.applied - before.applied));
  }
  const { rss, bareRss } = (await cluster.leader()).figures;
  const failoversMs: number[] = [];
  for (let kill = 0; kill < failoversPerRound; kill += 1)
    failoversMs.push(await failover(cluster, certificates));
  return { residentMB: rss / 1e6, addedMB: (rss - bareRss) / 1e6, syncsPerWrite, failoversMs };
};

/** @returns share of a processor, in percent, that the leader of three takes with 100 more members at 200 writes a second */
const learnersCpu = async (
  folder: string,
  certificates: string,
  loadProgram: string,
  { signal, seconds }: BenchOptions,
): Promise<number> => {
  const ports = await freePorts(2 * (3 + learners));
  const plan = JSON.stringify({ id: 0, members: 3 + learners, ports, folder, certificates, create: true });
  const child = own(
    spawn(process.execPath, [fileURLToPath(new URL('learners/main.ts', import.meta.url)), plan], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  await once(child.stdout, 'data', { signal });
  const cluster = await startOurs(folder, certificates, loadProgram, signal, ports);
  try {
    await until('all have joined', async () => (await cluster.leader()).figures.learners === learners, {
      timeoutMs: 300_000,
      everyMs: 1000,
    });
    const before = (await cluster.leader()).figures.cpuMicros;
    const begin = performance.now();
    await cluster.load({ clients: 16, connections: 16, bytes: 256, seconds, rate: learnerRate });
    const used = (await cluster.leader()).figures.cpuMicros - before;
    return used / 10 / (performance.now() - begin);
  } finally {
    await cluster.stop();
    await stopChild(child);
  }
};

const rowsOf = (
  ours: readonly Shared[],
  etcd: readonly Shared[],
  own_: readonly Own[],
  others: {
    readonly core: readonly number[];
    readonly cpu: readonly number[];
    readonly recovery: readonly number[];
  },
): readonly Row[] => {
  const compared = (
    measure: string,
    unit: Row['unit'],
    better: Row['better'],
    pick: (round: Shared) => number,
    floor: number,
    aim: number,
  ): Row[] => {
    const values = ours.map(pick);
    const peers = etcd.map(pick);
    return [
      {
        measure,
        candidate: 'ours',
        unit,
        better,
        values,
        ratio: { to: 'etcd', values: values.map((value, at) => value / (peers[at] ?? Number.NaN)) },
        floor: { of: 'ratio', value: floor },
        aim: { of: 'ratio', value: aim },
      },
      { measure, candidate: 'etcd', unit, better, values: peers },
    ];
  };
  const alone = (
    measure: string,
    unit: Row['unit'],
    better: Row['better'],
    values: readonly number[],
    floor?: number,
    aim?: number,
  ): Row => ({
    measure,
    candidate: 'ours',
    unit,
    better,
    values,
    ...(floor === undefined ? {} : { floor: { of: 'median', value: floor } }),
    ...(aim === undefined ? {} : { aim: { of: 'median', value: aim } }),
  });
  const failovers = own_.flatMap(({ failoversMs }) => failoversMs);
  return [
    ...compared('writes, 500 clients, 1 KiB', '1/s', 'higher', (one) => one.writesPerSecond, 1, 2),
    ...compared('write, 1 client, 256 B, P50', 'ms', 'lower', (one) => one.singleP50Ms, 1, 0.6),
    ...compared('writes at half load, P99 / P50', '', 'lower', (one) => one.tail, 1, 0.7),
    ...compared(
      'linearizable reads at followers, 100 clients',
      '1/s',
      'higher',
      (one) => one.readsPerSecond,
      1,
      2,
    ),
    alone(
      'leader killed, to the next acknowledged write, P95',
      's',
      'lower',
      own_.map(() => percentile(failovers, 0.95) / 1000),
      2,
    ),
    alone('core alone, batches of 64', '1/s', 'higher', others.core, 100_000, 300_000),
    alone(
      `leader of ${learners} more members, ${learnerRate} writes/s, processor`,
      '%',
      'lower',
      others.cpu,
      60,
      30,
    ),
    alone('recovery of a log of 1 GiB', 's', 'lower', others.recovery, 20, 5),
    alone(
      'resident memory that leading adds, after full load',
      'MB',
      'lower',
      own_.map(({ addedMB }) => addedMB),
      120,
    ),
    alone(
      'resident memory of the whole process of the leader',
      'MB',
      'lower',
      own_.map(({ residentMB }) => residentMB),
    ),
    ...curve.map((clients, at) =>
      alone(
        `syncs of the leader per write, ${clients} ${clients === 1 ? 'client' : 'clients'}`,
        '',
        'lower',
        own_.map(({ syncsPerWrite }) => syncsPerWrite[at] ?? Number.NaN),
      ),
    ),
  ];
};

const round = async (
  folder: string,
  certificates: string,
  programs: RaftPrograms,
  order: readonly ('ours' | 'etcd')[],
  { signal, seconds }: BenchOptions,
): Promise<{ ours: Shared; etcd: Shared; own: Own }> => {
  const shared = new Map<string, Shared>();
  let mine: Own | undefined;
  for (const name of order) {
    const place = await mkdtemp(join(folder, `${name}-`));
    const ours = name === 'ours' ? await startOurs(place, certificates, programs.load, signal) : undefined;
    const candidate = ours ?? (await startEtcd(programs, place, certificates, signal));
    try {
      shared.set(name, await measureShared(candidate, seconds));
      if (ours !== undefined) mine = await measureOwn(ours, certificates, seconds);
    } finally {
      await candidate.stop();
      await rm(place, { recursive: true, force: true });
    }
  }
  const [ours, etcd] = [shared.get('ours'), shared.get('etcd')];
  if (ours === undefined || etcd === undefined || mine === undefined)
    throw new Error('a round is incomplete');
  return { ours, etcd, own: mine };
};

const run = async (options: BenchOptions): Promise<BenchResult> => {
  const { progress, signal, rounds } = options;
  const programs = await raftPrograms(progress, signal);
  // Below the home folder: the temporary one may be memory, on which a sync costs nothing.
  const base = join(homedir(), '.cache', 'ollamamax');
  await mkdir(base, { recursive: true });
  const folder = await mkdtemp(join(base, 'bench-raft-run-'));
  try {
    await writeCertificates(folder, 3 + learners);
    const results: { ours: Shared; etcd: Shared; own: Own }[] = [];
    const core: number[] = [];
    const cpu: number[] = [];
    const recovery: number[] = [];
    for (const [at, order] of rotatedOrder(['ours', 'etcd'] as const, rounds).entries()) {
      progress(`round ${at + 1} of ${rounds}`);
      results.push(await round(folder, folder, programs, order, options));
      core.push(coreSpeed());
    }
    progress('a log of 1 GiB');
    const large = await writeLargeLog(folder);
    for (let at = 0; at < rounds; at += 1) recovery.push(await recoverLargeLog(large));
    await rm(large, { recursive: true });
    for (let at = 0; at < rounds; at += 1) {
      progress(`${learners} learners, ${at + 1} of ${rounds}`);
      const place = await mkdtemp(join(folder, 'learners-'));
      cpu.push(await learnersCpu(place, folder, programs.load, options));
      await rm(place, { recursive: true, force: true });
    }
    return {
      rows: rowsOf(
        results.map(({ ours }) => ours),
        results.map(({ etcd }) => etcd),
        results.map((one) => one.own),
        { core, cpu, recovery },
      ),
      peers: { etcd: programs.version },
      notes: [
        'Three members in processes of their own on loopback, mutual TLS among members and with clients, one disk, every acknowledged write synced.',
        'One program in Go loads both, etcd through its own client, on the same processors as the members; the first two seconds of a load do not count, and one client asks the leader.',
        '500 clients share 100 connections. Half load is half of what the same candidate did at full load in the same round.',
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

export const raftBench: Bench = {
  name: 'raft',
  summary: 'Writes, reads, failover, recovery and memory of the consensus, beside etcd.',
  defaults: { rounds: 5, seconds: 10 },
  run,
};
