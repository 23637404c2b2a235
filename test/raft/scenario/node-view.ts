import type { ConfState, NodeId, ReadState } from '../../../agent/src/raft/core/types.ts';
import type { ScenarioNode } from './node.ts';

/** What a file can expect of a node, and what is printed of it at the end. */
export interface NodeView {
  readonly role: string;
  readonly term: number;
  readonly vote: NodeId;
  readonly lead: NodeId;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly config: ConfState;
  /** By peer; empty on a node that does not lead. */
  readonly progress: Readonly<Record<string, object>>;
  readonly appState: string;
  readonly inConfig: boolean;
  readonly readStates: readonly ReadState[];
}

/** @throws Error while the node is down */
export const viewOf = (node: ScenarioNode): NodeView => {
  const { id, role, term, vote, lead, commit, applied, firstIndex, lastIndex, config, progress } =
    node.core.status();
  const { voters, outgoing, learners, learnersNext, autoLeave } = config;
  return {
    role,
    term,
    vote,
    lead,
    commit,
    applied,
    firstIndex,
    lastIndex,
    config: { voters, outgoing, learners, learnersNext, autoLeave },
    progress: Object.fromEntries(
      [...progress].map(([peer, { match, next, state, paused }]) => [peer, { match, next, state, paused }]),
    ),
    appState: node.appState,
    inConfig: [voters, outgoing, learners, learnersNext].some((members) => members.includes(id)),
    readStates: node.readStates.map(({ token, index }) => ({ token, index })),
  };
};
