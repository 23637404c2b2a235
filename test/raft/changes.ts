import type {
  ConfigChange,
  SingleChange,
  Transition,
} from '../../agent/src/raft/core/config-change/change.ts';
import type { NodeId } from '../../agent/src/raft/core/types.ts';
import { noBytes } from './member.ts';

export const change = (changes: readonly SingleChange[], transition: Transition = 'auto'): ConfigChange => ({
  transition,
  changes,
  context: noBytes,
});

export const addVoter = (node: NodeId): SingleChange => ({ op: 'addVoter', node });
export const addLearner = (node: NodeId): SingleChange => ({ op: 'addLearner', node });
export const remove = (node: NodeId): SingleChange => ({ op: 'remove', node });

/** Leaves a joint configuration. */
export const leave: ConfigChange = change([]);
