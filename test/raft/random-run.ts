import type { ConfigChange, ConfigOp } from '../../agent/src/raft/core/config-change/change.ts';
import type { RaftConfig } from '../../agent/src/raft/core/config.ts';
import type { Message } from '../../agent/src/raft/core/message.ts';
import { Cluster } from './cluster.ts';
import { Laws } from './laws.ts';
import { bytes, noBytes, type Member } from './member.ts';
import { seededRandom, type Random } from './scenario/random.ts';

export interface RunOptions {
  readonly seed: number;
  readonly events: number;
  /** What the network does wrong: the laws must notice. */
  readonly distort?: ((message: Message, receiver: Member) => Message) | undefined;
}

/** What came of a run, to see that it was worth running. */
export interface Outcome {
  readonly committed: number;
  readonly terms: number;
  readonly reads: number;
  readonly configs: number;
}

const pick = <Item>(items: readonly Item[], random: Random): Item | undefined => items[random(items.length)];

const chance = (random: Random, percent: number): boolean => random(100) < percent;

const drawSettings = (random: Random): Partial<RaftConfig> => ({
  electionTicks: 5,
  preVote: chance(random, 50),
  checkQuorum: chance(random, 50),
  stepDownOnRemoval: chance(random, 50),
  pacedLearners: chance(random, 50),
  maxAppendBytes: chance(random, 50) ? 0 : 100,
  maxInflightMessages: 1 + random(4),
  maxApplyBytes: chance(random, 50) ? 1 : 1000,
  random,
});

const drawChange = (random: Random, ids: readonly number[]): ConfigChange => {
  const ops: readonly ConfigOp[] = ['addVoter', 'addVoter', 'addLearner', 'remove'];
  const count = random(4);
  const changes = Array.from({ length: count }, () => ({
    op: pick(ops, random) ?? 'update',
    node: pick(ids, random) ?? 0,
  }));
  return { transition: chance(random, 30) ? 'explicit' : 'auto', changes, context: noBytes };
};

/** A cluster to which things happen by chance: losses, copies, reordering, slow disks, crashes, changes of members. */
class RandomRun {
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #cluster: Cluster;
  readonly #laws: Laws;
  #proposed = 0;
  #asked = 0;
  readonly #configs = new Set<string>();
  readonly #weighted: readonly (readonly [weight: number, action: (member: Member) => void])[];

