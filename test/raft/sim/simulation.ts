import { AppliedBook } from './checks/applied-book.ts';
import { tooMuch } from './checks/bounds.ts';
import { History, type Call } from './checks/history.ts';
import { Leadership } from './checks/leadership.ts';
import { Ledger } from './checks/ledger.ts';
import { notLinearizable } from './checks/linearizability.ts';
import { Promises } from './checks/promises.ts';
import { Questions } from './checks/questions.ts';
import { Cluster } from './cluster/cluster.ts';
import { Nemesis } from './cluster/nemesis.ts';
import { Operator } from './cluster/operator.ts';
import { walDirectory } from './cluster/process.ts';
import type { Setting } from './cluster/setting.ts';
import { describeMoment } from './column-log.ts';
import { Violation } from './failure.ts';
import { drawPlan, type Plan } from './swarm.ts';
import { Client } from './workload/client.ts';
import type { Micros } from './world/clock.ts';
import { fairWeather, Network } from './world/network.ts';
import { World } from './world/world.ts';

/** What came of one seed. */
export interface Outcome {
  readonly seed: number;
  readonly failure: { readonly rule: string; readonly message: string; readonly stack: string } | undefined;
  /** Of everything that happened, in order. */
  readonly hash: string;
  readonly events: number;
  readonly virtualMicros: Micros;
  readonly counts: readonly (readonly [string, number])[];
}

/** Election timeouts within which a healed cluster must have done what is asked of it. */
const healingElections = 60;
/** And whoever asked before and was forgotten must have run out of patience a few times. */
const healingPatiences = 10;

const occurrences = (list: string): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const value of list.split(' ')) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};

/** One run: a cluster under faults, then the same cluster healed. */
class Simulation {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #setting: Setting;
  readonly #cluster: Cluster;
  readonly #nemesis: Nemesis;
  readonly #operator: Operator;
  readonly #history = new History();
  readonly #clients: readonly Client[];

