import { countVote } from './election.ts';
import { handleAppend, handleHeartbeat, handleSnapshot } from './follower.ts';
import type { Message } from './message.ts';
import type { RaftState } from './state.ts';

/**
 * Whether a vote is for the log as it is. The question may have left before the log was durable: after a crash the same
 * question may be asked again with a shorter log, to which the answers to the first one say nothing.
 */
const isForThisLog = ({ log }: RaftState, { index, logTerm }: Message): boolean =>
  index === log.lastIndex() && log.matches({ index, term: logTerm });

/** What a candidate or pre-candidate does. @returns whether the message was of use */
export const stepCandidate = (state: RaftState, received: Message): boolean => {
  switch (received.type) {
    case 'append':
      state.becomeFollower(received.term, received.from);
      handleAppend(state, received);
      return true;
    case 'heartbeat':
      state.becomeFollower(received.term, received.from);
      handleHeartbeat(state, received);
      return true;
    case 'snapshot':
      state.becomeFollower(received.term, received.from);
      handleSnapshot(state, received);
      return true;
    case 'voteResp':
    case 'preVoteResp': {
      // Answers to a pre-vote say nothing about the election that followed it.
      const own = state.role === 'preCandidate' ? 'preVoteResp' : 'voteResp';
      if (received.type !== own || (!received.reject && !isForThisLog(state, received))) return false;
      countVote(state, received.from, !received.reject);
      return true;
    }
    default:
      return false;
  }
};
