import type { NodeId } from '../types.ts';

/** `addVoter` and `addLearner` also promote and demote; `update` only carries `context` and changes no member. */
export type ConfigOp = 'addVoter' | 'addLearner' | 'remove' | 'update';

export interface SingleChange {
  readonly op: ConfigOp;
  readonly node: NodeId;
}

/**
 * `auto`: one change by the simple protocol, several through a joint configuration that the leader leaves by itself.
 * `implicit`: always joint, left by the leader itself. `explicit`: always joint, until a further change without any.
 */
export type Transition = 'auto' | 'implicit' | 'explicit';

/** A change of the members. Without any it leaves a joint configuration. */
export interface ConfigChange {
  readonly transition: Transition;
  readonly changes: readonly SingleChange[];
  /** For the application, such as the addresses of a new member. */
  readonly context: Uint8Array;
}

/** @internal How a change is carried out. */
export type Protocol = 'simple' | 'enterJoint' | 'leaveJoint';

/** Which protocol a change takes. */
export const protocolOf = ({ transition, changes }: ConfigChange): Protocol => {
  if (changes.length === 0) return 'leaveJoint';
  return transition === 'auto' && changes.length === 1 ? 'simple' : 'enterJoint';
};

/** Of one that enters a joint configuration: whether the leader leaves it by itself. */
export const leavesByItself = ({ transition }: ConfigChange): boolean => transition !== 'explicit';
