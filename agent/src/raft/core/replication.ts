import { assert } from './assert.ts';
import { leaveJoint } from './config-change/changer.ts';
import { encodeConfigChange } from './config-change/codec.ts';
import type { WaitingRead } from './read-queue.ts';
import type { RaftState } from './state.ts';
import type { Progress } from './tracker/progress.ts';
import { entrySize, type Entry, type EntryType, type Index, type NodeId } from './types.ts';

/** How a leader brings its log to the members, and what it may commit. */

const payloadBytes = (entries: readonly Entry[]): number =>
  entries.reduce((sum, entry) => sum + entry.data.length, 0);

const sendSnapshot = (state: RaftState, to: NodeId, progress: Progress): boolean => {
  // One that does not answer at all would only have it sent in vain.
  if (!progress.recentActive) return false;
  const snapshot = state.log.snapshot();
  if (snapshot === undefined) return false;
  progress.becomeSnapshot(snapshot.index);
  state.send('snapshot', to, { snapshot });
  return true;
};

/**
 * Sends the next append to a member, or the snapshot that it needs first.
 * @param evenEmpty also when there are no entries for it: to probe, or to tell what is committed
 * @returns whether anything was sent
 */
export const sendAppend = (state: RaftState, to: NodeId, evenEmpty = true): boolean => {
  const progress = state.tracker.progress.get(to);
  if (progress === undefined || progress.paused) return false;
  const { log, settings } = state;
  const previous = progress.next - 1;
  const previousTerm = log.term(previous);
  if (previousTerm === undefined) return sendSnapshot(state, to, progress);
  // With a full window that was all lost nothing would ever come back: an empty append asks.
  const withEntries = progress.state !== 'replicate' || !progress.inflights.full;
  const entries = withEntries ? log.entriesFrom(progress.next, settings.maxAppendBytes) : [];
  if (entries === undefined) return sendSnapshot(state, to, progress);
  if (entries.length === 0 && !evenEmpty) return false;
  state.send('append', to, { index: previous, logTerm: previousTerm, entries, commit: log.committed });
  progress.sentEntries(
    entries.length,
    entries.reduce((sum, entry) => sum + entrySize(entry), 0),
  );
  progress.sentCommit = Math.max(progress.sentCommit, log.committed);
  progress.sentInTick = state.leaderTicks;
  return true;
};

/** A learner that lacks more entries is not made to wait: it is catching up. */
const mostGathered = 64;

const isPaced = ({ settings }: RaftState, progress: Progress): boolean =>
  settings.pacedLearners && progress.learner && progress.state === 'replicate';

/** Whether what there is for a member waits for the next tick, to leave in one append with what comes until then. */
export const waitsForTick = (state: RaftState, progress: Progress): boolean =>
  isPaced(state, progress) &&
  progress.sentInTick === state.leaderTicks &&
  state.log.lastIndex() - progress.next < mostGathered;

/** Tells all other members of new entries; paced learners hear of them once they are committed. */
export const broadcastEntries = (state: RaftState): void => {
  for (const [id, progress] of state.tracker.progress)
    if (id !== state.id && !isPaced(state, progress)) sendAppend(state, id);
};

/** Tells all other members what is committed. */
const broadcastCommit = (state: RaftState): void => {
  for (const [id, progress] of state.tracker.progress)
    if (id !== state.id && !waitsForTick(state, progress)) sendAppend(state, id);
};

/** What has been gathered for learners leaves. */
export const sendGathered = (state: RaftState): void => {
  const { log } = state;
  for (const [id, progress] of state.tracker.progress)
    if (id !== state.id && isPaced(state, progress))
      sendAppend(state, id, progress.canBumpCommit(log.committed));
};

export const broadcastHeartbeat = (state: RaftState): void => {
  const context = state.reads.empty ? 0 : state.reads.latest;
  for (const [id, progress] of state.tracker.progress) {
    if (id === state.id) continue;
    // No more than it is known to have: what is behind that in its log may be of another leader.
    const commit = Math.min(progress.match, state.log.committed);
    state.send('heartbeat', id, { commit, context });
    progress.sentCommit = Math.max(progress.sentCommit, commit);
  }
};

/**
 * Puts proposals at the end of a leader's log.
 * @returns whether there was room for them
 */
