import type { RaftConfig } from '../../../agent/src/raft/core/config.ts';
import type { DriverLimits } from '../../../agent/src/raft/node/driver-limits.ts';
import type { Chance } from './world/chance.ts';
import { millisecond, second, type Micros } from './world/clock.ts';
import type { Weather } from './world/network.ts';

/** Every kind of thing that can befall a cluster; each seed draws which of them do. */
export const faultKinds = [
  'powerLoss',
  'kill',
  'pause',
  'partition',
  'leaderCutOff',
  'flapping',
  'clog',
  'slowDisk',
  'diskErrors',
  'fullDisk',
  'bitFlip',
  'lostDisk',
  'clockRate',
  'transfer',
  'forgetLeader',
  'campaign',
  'unreachable',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** All that one seed decides before anything happens. */
export interface Plan {
  readonly voters: number;
  readonly learners: number;
  readonly raft: Omit<RaftConfig, 'id' | 'applied' | 'random'>;
  readonly limits: DriverLimits;
  readonly tick: Micros;
  readonly weather: Weather;
  /** Of a member in the middle: some have faster disks, some slower ones. */
  readonly diskLatency: Micros;
  readonly segmentBytes: number;
  readonly cacheBytes: number;
  /** Kinds that are more likely stand there more than once. */
  readonly faults: readonly FaultKind[];
  /** Mean time from one fault to the next. */
  readonly faultEvery: Micros;
  /** Mean time that a fault lasts. */
  readonly faultLasts: Micros;
  /** Mean time from one change of the members to the next; 0 for none. */
  readonly churnEvery: Micros;
  readonly clients: number;
  readonly keys: number;
  readonly thinkTime: Micros;
  /** Bytes that blow up a command. */
  readonly padding: number;
  /** How long faults last in all. */
  readonly duration: Micros;
  /** Or until so much has happened: a few large and busy clusters must not take most of the time of all seeds. */
  readonly mostEvents: number;
}

/** Small numbers are where the trouble is: mostly small, at times large. */
const mostlySmall = (chance: Chance, small: readonly number[], large: readonly number[]): number =>
  chance.pick(chance.happens(0.8) ? small : large);

const drawWeather = (chance: Chance): Weather => ({
  loss: chance.happens(0.4) ? 0 : chance.fraction() ** 2 * 0.3,
  duplication: chance.happens(0.5) ? 0 : chance.fraction() ** 2 * 0.2,
  delay: chance.pick([100, 500, 2000, 8000]),
  stragglers: chance.happens(0.5) ? 0 : chance.pick([0.02, 0.1, 0.3]),
  inOrder: chance.happens(0.4),
});

const drawLimits = (chance: Chance): DriverLimits => ({
  patienceTicks: 40,
  readRetryTicks: chance.pick([3, 8]),
  maxPendingProposals: mostlySmall(chance, [64], [2]),
  maxPendingReads: mostlySmall(chance, [64], [2]),
  maxInbox: mostlySmall(chance, [1024], [4]),
  snapshotBytes: chance.pick([600, 1_000_000, 1_000_000]),
  snapshotEntries: chance.pick([3, 10, 40, 1_000]),
  keepEntries: chance.pick([0, 5, 30, 100]),
});

/** What makes leaders follow each other fast, so that what one has left meets what the next one wants. */
const upheaval: readonly FaultKind[] = [
  'leaderCutOff',
  'powerLoss',
  'kill',
  'slowDisk',
  'transfer',
  'campaign',
  'clog',
];

/** Which kinds of faults, each as often as it is in the list. */
const drawFaults = (chance: Chance, kinds: readonly FaultKind[]): FaultKind[] => {
  const rate = chance.pick([0.2, 0.4, 0.7]);
  return kinds
    .filter(() => chance.happens(rate))
    .flatMap((kind) => Array.from({ length: chance.between(1, 4) }, () => kind));
};

/** Draws what a seed stands for. */
export const drawPlan = (root: Chance): Plan => {
  const chance = root.stream('plan');
  const preVote = chance.happens(0.6);
  const checkQuorum = chance.happens(0.6);
  const isStormy = chance.happens(0.3);
  const tick = 20 * millisecond;
  const weather = drawWeather(chance);
  const diskLatency = chance.pick([50, 500, 3000, 10_000]);
  // Patience for a vote to get through, or there would never be a leader to make trouble for.
  const patience = 4 * (diskLatency + 2 * weather.delay);
  const electionTicks = Math.max(chance.between(3, 8), Math.ceil(patience / tick));
  const faultLasts = chance.pick([60, 200, 600]) * millisecond;
  return {
    voters: chance.pick([1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 7]),
    learners: chance.pick([0, 0, 0, 0, 1, 2, 5]),
    raft: {
      electionTicks,
      heartbeatTicks: chance.between(1, Math.max(1, Math.floor(electionTicks / 3))),
      preVote,
      checkQuorum,
      stepDownOnRemoval: chance.happens(0.7),
      readOnly: 'safe',
      pacedLearners: chance.happens(0.6),
      maxInflightMessages: mostlySmall(chance, [1, 2, 8], [256]),
      maxInflightBytes: chance.pick([0, 0, 200, 2000]),
      maxAppendBytes: chance.pick([0, 100, 500, 1_000_000]),
      maxUncommittedBytes: chance.pick([500, 4000, 1_000_000]),
      maxApplyBytes: chance.pick([100, 2000, 1_000_000]),
    },
    limits: drawLimits(chance),
    tick,
    weather,
    diskLatency,
    segmentBytes: chance.pick([2048, 4096, 8192, 32_768]),
    cacheBytes: chance.pick([0, 200, 2000, 1_000_000]),
    faults: drawFaults(chance, isStormy ? upheaval : faultKinds),
    // Several at a time, or one after the other.
    faultEvery: Math.max(30 * millisecond, faultLasts * chance.pick([0.3, 0.8, 2])),
    faultLasts,
    // With neither, a demoted member of a higher term than the leader's would wait for the next election for ever.
    churnEvery:
      (!preVote && !checkQuorum) || chance.happens(0.3) ? 0 : chance.pick([30, 100, 400]) * millisecond,
    clients: chance.between(2, 8),
    keys: chance.between(1, 4),
    thinkTime: chance.pick([1, 5, 20]) * millisecond,
    padding: chance.pick([0, 0, 100, 1200]),
    duration: chance.pick([1.5, 3, 5]) * second,
    mostEvents: chance.pick([6000, 15_000, 30_000]),
  };
};
