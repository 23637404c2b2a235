import type { FaultKind } from '../swarm.ts';
import type { Chance } from '../world/chance.ts';
import { millisecond, type Micros } from '../world/clock.ts';
import { soundDisk, type DiskFaults, type Loss } from '../world/disk.ts';
import { partitionOf, partitionShapes } from '../world/partitions.ts';
import type { Cluster } from './cluster.ts';
import { flipBit, loseDisk } from './damage.ts';
import type { Member } from './member.ts';
import type { Setting } from './setting.ts';

const losses: readonly Loss[] = ['all', 'nothing', 'some', 'tail'];

/** Has bad things happen, each for a while, until it is told to stop. */
export class Nemesis {
  readonly #setting: Setting;
  readonly #cluster: Cluster;
  readonly #chance: Chance;
  #isStopped = false;

  constructor(setting: Setting, cluster: Cluster) {
    this.#setting = setting;
    this.#cluster = cluster;
    this.#chance = setting.world.chance.stream('nemesis');
  }

  start(): void {
    const { faults, faultEvery } = this.#setting.plan;
    if (faults.length === 0) return;
    const strike = (): void => {
      if (this.#isStopped) return;
      const kind = this.#chance.pick(faults);
      this.#strike(kind);
      this.#after(faultEvery, strike);
    };
    this.#after(faultEvery, strike);
  }

  /** All is well from now on: who is down starts, who cannot hear hears. */
  stop(): void {
    this.#isStopped = true;
    const { network, plan } = this.#setting;
    network.clear();
    for (const member of this.#cluster.all) {
      // Where a sync takes as long as patience lasts, nobody could ever lead.
      member.disk.latency = Math.min(plan.diskLatency, plan.tick / 10);
      member.clockRate = 1;
      member.disk.faults = soundDisk;
      member.resume();
      member.start();
    }
  }

  #after(mean: Micros, action: () => void): void {
    this.#setting.world.clock.after(this.#chance.around(mean), action);
  }

