import { membersOf } from '../../../../agent/src/raft/core/config-change/changer.ts';
import type {
  ConfigChange,
  SingleChange,
  Transition,
} from '../../../../agent/src/raft/core/config-change/change.ts';
import type { ConfState, NodeId } from '../../../../agent/src/raft/core/types.ts';
import { durableState } from '../checks/durable-view.ts';
import type { Chance } from '../world/chance.ts';
import { millisecond } from '../world/clock.ts';
import type { Cluster } from './cluster.ts';
import { walDirectory } from './process.ts';
import type { Setting } from './setting.ts';

const noContext = new Uint8Array();
const mostMembers = 9;

/** Whoever looks after the cluster: has members join, promotes, demotes and removes them, replaces those that are lost. */
export class Operator {
  readonly #setting: Setting;
  readonly #cluster: Cluster;
  readonly #chance: Chance;
  /** No more changes but those that are needed. */
  isQuiet = false;
  #joining: NodeId | undefined;

  constructor(setting: Setting, cluster: Cluster) {
    this.#setting = setting;
    this.#cluster = cluster;
    this.#chance = setting.world.chance.stream('operator');
  }

  start(): void {
    const { churnEvery } = this.#setting.plan;
    if (churnEvery > 0) this.#churn(churnEvery);
    this.#look();
  }

