import { createHash } from 'node:crypto';
import { canonicalDesiredState, canonicalModelName, type DesiredState } from '@ollamamax/api';

/** What is looked up often in a desired state. */
export interface DesiredIndex {
  /** SHA-256 in hex of what is asked for, see `AgentStatus.catalogHash`. */
  readonly hash: string;
  /** Priority by canonical name of each model. */
  readonly priorities: ReadonlyMap<string, number>;
}

/** The index of the current state, made once per state. */
export const createDesiredIndex = (state: () => DesiredState): (() => DesiredIndex) => {
  let of: DesiredState | undefined;
  let index: DesiredIndex = { hash: '', priorities: new Map() };
  return () => {
    const current = state();
    if (of !== current) {
      of = current;
      index = {
        hash: createHash('sha256').update(canonicalDesiredState(current)).digest('hex'),
        priorities: new Map(
          current.models.map((model) => [canonicalModelName(model.name), model.priority ?? 0]),
        ),
      };
    }
    return index;
  };
};
