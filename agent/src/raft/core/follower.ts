import { campaign } from './election.ts';
import type { Message } from './message.ts';
import type { RaftState } from './state.ts';
import { nobody, type Snapshot } from './types.ts';

/** What a member does with what its leader sends. */

export const handleAppend = (state: RaftState, append: Message): void => {
  const { log } = state;
  if (append.index < log.committed) {
    // Old news: what is committed matches the leader's log.
    state.send('appendResp', append.from, { index: log.committed });
    return;
  }
  const previous = { index: append.index, term: append.logTerm };
  const matched = log.maybeAppend(previous, append.entries, append.commit);
  if (matched !== undefined) {
    state.send('appendResp', append.from, { index: matched });
    return;
  }
  // Whole terms are skipped on both sides, so that logs that differ in many entries meet in a few steps.
  const hint = log.findConflictByTerm(Math.min(append.index, log.lastIndex()), append.logTerm);
  state.send('appendResp', append.from, {
    index: append.index,
    reject: true,
    rejectHint: hint.index,
    logTerm: hint.term,
  });
};

export const handleHeartbeat = (state: RaftState, heartbeat: Message): void => {
  state.log.commitTo(heartbeat.commit);
  state.send('heartbeatResp', heartbeat.from, { context: heartbeat.context });
};

/** @returns whether the log now begins with it */
const restore = (state: RaftState, snapshot: Snapshot): boolean => {
  const { log } = state;
  if (snapshot.index <= log.committed) return false;
  // One from before this member was added does for it as well: the entry that adds it follows. To insist on a newer one
  // could wait for ever, when its vote is needed for anything to be committed that a newer one could hold.
  if (log.matches(snapshot)) {
    // All that it holds is in the log already: only what is committed is news.
    log.commitTo(snapshot.index);
    return false;
  }
  log.restore(snapshot);
  state.tracker.progress = new Map();
  state.setConfig(snapshot.config);
  state.configIndex = snapshot.index;
  const own = state.ownProgress;
  own?.maybeUpdate(own.next - 1);
  return true;
};

export const handleSnapshot = (state: RaftState, received: Message): void => {
  if (received.snapshot === undefined) return;
  const restored = restore(state, received.snapshot);
  const index = restored ? state.log.lastIndex() : state.log.committed;
  state.send('appendResp', received.from, { index });
};

/** A message from the leader of this term. */
const heardLeader = (state: RaftState, from: number): void => {
  state.electionElapsed = 0;
  state.lead = from;
};

/** @returns whether the message was of use */
export const stepFollower = (state: RaftState, received: Message): boolean => {
  switch (received.type) {
    case 'append':
      heardLeader(state, received.from);
      handleAppend(state, received);
      return true;
    case 'heartbeat':
      heardLeader(state, received.from);
      handleHeartbeat(state, received);
      return true;
    case 'snapshot':
      heardLeader(state, received.from);
      handleSnapshot(state, received);
      return true;
    case 'propose':
    case 'readIndex':
    case 'transferLeader':
      if (state.lead === nobody) return false;
      state.forward(received);
      return true;
    case 'readIndexResp':
      state.readStates.push({ token: received.context, index: received.index });
      return true;
    case 'timeoutNow':
      // The leader itself has asked for it: whether it could be won is known.
      campaign(state, 'transfer');
      return true;
    default:
      return false;
  }
};