  #lasting(): Micros {
    return this.#chance.around(this.#setting.plan.faultLasts);
  }

  /** Mostly so long that others elect a leader meanwhile. */
  #longEnough(): Micros {
    const { raft, tick } = this.#setting.plan;
    const elections = this.#chance.happens(0.7) ? 1.5 + 3 * this.#chance.fraction() : 0;
    return Math.max(this.#lasting(), elections * raft.electionTicks * tick);
  }

  /** Runs something when a fault is over, unless everything was healed before. */
  #later(action: () => void, lasts = this.#lasting()): void {
    this.#setting.world.clock.after(lasts, () => {
      if (!this.#isStopped) action();
    });
  }

  #strike(kind: FaultKind): void {
    const { world } = this.#setting;
    const chance = this.#chance;
    const { up } = this.#cluster;
    if (up.length === 0) return;
    // Leaders are where it hurts.
    const leader = this.#cluster.leader()?.member;
    const victim = leader !== undefined && chance.happens(0.5) ? leader : this.#bystander(kind, up);
    world.tally.add(`fault ${kind}`);
    world.note(30, victim.id, kind.length);
    world.log?.(`${kind} n${victim.id}`);
    switch (kind) {
      case 'powerLoss':
        this.#losePower(chance.happens(0.15) ? up : [victim]);
        return;
      case 'kill':
        victim.stop();
        this.#restartLater(victim);
        return;
      case 'pause':
        victim.pause();
        this.#later(() => victim.resume(), this.#longEnough());
        return;
      case 'partition':
        this.#divide();
        return;
      case 'leaderCutOff':
        if (leader !== undefined) this.#cutOff(leader);
        return;
      case 'flapping':
        this.#flap(1 + chance.below(8));
        return;
      case 'clog':
        this.#clog();
        return;
      case 'slowDisk':
        this.#sicken(victim, { ...soundDisk, slowness: 5 + chance.around(40) });
        return;
      case 'diskErrors':
        this.#sicken(victim, this.#errors());
        return;
      case 'fullDisk':
        this.#sicken(victim, { ...soundDisk, capacity: victim.disk.usedBytes + chance.below(3000) });
        return;
      case 'bitFlip':
        flipBit(victim, this.#cluster, this.#setting, chance);
        return;
      case 'lostDisk':
        loseDisk(victim, this.#cluster, this.#setting);
        return;
      case 'clockRate':
        victim.clockRate = 0.8 + chance.fraction() * 0.45;
        return;
      case 'transfer':
        victim.enter(({ driver }) => driver.transferLeader(chance.pick(this.#cluster.present).id));
        return;
      case 'forgetLeader':
        victim.enter(({ driver }) => driver.forgetLeader());
        return;
      case 'campaign':
        victim.enter(({ driver }) => driver.campaign());
        return;
      case 'unreachable':
        victim.enter(({ driver }) => driver.reportUnreachable(chance.pick(this.#cluster.all).id));
        return;
    }
  }

  /**
   * Somebody, and when it is to crash rather somebody whose disk has not done yet what it was given; when it is to
   * campaign, somebody who had better not.
   */
  #bystander(kind: FaultKind, up: readonly Member[]): Member {
    const chance = this.#chance;
    const { ledger } = this.#setting;
    if (kind === 'campaign') {
      const unready = up.filter(({ id }) => ledger.mustNotCampaign(id));
      if (unready.length > 0 && chance.happens(0.7)) return chance.pick(unready);
    }
    if (kind === 'powerLoss' || kind === 'kill') {
      const busy = up.filter(({ id }) => ledger.outstandingOf(id) > 0);
      if (busy.length > 0 && chance.happens(0.7)) return chance.pick(busy);
    }
    return chance.pick(up);
  }

  #losePower(victims: readonly Member[]): void {
    for (const victim of victims) {
      const fails = (): void => {
        victim.losePower(this.#chance.pick(losses));
        this.#restartLater(victim);
      };
      if (this.#chance.happens(0.4)) fails();
      else this.#betweenWriteAndSync(victim, fails);
    }
  }

  /** At a moment when there is something to lose: most of the time all that was written is durable. */
  #betweenWriteAndSync({ disk }: Member, action: () => void): void {
    disk.afterWrite = () => {
      this.#after(disk.latency * disk.faults.slowness * 0.3, () => {
        if (!this.#isStopped) action();
      });
    };
  }

  #restartLater(victim: Member): void {
    if (this.#chance.happens(0.5)) victim.disk.faults = soundDisk;
    const start = (): void => {
      victim.start();
      if (!this.#chance.happens(0.2)) return;
      // Whoever crashes does so again soon: what its short life has left meets the next one, which counts from 1 again.
      this.#after(this.#setting.plan.tick * 5, () => {
        if (this.#isStopped || victim.condition !== 'up') return;
        victim.stop();
        this.#restartLater(victim);
      });
    };
    // So soon at times that answers to its earlier process still reach it.
    if (this.#chance.happens(0.3)) start();
    else this.#later(start, this.#longEnough());
  }

  #divide(): void {
    const { network } = this.#setting;
    if (network.partitions >= 2) return;
    const ids = this.#cluster.present.map(({ id }) => id);
    const heal = network.divide(partitionOf(this.#chance.pick(partitionShapes), ids, this.#chance));
    this.#later(heal);
  }

  /** Together with few enough others that it cannot decide anything, while its clients do not notice. */
  #cutOff(leader: Member): void {
    const { network } = this.#setting;
    if (network.partitions >= 2) return;
    const others = this.#chance.shuffled(
      this.#cluster.present.map(({ id }) => id).filter((id) => id !== leader.id),
    );
    const inside = new Set([leader.id, ...others.slice(0, this.#chance.below(Math.ceil(others.length / 2)))]);
    const toInside = this.#chance.happens(0.2);
    const heal = network.divide(
      (from, to) => inside.has(from) !== inside.has(to) && !(toInside && inside.has(to)),
    );
    this.#later(heal, this.#longEnough());
  }

  /** A link that comes and goes faster than anybody's patience. */
  #flap(times: number): void {
    const { network, plan } = this.#setting;
    const ids = this.#cluster.present.map(({ id }) => id);
    const forbids = partitionOf(this.#chance.pick(partitionShapes), ids, this.#chance);
    const again = (left: number): void => {
      if (left === 0 || this.#isStopped) return;
      const heal = network.divide(forbids);
      this.#after(plan.tick * 4, () => {
        heal();
        this.#after(plan.tick * 4, () => again(left - 1));
      });
    };
    again(times);
  }

  #clog(): void {
    const ids = this.#cluster.present.map(({ id }) => id);
    const from = this.#chance.pick(ids);
    const duration = this.#lasting();
    for (const to of ids) {
      if (to === from || this.#chance.happens(0.5)) continue;
      this.#setting.network.clog(from, to, duration);
      if (this.#chance.happens(0.5)) this.#setting.network.clog(to, from, duration);
    }
  }

  #errors(): DiskFaults {
    const chance = this.#chance;
    const rate = (): number => (chance.happens(0.5) ? chance.pick([0.05, 0.3, 1]) : 0);
    return { ...soundDisk, syncFails: rate(), writeFails: rate(), readFails: rate() };
  }

  /** A process that its disk has stopped is started again, while the disk is still sick or after. */
  #sicken(victim: Member, faults: DiskFaults): void {
    victim.disk.faults = faults;
    this.#later(() => {
      victim.disk.faults = soundDisk;
    });
  }

  /** Starts again whoever was stopped by something other than a fault of a certain length, sooner or later. */
  supervise(): void {
    const check = (): void => {
      for (const member of this.#cluster.all)
        if (member.condition === 'down' && (this.#isStopped || this.#chance.happens(0.1))) member.start();
      this.#setting.world.clock.after(100 * millisecond, check);
    };
    this.#setting.world.clock.after(100 * millisecond, check);
  }
}