export const appendProposals = (
  state: RaftState,
  proposals: readonly { readonly type: EntryType; readonly data: Uint8Array }[],
): boolean => {
  const bytes = proposals.reduce((sum, { data }) => sum + data.length, 0);
  // One that alone is too large must not wait for ever; empty ones, as of a new leader, always go.
  const full = state.uncommittedBytes > 0 && bytes > 0;
  if (full && state.uncommittedBytes + bytes > state.settings.maxUncommittedBytes) return false;
  state.uncommittedBytes += bytes;
  const next = state.log.lastIndex() + 1;
  const entries = proposals.map(({ type, data }, at): Entry => ({
    index: next + at,
    term: state.term,
    type,
    data,
  }));
  state.log.append(entries);
  // Comes back once they are durable: only then do they count for the quorum.
  state.send('appendResp', state.id, { index: state.log.lastIndex() });
  return true;
};

/** Takes proposals that are applied out of what counts as uncommitted. */
export const releaseProposals = (state: RaftState, entries: readonly Entry[]): void => {
  // Others than this leader's own were never counted.
  state.uncommittedBytes = Math.max(0, state.uncommittedBytes - payloadBytes(entries));
};

/** Commits what a quorum holds, when it is of this term: older entries ride along (paper, figure 8). */
const maybeCommit = (state: RaftState): boolean =>
  state.log.maybeCommit({ index: state.tracker.committed(), term: state.term });

/** Whether an entry of this leader's own term is committed: only then does it know what was before it. */
const committedInTerm = ({ log, term }: RaftState): boolean => log.term(log.committed) === term;

const answerRead = (state: RaftState, from: NodeId, token: number, index: Index): void => {
  if (from === state.id) {
    state.readStates.push({ token, index });
    return;
  }
  // Whoever is asked to wait for an entry must not have to wait for a tick before that.
  const progress = state.tracker.progress.get(from);
  if (progress !== undefined && isPaced(state, progress) && progress.sentCommit < index)
    sendAppend(state, from);
  state.send('readIndexResp', from, { index, context: token });
};

/** Answers the reads that a quorum has confirmed. */
export const releaseReads = (state: RaftState): void => {
  for (const { from, token, index } of state.reads.takeConfirmed(state.id, state.tracker.config))
    answerRead(state, from, token, index);
};

type Question = Pick<WaitingRead, 'from' | 'token'>;

const takeReads = (state: RaftState, questions: readonly Question[]): void => {
  const index = state.log.committed;
  if (state.settings.readOnly === 'lease') {
    for (const { from, token } of questions) answerRead(state, from, token, index);
    return;
  }
  const room = maxWaitingReads - state.reads.count;
  for (const { from, token } of questions.slice(0, room)) state.reads.add({ from, token, index });
  releaseReads(state);
  // One heartbeat for all of them.
  if (room > 0 && !state.reads.empty) broadcastHeartbeat(state);
};

export const readIndex = (state: RaftState, from: NodeId, token: number): void => {
  if (committedInTerm(state)) takeReads(state, [{ from, token }]);
  else if (state.earlyReads.length < maxWaitingReads) state.earlyReads.push({ from, token });
};

/** More waiting reads than that are dropped: whoever asks tries again after its own deadline. */
const maxWaitingReads = 64 * 1024;

/** Reads that waited for this leader's first entry take their turn. */
const releaseEarlyReads = (state: RaftState): void => {
  if (state.earlyReads.length === 0 || !committedInTerm(state)) return;
  const early = state.earlyReads;
  state.earlyReads = [];
  takeReads(state, early);
};

/** After anything that may have moved the commit index: tells the members. @returns whether it moved */
export const commitAndTell = (state: RaftState): boolean => {
  if (!maybeCommit(state)) return false;
  releaseEarlyReads(state);
  broadcastCommit(state);
  return true;
};

/** A leader leaves a joint configuration by itself, once that is applied and unless it is handing over. */
export const leaveJointByItself = (state: RaftState): void => {
  const { config } = state.tracker;
  if (state.role !== 'leader' || !config.autoLeave || state.log.applied < state.pendingConfigIndex) return;
  if (state.transferee !== 0) return;
  assert(leaveJoint(config).voters.length > 0, 'leaving a joint configuration would leave no voters');
  const change = { transition: 'auto', changes: [], context: new Uint8Array() } as const;
  appendProposals(state, [{ type: 'config', data: encodeConfigChange(change) }]);
  state.pendingConfigIndex = state.log.lastIndex();
  broadcastEntries(state);
};