  constructor(options: RunOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#weighted = this.#actions().map(([weight, action]) => [
      Math.ceil((weight * (pick([0, 1, 3, 3, 10], this.#random) ?? 1)) / 3),
      action,
    ]);
    const settings = drawSettings(this.#random);
    const voters = [1, 2, 3, 4, 5].slice(0, 3 + this.#random(3));
    // Who joins later begins with the first members and an empty log, or with nothing and needs a snapshot.
    const start = { index: this.#random(2), term: 0 };
    const unknown = start.index === 0 ? { members: voters } : { members: [] };
    this.#cluster = new Cluster(
      [1, 2, 3, 4, 5, 6].map((id) => ({
        id,
        settings,
        ...(voters.includes(id) ? { members: voters, start } : unknown),
      })),
    );
    this.#laws = new Laws(this.#cluster);
  }

  run(): Outcome {
    for (let event = 0; event < this.#options.events; event += 1) {
      const member = pick(this.#cluster.members, this.#random);
      if (member !== undefined) this.#event(member);
    }
    const statuses = this.#cluster.members.map(({ status }) => status);
    return {
      committed: this.#laws.committedUpTo,
      terms: Math.max(...statuses.map(({ term }) => term)),
      reads: this.#cluster.members.reduce((sum, { reads }) => sum + reads.length, 0),
      configs: this.#configs.size,
    };
  }

  /** What may happen and how often, before each run makes some of it frequent and some of it rare. */
  #actions(): readonly (readonly [weight: number, action: (member: Member) => void])[] {
    const random = this.#random;
    const anybody = (): number => 1 + random(6);
    return [
      [10, (member) => member.crash()],
      [120, (member) => member.tick()],
      [30, (member) => member.tick(3)],
      [300, () => this.#deliver()],
      [250, (member) => this.#work(member)],
      [100, (member) => this.#cluster.settle(member.id)],
      [60, () => this.#burst()],
      [60, (member) => this.#propose(member)],
      [40, (member) => this.#read(member)],
      [15, (member) => member.node.proposeConfigChange(drawChange(random, [1, 2, 3, 4, 5, 6]))],
      [8, (member) => member.node.transferLeader(anybody())],
      [8, (member) => member.node.reportSnapshot(anybody(), chance(random, 50))],
      [4, (member) => member.node.reportUnreachable(anybody())],
      [4, (member) => member.node.forgetLeader()],
      [10, (member) => member.node.campaign()],
      [10, (member) => this.#snapshot(member)],
      [15, () => this.#network()],
    ];
  }

  #event(member: Member): void {
    if (member.up) this.#drawAction()(member);
    else if (chance(this.#random, 20)) this.#restart(member);
    this.#laws.check(member);
    this.#configs.add(JSON.stringify(member.status.config));
  }

  #drawAction(): (member: Member) => void {
    const total = this.#weighted.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.#random(total);
    for (const [weight, action] of this.#weighted) {
      if (at < weight) return action;
      at -= weight;
    }
    return () => undefined;
  }

  #restart(member: Member): void {
    member.restart();
    this.#laws.restarted(member.id);
  }

  /** One message, not always the oldest; it may be lost or come again. */
  #deliver(): void {
    const { bag } = this.#cluster;
    const at = chance(this.#random, 70) ? 0 : this.#random(bag.length);
    const chosen = bag[at];
    if (chosen === undefined) return;
    const copy = chance(this.#random, 5);
    if (!copy) this.#cluster.bag = bag.toSpliced(at, 1);
    if (chance(this.#random, 4)) return;
    const receiver = this.#cluster.get(chosen.to);
    if (!receiver.up || !this.#cluster.reaches(chosen)) return;
    receiver.step(this.#options.distort?.(chosen, receiver) ?? chosen);
    this.#laws.check(receiver);
  }

  /** A piece of work only, so that disk and application are behind. */
  #work(member: Member): void {
    if (member.node.hasReady()) this.#cluster.bag.push(...member.ready());
    else if (member.appends.length > 0) this.#cluster.bag.push(...member.store());
    if (member.applies.length > 0 && chance(this.#random, 50)) member.apply();
  }

  #propose(member: Member): void {
    this.#proposed += 1;
    member.node.propose([bytes(`p${this.#proposed}`)]);
  }

  #read(member: Member): void {
    this.#asked += 1;
    this.#laws.asked(this.#asked);
    member.node.readIndex(this.#asked);
  }

  #snapshot(member: Member): void {
    // While the application is behind a snapshot that the disk has, there is nothing to take one of.
    if (member.applied.length > 0) member.snapshot(this.#random(3));
  }

  #network(): void {
    const random = this.#random;
    const kind = random(3);
    if (kind === 0) this.#cluster.heal();
    else if (kind === 1) this.#cluster.cutOneWay(1 + random(6), 1 + random(6));
    else this.#cluster.isolate(1 + random(6));
    if (chance(random, 50)) this.#cluster.bag = [];
  }

  /** A good time: something gets done. */
  #burst(): void {
    for (let rounds = 0; rounds < 3; rounds += 1) {
      this.#cluster.settle();
      for (const member of this.#cluster.up) this.#laws.check(member);
      for (let count = this.#cluster.bag.length; count > 0; count -= 1) this.#deliver();
    }
  }
}

/** @throws LawBroken, or RaftInvariantError from a core that notices itself */
export const randomRun = (options: RunOptions): Outcome => new RandomRun(options).run();
