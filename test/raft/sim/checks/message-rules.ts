import type { Message, MessageType } from '../../../../agent/src/raft/core/message.ts';
import type { Index, NodeId, Term } from '../../../../agent/src/raft/core/types.ts';
import { acknowledgement, fail, type Books, type MemberRecord } from './books.ts';

/** Go to the leader as their author wrote them, whoever passes them on. */
const passedOn: ReadonlySet<MessageType> = new Set(['propose', 'readIndex', 'transferLeader']);
const ofLeaders: ReadonlySet<MessageType> = new Set(['append', 'heartbeat', 'snapshot', 'timeoutNow']);

/** A message leaves its sender: what it promises must be true, and durable. */
export const sent = (books: Books, sender: NodeId, message: Message): void => {
  const { type, from, to, term, index, reject } = message;
  if (to === sender) fail('messages', `member ${from} sends a ${type} to itself`);
  if (from !== sender && !passedOn.has(type))
    fail('messages', `member ${sender} sends a ${type} of member ${from}`);
  if (ofLeaders.has(type)) checkLeads(books, message);
  if (reject) return;
  if (type === 'appendResp') noteAcknowledged(books, message);
  if (type === 'vote' || type === 'preVote') checkMayAsk(books, message);
  else if (type === 'voteResp') checkVote(books, message);
  else if (type === 'appendResp' && index > 0) checkAcknowledged(books, from, term, index);
};

const noteAcknowledged = ({ acknowledged }: Books, { from, to, term, index }: Message): void => {
  const key = acknowledgement(from, to, term);
  acknowledged.set(key, Math.max(acknowledged.get(key) ?? 0, index));
};

/** A message comes in: what a leader says of its commit index, and of the log up to there. */
export const received = ({ members }: Books, message: Message): void => {
  const record = members.get(message.to);
  if (record !== undefined && message.term >= record.term)
    record.told = Math.max(record.told, committedBy(message));
};

const committedBy = ({ type, index, commit, entries, snapshot }: Message): Index => {
  if (type === 'append') return Math.min(commit, index + entries.length);
  return type === 'heartbeat' ? commit : (snapshot?.index ?? 0);
};

const checkLeads = ({ leaders }: Books, { type, from, term }: Message): void => {
  // It may have won and lost again before anybody has looked.
  const leader = leaders.get(term) ?? from;
  if (leader !== from)
    fail('election safety', `member ${from} sends a ${type} of term ${term}, led by ${leader}`);
  leaders.set(term, from);
};

/** @returns undefined when it knows who votes, and has the log that it stands with */
export const reasonNotToCampaign = ({
  outstanding,
  handed,
  applied,
  commit,
}: MemberRecord): string | undefined => {
  if (outstanding.some(({ snapshot }) => snapshot !== undefined)) return 'its snapshot is stored';
  for (let index = applied + 1; index <= commit; index += 1)
    if (handed.at(index)?.type === 'config') return `change ${index}, which is committed, is applied`;
  return undefined;
};

/** Who does not know who votes, or has no vote, starts no election. */
const checkMayAsk = (books: Books, { from }: Message): void => {
  const record = books.of(from);
  const { config } = record;
  if (config !== undefined && !config.voters.includes(from) && !config.outgoing.includes(from))
    fail('elections', `member ${from} campaigns and has no vote`);
  const reason = reasonNotToCampaign(record);
  if (reason !== undefined) fail('elections', `member ${from} campaigns before ${reason}`);
};

const checkVote = (books: Books, { from, to, term, index, logTerm }: Message): void => {
  const earlier = books.sentVotes.get(`${from}/${term}`);
  if (earlier !== undefined && earlier !== to)
    fail('votes', `member ${from} votes in term ${term} for ${earlier} and for ${to}`);
  books.sentVotes.set(`${from}/${term}`, to);
  const candidate = `${to}/${term}`;
  const grants = books.grants.get(candidate);
  const grant = { voter: from, index, logTerm };
  if (grants === undefined) books.grants.set(candidate, [grant]);
  else grants.push(grant);
  const { hardState } = books.of(from).durable;
  if (hardState.term < term || (hardState.term === term && hardState.vote !== to))
    fail('durability', `member ${from} sends its vote for ${to} in term ${term} before it is durable`);
};

const checkAcknowledged = (books: Books, id: NodeId, term: Term, index: Index): void => {
  const { durable } = books.of(id);
  if (durable.hardState.term < term)
    fail('durability', `member ${id} acknowledges ${index} in term ${term} before that term is durable`);
  // In a later term it may have lost the entry again, which the leader of that term answers for.
  if (durable.hardState.term > term) return;
  const leader = books.leaders.get(term);
  const told = leader === undefined ? undefined : books.members.get(leader);
  // As far as the leader still is what it was in that term.
  const expected = told?.term === term ? told.handed.term(index) : undefined;
  const lacks = expected !== undefined && index > durable.base.index && durable.term(index) !== expected;
  if (durable.lastIndex < index || lacks)
    fail('durability', `member ${id} acknowledges entry ${index} in term ${term} before it is durable`);
};
