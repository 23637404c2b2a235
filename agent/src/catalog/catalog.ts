import type {
  Admission,
  AdmissionRequest,
  CatalogBackup,
  CatalogOperation,
  ConsensusStatus,
  DesiredState,
} from '@ollamamax/api';
import type { CatalogState } from './state/catalog-state.ts';

/**
 * What the cluster has agreed on. Reading never waits: it is what this agent has learned so far, which may be a moment
 * behind, and stays when nobody leads.
 */
export interface Catalog {
  state(): DesiredState;
  /** All of it. */
  agreed(): CatalogState;
  /**
   * Has the group take a newer state over; it is on the disks of a majority before this answers. An equal revision
   * changes nothing.
   * @throws ApiError stale_revision when the group has a newer one; invalid_request when it is not valid; not_a_member,
   * no_leader, outcome_unknown
   */
  apply(next: DesiredState): Promise<{ readonly revision: number; readonly changed: boolean }>;
  /**
   * Has the group agree on something else.
   * @throws ApiError not_a_member, no_leader, outcome_unknown, or why it was refused
   */
  agree(operation: CatalogOperation): Promise<void>;
  /** Called when the desired state is another one. */
  onChange(listener: (state: DesiredState) => void): () => void;
  /** Called when anything that was agreed on is different. */
  onAgreed(listener: (state: CatalogState) => void): () => void;
}

/** This agent's part in the group that agrees. */
export interface Consensus {
  status(): ConsensusStatus;
  /** @throws ApiError already_member of another group, member_disk */
  bootstrap(clusterId?: string): Promise<ConsensusStatus>;
  /** Takes another agent in, or says that it still is in. @throws ApiError not_a_member, no_leader, other_cluster, member_removed, member_replaced */
  admit(request: AdmissionRequest): Promise<Admission>;
  /**
   * Joins the group of another agent.
   * @param address internal address of a member; otherwise the peers that are known are asked
   * @throws ApiError already_member, agent_unreachable, not_a_member, other_cluster, member_replaced, member_disk
   */
  join(address?: string): Promise<ConsensusStatus>;
  /** Takes a member out; done once it is in no configuration any more. @throws ApiError unsafe_change, no_leader, not_a_member, deadline_exceeded */
  remove(agent: string): Promise<ConsensusStatus>;
  /** Takes this agent out, and keeps it out until it is started again or told to join. */
  leave(): Promise<ConsensusStatus>;
  /** @throws ApiError node_not_found, not_a_member, no_leader, deadline_exceeded */
  transfer(agent: string): Promise<ConsensusStatus>;
  /** @returns index up to which the log of this agent is in a snapshot. @throws ApiError not_a_member, deadline_exceeded */
  snapshot(): Promise<number>;
  /** As of now, with everything that was acknowledged before. @throws ApiError not_a_member, no_leader */
  backup(): Promise<CatalogBackup>;
  /** @throws ApiError agents_outdated, not_a_member, no_leader, outcome_unknown */
  restore(backup: CatalogBackup): Promise<CatalogState>;
}
