import type { RaftState } from './state.ts';
import type { ProgressState } from './tracker/progress.ts';
import type { ConfState, Index, NodeId, Role, Term } from './types.ts';

/** What a leader knows of one member. */
export interface ProgressStatus {
  readonly match: Index;
  readonly next: Index;
  readonly state: ProgressState;
  /** No new entries would be sent now. */
  readonly paused: boolean;
  readonly learner: boolean;
  readonly recentActive: boolean;
  readonly pendingSnapshot: Index;
}

export interface Status {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: NodeId;
  readonly lead: NodeId;
  readonly commit: Index;
  readonly applied: Index;
  readonly firstIndex: Index;
  readonly lastIndex: Index;
  readonly config: ConfState;
  /** Whom the leader is handing over to; 0 when to nobody. */
  readonly transferee: NodeId;
  /** By member; empty unless this member leads. */
  readonly progress: ReadonlyMap<NodeId, ProgressStatus>;
}

export const statusOf = (state: RaftState): Status => ({
  id: state.id,
  role: state.role,
  term: state.term,
  vote: state.vote,
  lead: state.lead,
  commit: state.log.committed,
  applied: state.log.applied,
  firstIndex: state.log.firstIndex(),
  lastIndex: state.log.lastIndex(),
  config: state.tracker.config,
  transferee: state.transferee,
  progress: new Map(
    state.role !== 'leader'
      ? []
      : [...state.tracker.progress].map(([id, progress]) => [
          id,
          {
            match: progress.match,
            next: progress.next,
            state: progress.state,
            paused: progress.paused || (progress.state === 'replicate' && progress.inflights.full),
            learner: progress.learner,
            recentActive: progress.recentActive,
            pendingSnapshot: progress.pendingSnapshot,
          },
        ]),
  ),
});
