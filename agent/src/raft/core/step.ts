import { stepCandidate } from './candidate.ts';
import { transferContext } from './election.ts';
import { stepFollower } from './follower.ts';
import { stepLeader } from './leader.ts';
import { termless, type Message } from './message.ts';
import type { RaftState } from './state.ts';
import { nobody } from './types.ts';

const isFromLeader = ({ type }: Message): boolean =>
  type === 'append' || type === 'heartbeat' || type === 'snapshot';

const asksForVote = ({ type }: Message): boolean => type === 'vote' || type === 'preVote';

/** @returns whether the message is to be looked at, now that the terms are settled */
const settleHigherTerm = (state: RaftState, received: Message): boolean => {
  if (asksForVote(received)) {
    const { checkQuorum, electionTicks } = state.settings;
    const hearsLeader = state.lead !== nobody && state.electionElapsed < electionTicks;
    // While there is a leader nobody votes, or a member that came back would depose it; but it may ask for that itself.
    if (checkQuorum && hearsLeader && received.context !== transferContext) return false;
  }
  // Neither is an election of that term: it is asked, or granted, whether there could be one.
  const ofTermToCome = received.type === 'preVote' || (received.type === 'preVoteResp' && !received.reject);
  if (!ofTermToCome) state.becomeFollower(received.term, isFromLeader(received) ? received.from : nobody);
  return true;
};

const answerLowerTerm = (state: RaftState, received: Message): void => {
  const { checkQuorum, preVote } = state.settings;
  if ((checkQuorum || preVote) && (received.type === 'append' || received.type === 'heartbeat')) {
    // This member's term is ahead, as after a partition, and its votes are ignored: the leader learns of the term
    // and steps down, or the member could never come back.
    state.send('appendResp', received.from);
  } else if (received.type === 'preVote') {
    // One from before the pre-vote was switched on may be ahead in term and behind in its log: without an answer
    // neither it nor the others could ever win.
    state.send('preVoteResp', received.from, { reject: true });
  }
};

const answerVote = (state: RaftState, received: Message): void => {
  const pre = received.type === 'preVote';
  const answer = pre ? 'preVoteResp' : 'voteResp';
  const free =
    state.vote === received.from ||
    (state.vote === nobody && state.lead === nobody) ||
    (pre && received.term > state.term);
  // A learner votes as well: it may have been promoted and not know it yet.
  if (free && state.log.isUpToDate({ index: received.index, term: received.logTerm })) {
    const { term, index, logTerm } = received;
    state.send(answer, received.from, { term, index, logTerm });
    if (!pre) {
      state.electionElapsed = 0;
      state.vote = received.from;
    }
  } else {
    state.send(answer, received.from, { reject: true });
  }
};

/**
 * One message, from another member or one of its own promises that has become true. The term is settled first, for
 * every kind of message, then the role has its say.
 * @returns whether it was of use; messages may come late, twice and in any order
 */
export const step = (state: RaftState, received: Message): boolean => {
  if (!termless.has(received.type)) {
    if (received.term > state.term && !settleHigherTerm(state, received)) return false;
    if (received.term < state.term) {
      answerLowerTerm(state, received);
      return false;
    }
  }
  if (asksForVote(received)) {
    answerVote(state, received);
    return true;
  }
  switch (state.role) {
    case 'leader':
      return stepLeader(state, received);
    case 'follower':
      return stepFollower(state, received);
    case 'candidate':
    case 'preCandidate':
      return stepCandidate(state, received);
  }
};
