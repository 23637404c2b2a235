import type { ConsensusMember, ConsensusStatus } from '@ollamamax/api';
import { nobody, type ConfState, type NodeId, type SoftState } from '../raft/core/types.ts';
import type { MemberIdentity } from '../raft/node/identity-file.ts';
import type { MemberReport } from '../raft/node/member.ts';
import type { CatalogState } from './state/catalog-state.ts';

/** What an agent knows of its own part in the group. */
export interface ConsensusFacts {
  readonly state: ConsensusStatus['state'];
  readonly identity: MemberIdentity | undefined;
  /** Where its Raft transport is reached; undefined for one that is and stays alone. */
  readonly address: string | undefined;
  readonly role: SoftState;
  /** Newest word from its thread. */
  readonly report: MemberReport | undefined;
  readonly config: ConfState | undefined;
  readonly catalog: CatalogState;
  readonly problem: ConsensusStatus['problem'];
}

const sorted = (ids: readonly NodeId[]): NodeId[] => [...new Set(ids)].sort((a, b) => a - b);

const membersOf = (
  { status, alive }: MemberReport,
  catalog: CatalogState,
  nameOf: (id: NodeId) => string,
): ConsensusMember[] => {
  const { voters, outgoing } = status.config;
  return [...status.progress]
    .sort(([a], [b]) => a - b)
    .map(([id, { match }]) => ({
      agent: nameOf(id),
      memberId: id,
      address: (catalog.members[id] ?? catalog.leaving[id])?.address ?? '',
      voting: voters.includes(id) || outgoing.includes(id),
      alive: alive.includes(id),
      matchIndex: match,
    }));
};

const roleOf = ({ role }: SoftState, id: NodeId, voters: readonly NodeId[]): ConsensusStatus['role'] => {
  if (role === 'preCandidate') return 'candidate';
  return role === 'follower' && !voters.includes(id) ? 'learner' : role;
};

/** The part `consensus` of an agent's status. */
export const consensusStatus = (facts: ConsensusFacts): ConsensusStatus => {
  const { state, identity, address, role, report, config, catalog, problem } = facts;
  const nameOf = (id: NodeId): string => (catalog.members[id] ?? catalog.leaving[id])?.agent ?? `#${id}`;
  const voters = sorted([...(config?.voters ?? []), ...(config?.outgoing ?? [])]);
  const learners = sorted([...(config?.learners ?? []), ...(config?.learnersNext ?? [])]).filter(
    (id) => !voters.includes(id),
  );
  const base: ConsensusStatus = {
    state,
    ...(address === undefined ? {} : { address }),
    voters: voters.map(nameOf).sort(),
    learners: learners.map(nameOf).sort(),
    ...(problem === undefined ? {} : { problem }),
  };
  if (identity === undefined) return base;
  const { clusterId, memberId, incarnation } = identity;
  const own = { ...base, clusterId, memberId, incarnation };
  if (state === 'failed' || report === undefined) return own;
  const { status, blocked, changing } = report;
  const leads = role.role === 'leader' && status.role === 'leader';
  return {
    ...own,
    role: roleOf(role, memberId, voters) ?? 'follower',
    ...(role.lead === nobody ? {} : { leader: nameOf(role.lead) }),
    term: status.term,
    commitIndex: status.commit,
    appliedIndex: status.applied,
    lastIndex: status.lastIndex,
    ...(leads
      ? {
          changing,
          ...(blocked === undefined ? {} : { blocked }),
          members: membersOf(report, catalog, nameOf),
        }
      : {}),
  };
};
