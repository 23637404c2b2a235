import { assertSafe } from './assert.ts';
import { appendProposals, broadcastEntries } from './replication.ts';
import type { RaftState } from './state.ts';
import { nobody, type NodeId } from './types.ts';

type Campaign = 'preElection' | 'election' | 'transfer';

/** A vote that a transfer asks for carries this: a live leader is then no reason to refuse. */
export const transferContext = 1;

/** Whether a change of the members is committed and not applied: who votes is not known yet. */
const hasUnappliedConfig = ({ log }: RaftState): boolean => log.hasConfig(log.applied + 1, log.committed + 1);

const becomeLeader = (state: RaftState): void => {
  state.becomeLeader();
  // Without an entry of its own term it could commit nothing, and would not know what is committed.
  appendProposals(state, [{ type: 'normal', data: new Uint8Array() }]);
  broadcastEntries(state);
};

const askForVotes = (state: RaftState, kind: Campaign): void => {
  const pre = kind === 'preElection';
  if (pre) state.becomePreCandidate();
  else state.becomeCandidate();
  const term = pre ? state.term + 1 : state.term;
  assertSafe(term, 'the term');
  const last = state.log.lastId();
  const question = { term, index: last.index, logTerm: last.term };
  const context = kind === 'transfer' ? transferContext : 0;
  for (const id of state.tracker.voters()) {
    // Its own vote counts only once term and vote are durable: it comes back then.
    if (id === state.id) state.send(pre ? 'preVoteResp' : 'voteResp', id, question);
    else state.send(pre ? 'preVote' : 'vote', id, { ...question, context });
  }
};

/** Starts an election, or asks first whether it could be won. Does nothing where that makes no sense. */
export const campaign = (state: RaftState, kind: Campaign): void => {
  if (state.role === 'leader' || !state.promotable || hasUnappliedConfig(state)) return;
  askForVotes(state, kind);
};

/** A vote came in. */
export const countVote = (state: RaftState, from: NodeId, granted: boolean): void => {
  state.tracker.recordVote(from, granted);
  const result = state.tracker.voteResult();
  if (result === 'lost') state.becomeFollower(state.term, nobody);
  else if (result === 'won') {
    if (state.role === 'preCandidate') askForVotes(state, 'election');
    // The others may be faster than the own disk. A leader whose term is undone by a crash could be elected in that
    // term again, and put other entries where its first ones are.
    else if (state.tracker.hasVoted(state.id)) becomeLeader(state);
  }
};
