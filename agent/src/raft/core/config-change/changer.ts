import type { ConfState, NodeId } from '../types.ts';
import type { SingleChange } from './change.ts';

/** A change that cannot be made; nothing has changed. */
export class ConfigChangeError extends Error {
  override readonly name = 'ConfigChangeError';
}

interface Draft {
  readonly voters: Set<NodeId>;
  readonly outgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;
}

const draftOf = (config: ConfState): Draft => ({
  voters: new Set(config.voters),
  outgoing: new Set(config.outgoing),
  learners: new Set(config.learners),
  learnersNext: new Set(config.learnersNext),
});

const ascending = (ids: Iterable<NodeId>): NodeId[] => [...ids].sort((a, b) => a - b);

const finish = (draft: Draft, autoLeave: boolean): ConfState => {
  if (draft.voters.size === 0)
    throw new ConfigChangeError('a configuration without voters can decide nothing');
  return {
    voters: ascending(draft.voters),
    outgoing: ascending(draft.outgoing),
    learners: ascending(draft.learners),
    learnersNext: ascending(draft.learnersNext),
    autoLeave,
  };
};

const remove = (draft: Draft, node: NodeId): void => {
  draft.voters.delete(node);
  draft.learners.delete(node);
  draft.learnersNext.delete(node);
};

const makeLearner = (draft: Draft, node: NodeId): void => {
  if (draft.learners.has(node)) return;
  remove(draft, node);
  // A voter of the outgoing half still votes there: it may be a learner only once that half is gone.
  if (draft.outgoing.has(node)) draft.learnersNext.add(node);
  else draft.learners.add(node);
};

const applyChanges = (draft: Draft, changes: readonly SingleChange[]): void => {
  for (const { op, node } of changes) {
    // What a refused change was replaced by in logs of others.
    if (node === 0) continue;
    if (op === 'addVoter') {
      remove(draft, node);
      draft.voters.add(node);
    } else if (op === 'addLearner') makeLearner(draft, node);
    else if (op === 'remove') remove(draft, node);
  }
};

const isJoint = (config: ConfState): boolean => config.outgoing.length > 0;

/**
 * At most one voter comes or goes: any majority of before shares a member with any majority of after.
 * @throws ConfigChangeError
 */
export const simpleChange = (config: ConfState, changes: readonly SingleChange[]): ConfState => {
  if (isJoint(config))
    throw new ConfigChangeError('a simple change is not possible in a joint configuration');
  const draft = draftOf(config);
  applyChanges(draft, changes);
  const differing = [...draft.voters].filter((id) => !config.voters.includes(id)).length;
  const missing = config.voters.filter((id) => !draft.voters.has(id)).length;
  if (differing + missing > 1)
    throw new ConfigChangeError('more than one voter changes at once without a joint configuration');
  return finish(draft, false);
};

/**
 * The voters of now become the outgoing half, and whatever is decided needs a majority of both halves.
 * @throws ConfigChangeError
 */
export const enterJoint = (
  config: ConfState,
  changes: readonly SingleChange[],
  autoLeave: boolean,
): ConfState => {
  if (isJoint(config)) throw new ConfigChangeError('the configuration is joint already');
  if (config.voters.length === 0)
    throw new ConfigChangeError('a configuration without voters cannot become joint');
  const draft = { ...draftOf(config), outgoing: new Set(config.voters) };
  applyChanges(draft, changes);
  return finish(draft, autoLeave);
};

/** The outgoing half goes, and what waited for that becomes a learner. @throws ConfigChangeError */
export const leaveJoint = (config: ConfState): ConfState => {
  if (!isJoint(config)) throw new ConfigChangeError('the configuration is not joint');
  const draft = draftOf(config);
  for (const id of draft.learnersNext) draft.learners.add(id);
  return finish({ ...draft, outgoing: new Set(), learnersNext: new Set() }, false);
};

/** All that are members in any way, ascending. */
export const membersOf = (config: ConfState): NodeId[] =>
  ascending(new Set([...config.voters, ...config.outgoing, ...config.learners, ...config.learnersNext]));