  constructor(world: World) {
    this.#world = world;
    const plan = drawPlan(world.chance);
    this.#plan = plan;
    const ids = Array.from({ length: plan.voters + plan.learners }, (_, at) => at + 1);
    const founding = {
      voters: ids.slice(0, plan.voters),
      learners: ids.slice(plan.voters),
      outgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const network = new Network(
      {
        clock: world.clock,
        chance: world.chance.stream('network'),
        arrived: (message) => this.#cluster.arrived(message),
        lost: (from, to) => this.#lost(from, to),
        tally: world.tally,
      },
      plan.weather,
    );
    const ledger = new Ledger(world.tally);
    this.#setting = {
      world,
      plan,
      network,
      ledger,
      leadership: new Leadership(plan, world.tally),
      promises: new Promises(world, ledger, walDirectory),
      questions: new Questions(ledger),
      book: new AppliedBook(),
      founding,
    };
    this.#cluster = new Cluster(this.#setting);
    this.#nemesis = new Nemesis(this.#setting, this.#cluster);
    this.#operator = new Operator(this.#setting, this.#cluster);
    let attempts = 0;
    this.#clients = Array.from(
      { length: plan.clients },
      (_, number) =>
        new Client({
          number,
          setting: this.#setting,
          cluster: this.#cluster,
          history: this.#history,
          nextAttempt: () => (attempts += 1),
        }),
    );
  }

  describe(what: string): string {
    return describeMoment(this.#world.clock.now, what, this.#cluster);
  }

  #lost(from: number, to: number): void {
    const { clock, chance } = this.#world;
    if (chance.happens(0.2)) clock.after(chance.around(this.#plan.tick), () => this.#cluster.lost(from, to));
  }

  run(): void {
    this.#cluster.start();
    this.#nemesis.start();
    this.#nemesis.supervise();
    this.#operator.start();
    for (const client of this.#clients) client.start();
    const { clock } = this.#world;
    this.#runUntil(this.#plan.duration, () => clock.events >= this.#plan.mostEvents);
    if (this.#world.failure === undefined) this.#heal();
    if (this.#world.failure === undefined) this.#checkHistory();
  }

  #runUntil(until: Micros, isEnough: () => boolean): boolean {
    const world = this.#world;
    while (world.failure === undefined) {
      if (isEnough()) return true;
      if (!world.clock.step(until)) return false;
    }
    return false;
  }

  get history(): readonly Call[] {
    return this.#history.calls;
  }

  #heal(): void {
    const { network } = this.#setting;
    const { clock, tally, log } = this.#world;
    log?.('heals');
    network.weather = { ...fairWeather, delay: Math.min(this.#plan.weather.delay, this.#plan.tick / 4) };
    this.#operator.isQuiet = true;
    this.#nemesis.stop();
    for (const client of this.#clients) client.finishAfter(3);
    const { raft, limits, tick } = this.#plan;
    const budget = (healingElections * raft.electionTicks + healingPatiences * limits.patienceTicks) * tick;
    const until = clock.now + budget;
    let reason = '';
    const isDone = this.#runUntil(until, () => {
      // Not after each event: it looks at everything.
      if (clock.events % 64 !== 0) return false;
      reason = this.#unfinished() ?? '';
      return reason === '';
    });
    if (this.#world.failure !== undefined) return;
    if (!isDone)
      this.#world.fail(new Violation('liveness', `after ${budget / 1e6} s without faults: ${reason}`));
    else tally.add('runs healed');
  }

  /** @returns what a healed cluster still owes */
  #unfinished(): string | undefined {
    const leader = this.#cluster.leader();
    if (leader === undefined) return 'there is no leader';
    const { status } = leader;
    if (status.config.outgoing.length > 0) return 'the configuration is joint';
    const busy = this.#clients.findIndex(({ isIdle }) => !isIdle);
    if (busy !== -1) return `client ${busy} is not served`;
    const members = [...status.config.voters, ...status.config.learners];
    const images = new Map<string, number>();
    for (const id of members) {
      const member = this.#cluster.find(id);
      const applied = member?.status()?.applied;
      if (member?.process === undefined) return `member ${id} is ${member?.condition}`;
      if (applied !== status.applied || status.applied !== status.lastIndex)
        return `member ${id} has applied ${applied}, the leader ${status.applied} of ${status.lastIndex}`;
      images.set(member.process.registers.image, id);
    }
    if (images.size > 1)
      throw new Violation('convergence', `members stand at ${status.applied} in different states`);
    return this.#cluster.up.map((member) => tooMuch(member, this.#plan)).find((what) => what !== undefined);
  }

  #checkHistory(): void {
    const registers = this.#cluster.leader()?.member.process?.registers;
    const counts = new Map<string, Map<string, number>>();
    for (const { key, value } of this.#clients.flatMap(({ appended }) => appended)) {
      const count = counts.get(key) ?? occurrences(registers?.read(key) ?? '');
      counts.set(key, count);
      const times = count.get(value) ?? 0;
      if (times !== 1)
        this.#world.fail(new Violation('acknowledged writes', `${value} stands ${times} times in ${key}`));
    }
    const keys = notLinearizable(this.#history.calls);
    if (keys.length > 0)
      this.#world.fail(
        new Violation('linearizability', `no order explains what clients saw of ${keys.join(', ')}`),
      );
  }
}

export interface SimulateOptions {
  /** Told of everything that happens. */
  readonly log?: ((line: string) => void) | undefined;
  /** Told at the end of what the clients saw. */
  readonly onHistory?: (calls: readonly Call[]) => void;
}

export const simulate = (seed: number, { log, onHistory }: SimulateOptions = {}): Outcome => {
  let simulation: Simulation | undefined;
  const world = new World(seed, log && ((what) => log(simulation?.describe(what) ?? what)));
  try {
    simulation = new Simulation(world);
    simulation.run();
    onHistory?.(simulation.history);
  } catch (error) {
    world.fail(error);
  }
  const { failure, hash, clock, tally } = world;
  return {
    seed,
    failure:
      failure === undefined
        ? undefined
        : { rule: failure.rule, message: failure.message, stack: stackOf(failure) },
    hash: hash.hex,
    events: clock.events,
    virtualMicros: clock.now,
    counts: tally.entries(),
  };
};

const stackOf = (error: Error): string =>
  `${error.stack ?? error.message}${error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''}`;
