import { votersFor } from '@ollamamax/api/voters';
import type { ConfigChange, SingleChange } from '../core/config-change/change.ts';
import type { ConfState, Index, NodeId } from '../core/types.ts';

/** What the leader knows of one member of the configuration. */
export interface MemberHealth {
  readonly match: Index;
  /** Ticks since anything was heard from it; 0 for the leader itself. */
  readonly silentTicks: number;
  /** Its log follows the leader's without a gap. */
  readonly replicating: boolean;
}

export interface Situation {
  readonly self: NodeId;
  readonly lastIndex: Index;
  readonly config: ConfState;
  /** All that are to be members, ascending. */
  readonly wanted: readonly NodeId[];
  readonly health: ReadonlyMap<NodeId, MemberHealth>;
}

/** In ticks. */
export interface AutopilotLimits {
  /** A member that was silent for less long counts as alive. */
  readonly aliveTicks: number;
  /** A voter that was silent for this long gives its vote to a learner that is there. */
  readonly replaceTicks: number;
  /** A learner this close behind can become a voter without holding up what is decided. */
  readonly closeEntries: number;
}

/** One step on the way to the members that are wanted. */
export type Step =
  | { readonly kind: 'change'; readonly change: ConfigChange; readonly why: string }
  /** Before the leader itself goes. */
  | { readonly kind: 'transfer'; readonly to: NodeId; readonly why: string }
  /** What would have to be done now could cost the quorum. */
  | { readonly kind: 'blocked'; readonly why: string };

const changeOf = (changes: readonly SingleChange[]): ConfigChange => ({
  transition: 'auto',
  changes,
  context: new Uint8Array(),
});

/**
 * The next step of a leader towards the members that are wanted; one at a time, each of which leaves a quorum of
 * voters that are alive. Any leader finds the same step in the same situation: what was interrupted goes on.
 * @returns undefined when all is as it should be, or when a change is under way
 */
export const nextStep = (situation: Situation, limits: AutopilotLimits): Step | undefined => {
  const { self, config, wanted, health, lastIndex } = situation;
  // The leader leaves a joint configuration by itself.
  if (config.outgoing.length > 0) return undefined;
  const { voters, learners } = config;
  const isAlive = (id: NodeId): boolean => (health.get(id)?.silentTicks ?? Infinity) < limits.aliveTicks;
  /** Whether these voters could decide now. */
  const canDecide = (ids: readonly NodeId[]): boolean =>
    ids.filter(isAlive).length >= Math.floor(ids.length / 2) + 1;
  const without = (id: NodeId): NodeId[] => voters.filter((voter) => voter !== id);
  const isReadyToVote = (id: NodeId): boolean => {
    const known = health.get(id);
    const close = known !== undefined && known.match + limits.closeEntries >= lastIndex;
    return close && known.replicating && isAlive(id);
  };
  const candidates = learners.filter((id) => wanted.includes(id) && isReadyToVote(id));
  const [candidate] = candidates;

  const newcomer = wanted.find((id) => !voters.includes(id) && !learners.includes(id));
  if (newcomer !== undefined) {
    const change = changeOf([{ op: 'addLearner', node: newcomer }]);
    return { kind: 'change', change, why: `member ${newcomer} joins` };
  }

  const gone = learners.find((id) => !wanted.includes(id));
  if (gone !== undefined) {
    const change = changeOf([{ op: 'remove', node: gone }]);
    return { kind: 'change', change, why: `learner ${gone} leaves` };
  }

  /** Takes one vote away, and gives it to a candidate when there is one. */
  const replace = (id: NodeId, op: 'remove' | 'addLearner', why: string): Step => {
    const heirs = candidate !== undefined && voters.length <= target ? [candidate] : [];
    const rest = [...without(id), ...heirs];
    // The change itself is decided by the voters of before and of after.
    if (rest.length === 0 || !canDecide(rest) || !canDecide(voters))
      return {
        kind: 'blocked',
        why: `${why}, but too few of the other voters are alive: ${rest.join(', ')}`,
      };
    const changes: SingleChange[] = [
      ...heirs.map((node) => ({ op: 'addVoter', node }) as const),
      { op, node: id },
    ];
    return { kind: 'change', change: changeOf(changes), why };
  };
  const target = votersFor(wanted.length);

  // Whoever is dead goes before whoever is alive, and the leader goes last.
  const leaving = voters
    .filter((id) => !wanted.includes(id))
    .sort((a, b) => Number(a === self) - Number(b === self) || Number(isAlive(a)) - Number(isAlive(b)));
  const [leaver] = leaving;
  if (leaver !== undefined) {
    if (leaver !== self) return replace(leaver, 'remove', `voter ${leaver} leaves`);
    const heir = without(self).find((id) => wanted.includes(id) && isReadyToVote(id));
    if (heir !== undefined) return { kind: 'transfer', to: heir, why: `leader ${self} leaves` };
    if (candidate === undefined)
      return { kind: 'blocked', why: `leader ${self} leaves, but no other member could lead` };
    const change = changeOf([{ op: 'addVoter', node: candidate }]);
    return { kind: 'change', change, why: `leader ${self} leaves: ${candidate} is to take over` };
  }

  if (voters.length < target && candidate !== undefined) {
    const change = changeOf([{ op: 'addVoter', node: candidate }]);
    return { kind: 'change', change, why: `learner ${candidate} has caught up` };
  }

  if (voters.length > target) {
    const spare = [...voters]
      .filter((id) => id !== self)
      .sort((a, b) => Number(isAlive(a)) - Number(isAlive(b)) || b - a)[0];
    if (spare !== undefined)
      return replace(spare, 'addLearner', `${wanted.length} members need ${target} voters`);
  }

  const dead = voters.find((id) => (health.get(id)?.silentTicks ?? 0) >= limits.replaceTicks);
  if (dead !== undefined && candidate !== undefined)
    return replace(dead, 'addLearner', `voter ${dead} has been silent for too long`);
  return undefined;
};
