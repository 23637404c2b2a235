import { protocolOf, type Protocol } from './config-change/change.ts';
import { ConfigCodecError, decodeConfigChange } from './config-change/codec.ts';
import type { Message } from './message.ts';
import {
  appendProposals,
  broadcastEntries,
  broadcastHeartbeat,
  commitAndTell,
  leaveJointByItself,
  readIndex,
  releaseReads,
  sendAppend,
  sendGathered,
  waitsForTick,
} from './replication.ts';
import type { RaftState } from './state.ts';
import type { Progress } from './tracker/progress.ts';
import { nobody, type Entry, type NodeId } from './types.ts';

/** Why a proposal was refused. None of these means that it is in any log. */
export type Refusal =
  /** No leader is known. */
  | 'noLeader'
  /** This leader was removed. */
  | 'removed'
  /** The leader is handing over. */
  | 'transferring'
  /** A change of the members is under way. */
  | 'configPending'
  /** Only leaving is possible in a joint configuration, and only there. */
  | 'configImpossible'
  /** Too much is proposed and not applied yet. */
  | 'tooMuchUncommitted';

type Proposal = Pick<Entry, 'type' | 'data'>;

/** @returns undefined for bytes that are no change of the members */
const protocolIn = (data: Uint8Array): Protocol | undefined => {
  try {
    return protocolOf(decodeConfigChange(data));
  } catch (error) {
    if (error instanceof ConfigCodecError) return undefined;
    throw error;
  }
};

const configRefusal = (state: RaftState, data: Uint8Array): Refusal | undefined => {
  if (state.pendingConfigIndex > state.log.applied) return 'configPending';
  const protocol = protocolIn(data);
  const possible = protocol !== undefined && state.tracker.joint === (protocol === 'leaveJoint');
  return possible ? undefined : 'configImpossible';
};

/** @returns undefined when the proposals are in the leader's log */
export const propose = (state: RaftState, proposals: readonly Proposal[]): Refusal | undefined => {
  if (state.ownProgress === undefined) return 'removed';
  if (state.transferee !== nobody) return 'transferring';
  const config = proposals.findIndex(({ type }) => type === 'config');
  const change = proposals[config];
  if (change !== undefined) {
    const refusal = configRefusal(state, change.data);
    if (refusal !== undefined) return refusal;
    // Of two at once the second would be under way together with the first.
    if (proposals.findLastIndex(({ type }) => type === 'config') > config) return 'configPending';
  }
  const next = state.log.lastIndex() + 1;
  if (!appendProposals(state, proposals)) return 'tooMuchUncommitted';
  if (change !== undefined) state.pendingConfigIndex = next + config;
  broadcastEntries(state);
  return undefined;
};

const refusedAppend = (state: RaftState, progress: Progress, answer: Message): void => {
  // The follower's log has no higher term up to its hint, so it can agree only up to where this log has none either.
  const hint =
    answer.logTerm > 0
      ? state.log.findConflictByTerm(answer.rejectHint, answer.logTerm).index
      : answer.rejectHint;
  if (!progress.maybeDecreaseTo(answer.index, hint)) return;
  if (progress.state === 'replicate') progress.becomeProbe();
  sendAppend(state, answer.from);
};

const acceptedAppend = (state: RaftState, progress: Progress, answer: Message): void => {
  const { log } = state;
  // An old answer; but in `probe` even one that says nothing new ends the probing.
  const probed = progress.state === 'probe' && progress.match === answer.index;
  if (!progress.maybeUpdate(answer.index) && !probed) return;
  if (progress.state === 'probe') progress.becomeReplicate();
  else if (progress.state === 'snapshot') {
    // Whatever brought it here, the log can take over: maybe not by way of that snapshot.
    if (progress.match + 1 >= log.firstIndex()) {
      progress.becomeProbe();
      progress.becomeReplicate();
    }
  } else progress.inflights.freeUpTo(answer.index);
  const isTold = commitAndTell(state);
  if (answer.from !== state.id && !waitsForTick(state, progress)) {
    if (!isTold && progress.canBumpCommit(log.committed)) sendAppend(state, answer.from);
    while (sendAppend(state, answer.from, false));
  }
  if (answer.from === state.transferee && progress.match === log.lastIndex())
    state.send('timeoutNow', answer.from);
};

const heartbeatAnswered = (state: RaftState, progress: Progress, answer: Message): void => {
  progress.recentActive = true;
  progress.appendsPaused = false;
  const lacks = progress.match < state.log.lastIndex() || progress.state === 'probe';
  if (lacks && !waitsForTick(state, progress)) sendAppend(state, answer.from);
  if (state.settings.readOnly === 'lease' || answer.context === 0) return;
  state.reads.acknowledge(answer.from, answer.context);
  releaseReads(state);
};

/** Hands leadership over: brings the target up to date, then asks it to campaign. */
const transfer = (state: RaftState, to: NodeId): void => {
  const progress = state.tracker.progress.get(to);
  if (progress === undefined || progress.learner || to === state.id || to === state.transferee) return;
  state.transferee = to;
  // It has one election timeout for it.
  state.electionElapsed = 0;
  if (progress.match === state.log.lastIndex()) state.send('timeoutNow', to);
  else sendAppend(state, to);
};

/** @returns whether the message was of use */
export const stepLeader = (state: RaftState, received: Message): boolean => {
  switch (received.type) {
    case 'propose':
      return propose(state, received.entries) === undefined;
    case 'readIndex':
      readIndex(state, received.from, received.context);
      return true;
    case 'transferLeader':
      transfer(state, received.context);
      return true;
    case 'appendResp':
    case 'heartbeatResp': {
      const progress = state.tracker.progress.get(received.from);
      if (progress === undefined) return false;
      progress.recentActive = true;
      if (received.type === 'heartbeatResp') heartbeatAnswered(state, progress, received);
      else if (received.reject) refusedAppend(state, progress, received);
      else acceptedAppend(state, progress, received);
      return true;
    }
    default:
      return false;
  }
};

/** An append did not get through: what was sent after it may be lost as well. */
export const reportUnreachable = (state: RaftState, id: NodeId): void => {
  const progress = state.tracker.progress.get(id);
  if (progress?.state === 'replicate') progress.becomeProbe();
};

/** A snapshot was delivered or lost. */
export const reportSnapshot = (state: RaftState, id: NodeId, delivered: boolean): void => {
  const progress = state.tracker.progress.get(id);
  if (progress?.state !== 'snapshot') return;
  if (!delivered) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // Delivered: its acknowledgement is on its way. Lost: the next try waits for a sign of life.
  progress.appendsPaused = true;
};

export const tickLeader = (state: RaftState): void => {
  const { electionTicks, heartbeatTicks, checkQuorum } = state.settings;
  state.leaderTicks += 1;
  sendGathered(state);
  state.heartbeatElapsed += 1;
  state.electionElapsed += 1;
  if (state.electionElapsed >= electionTicks) {
    state.electionElapsed = 0;
    if (checkQuorum) {
      if (!state.tracker.quorumActive()) {
        state.becomeFollower(state.term, nobody);
        return;
      }
      for (const [id, progress] of state.tracker.progress) if (id !== state.id) progress.recentActive = false;
    }
    if (state.transferee !== nobody) {
      state.abortTransfer();
      // What had to wait for the transfer; nothing else may be applied that would remind of it.
      leaveJointByItself(state);
    }
  }
  if (state.heartbeatElapsed >= heartbeatTicks) {
    state.heartbeatElapsed = 0;
    broadcastHeartbeat(state);
  }
};