  #churn(every: number): void {
    this.#setting.world.clock.after(this.#chance.around(every), () => {
      if (this.isQuiet) return;
      this.#change();
      this.#churn(every);
    });
  }

  /** What has to be done whether or not members are to change. */
  #look(): void {
    this.#setting.world.clock.after(300 * millisecond, () => {
      this.#retireRemoved();
      this.#replaceLost();
      if (this.isQuiet) this.#handOver();
      this.#look();
    });
  }

  /** A leader that has no vote any more, and is not set to step down, takes no proposals and leads on. */
  #handOver(): void {
    const leader = this.#cluster.leader();
    const [heir] = leader?.status.config.voters ?? [];
    if (leader === undefined || heir === undefined) return;
    const { voters, outgoing } = leader.status.config;
    if ([...voters, ...outgoing].includes(leader.member.id)) return;
    leader.member.enter(({ driver }) => driver.transferLeader(heir));
  }

  /** Who was removed is switched off, after a while in which it may disturb. */
  #retireRemoved(): void {
    const { world } = this.#setting;
    const config = this.#cluster.newestConfig();
    const members = new Set(membersOf(config));
    for (const member of this.#cluster.present) {
      if (members.has(member.id) || member.id === this.#joining) continue;
      if (!this.isQuiet && !this.#chance.happens(0.2)) continue;
      if (!this.#canDoWithout(member.id, config)) continue;
      world.tally.add('removed members retired');
      world.log?.(`n${member.id} retires`);
      member.retire();
    }
  }

  /**
   * As long as not most of the others know that it was removed, they may need its vote to learn it. What is committed
   * moves without a sync: where the power may still fail, only what would be known after that counts.
   */
  #canDoWithout(id: NodeId, { voters }: ConfState): boolean {
    const knowing = voters.filter((voter) => {
      const member = this.#cluster.find(voter);
      const status = member?.status();
      if (member === undefined || status === undefined || membersOf(status.config).includes(id)) return false;
      // Started again, it may know of members that it has not come to yet.
      if (status.applied < status.commit) return false;
      if (this.isQuiet) return true;
      return (durableState(member.disk, walDirectory)?.summary.hardState.commit ?? 0) >= status.applied;
    });
    return 2 * knowing.length > voters.length;
  }

  /** A voter that will never come back is replaced by a new member, a learner is removed. */
  #replaceLost(): void {
    const config = this.#cluster.newestConfig();
    const lost = membersOf(config).find((id) => this.#cluster.find(id)?.isLost === true);
    const isDue = this.isQuiet || lost !== undefined;
    if (config.outgoing.length > 0) {
      if (isDue && !config.autoLeave) this.#propose('auto', []);
    } else if (lost !== undefined) this.#propose('auto', [{ op: 'remove', node: lost }]);
  }

  #change(): void {
    const chance = this.#chance;
    const config = this.#cluster.newestConfig();
    if (config.outgoing.length > 0) {
      if (!config.autoLeave) this.#propose('auto', []);
      return;
    }
    const count = chance.happens(0.3) ? 1 + chance.below(3) : 1;
    const changes: SingleChange[] = [];
    for (let number = 0; number < count; number += 1) {
      const change = this.#draw(config, new Set(changes.map(({ node }) => node)));
      if (change !== undefined) changes.push(change);
    }
    if (changes.length === 0) return;
    const transition = chance.pick<Transition>(['auto', 'auto', 'implicit', 'explicit']);
    this.#propose(transition, changes);
  }

  #draw(config: ConfState, taken: ReadonlySet<NodeId>): SingleChange | undefined {
    const chance = this.#chance;
    const { voters, learners } = config;
    const pick = (ids: readonly NodeId[]): NodeId | undefined => {
      const free = ids.filter((id) => !taken.has(id));
      return free.length === 0 ? undefined : chance.pick(free);
    };
    const kind = chance.pick([
      'join',
      'join',
      'promote',
      'promote',
      'demote',
      'removeVoter',
      'removeLearner',
      'update',
    ]);
    const isAlone = voters.length - taken.size < 2;
    let node: NodeId | undefined;
    switch (kind) {
      case 'join':
        return this.#join(config);
      case 'promote':
        node = pick(learners);
        return node === undefined ? undefined : { op: 'addVoter', node };
      case 'demote':
        node = isAlone ? undefined : pick(voters);
        return node === undefined ? undefined : { op: 'addLearner', node };
      case 'removeVoter':
        node = isAlone ? undefined : pick(voters);
        return node === undefined ? undefined : { op: 'remove', node };
      case 'removeLearner':
        node = pick(learners);
        return node === undefined ? undefined : { op: 'remove', node };
      default:
        node = pick(membersOf(config));
        return node === undefined ? undefined : { op: 'update', node };
    }
  }

  #join(config: ConfState): SingleChange | undefined {
    if (membersOf(config).length >= mostMembers) return undefined;
    const waiting = this.#joining === undefined ? undefined : this.#cluster.find(this.#joining);
    const member =
      waiting === undefined || waiting.condition === 'retired' || membersOf(config).includes(waiting.id)
        ? this.#cluster.addMember()
        : waiting;
    this.#joining = member.id;
    member.start();
    // At times at once as a voter, though that is not wise.
    return { op: this.#chance.happens(0.2) ? 'addVoter' : 'addLearner', node: member.id };
  }

  /**
   * Members that are lost for good must not be needed by any quorum of what is to come. And those voters that stay must
   * be a majority of those of now: otherwise somebody who is none any more, knows it, and has a longer log may be needed
   * to elect one who does not know it yet, and refuse, and nobody could ever lead again. That is a weakness of changes
   * that hold from when they are applied (etcd#12359), not of this code.
   */
  #leavesQuorum(config: ConfState, changes: readonly SingleChange[]): boolean {
    const after = new Set(config.voters);
    const staying = new Set(config.voters);
    for (const { op, node } of changes) {
      if (op === 'addVoter') after.add(node);
      else if (op !== 'update') {
        after.delete(node);
        staying.delete(node);
      }
    }
    const isThere = (id: NodeId): boolean => {
      const member = this.#cluster.find(id);
      return member !== undefined && !member.isLost && !member.isDamaged;
    };
    return (
      2 * config.voters.filter((id) => staying.has(id) && isThere(id)).length > config.voters.length &&
      [[...after], config.outgoing].every(
        (half) => half.length === 0 || 2 * half.filter(isThere).length > half.length,
      )
    );
  }

  #propose(transition: Transition, changes: readonly SingleChange[]): void {
    const { world } = this.#setting;
    const leader = this.#cluster.leader();
    // What one that is paused is asked for would be done later, when it may be wrong.
    if (leader === undefined || leader.member.isPaused) return;
    if (!this.#leavesQuorum(leader.status.config, changes)) return;
    const change: ConfigChange = { transition, changes, context: noContext };
    leader.member.enter(({ driver }) => {
      const { accepted } = driver.changeMembers(change);
      world.tally.add(accepted ? 'changes proposed' : 'changes refused');
      world.log?.(
        `change ${transition} ${changes.map(({ op, node }) => `${op} ${node}`).join(', ')} ${accepted ? '' : 'refused'}`,
      );
    });
  }
}
