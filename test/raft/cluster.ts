import { message, type Message } from '../../agent/src/raft/core/message.ts';
import type { ConfState, EntryId, Index, NodeId, Term } from '../../agent/src/raft/core/types.ts';
import { entry, Member, type MemberStart } from './member.ts';

/** What somebody else answers; of a member that a test plays itself. */
export const grant = (question: Message): Message =>
  message(question.type === 'vote' ? 'voteResp' : 'preVoteResp', question.from, {
    from: question.to,
    term: question.term,
    index: question.index,
    logTerm: question.logTerm,
  });

/** @param term of who refuses; of a vote it has taken over that of the candidate */
export const refuse = (question: Message, term: Term = question.term): Message =>
  message(question.type === 'vote' ? 'voteResp' : 'preVoteResp', question.from, {
    from: question.to,
    term,
    reject: true,
  });

export const acknowledge = ({ from, to, term, index, entries }: Message): Message =>
  message('appendResp', from, { from: to, term, index: index + entries.length });

/** @param hint where the logs may agree, and the term there */
export const reject = ({ from, to, term, index }: Message, hint: Index, logTerm: Term): Message =>
  message('appendResp', from, { from: to, term, index, reject: true, rejectHint: hint, logTerm });

/** An append of entries of these terms behind (index, logTerm). */
export const appendOf = (
  to: NodeId,
  from: NodeId,
  term: Term,
  { index, term: logTerm }: EntryId,
  terms: readonly Term[] = [],
  commit: Index = 0,
): Message => {
  const entries = terms.map((each, at) => entry(index + 1 + at, each));
  return message('append', to, { from, term, index, logTerm, entries, commit });
};

export const at = (index: Index, term: Term): EntryId => ({ index, term });

export const answerHeartbeat = ({ from, to, term, context }: Message): Message =>
  message('heartbeatResp', from, { from: to, term, context });

export const ofType = (messages: readonly Message[], type: Message['type'], to?: NodeId): Message[] =>
  messages.filter((each) => each.type === type && (to === undefined || each.to === to));

/** The only one there is. @throws Error when it is not the only one */
export const only = <Item>(items: readonly Item[]): Item => {
  const [item, ...more] = items;
  if (item === undefined || more.length > 0) throw new Error(`${items.length} where one is expected`);
  return item;
};

/** Makes a member leader by votes that the test casts. @returns what it sent as leader */
export const makeLeader = (member: Member): Message[] => {
  member.node.campaign();
  // The answers to a pre-vote make it ask for votes.
  const voteNow = (): void => {
    member.step(...member.settle().map((question) => grant(question)));
  };
  voteNow();
  if (member.status.role === 'candidate') voteNow();
  if (member.status.role !== 'leader') throw new Error(`member ${member.id} is ${member.status.role}`);
  return member.settle();
};

/** A leader of that many whose first entry every other member has acknowledged. */
export const steadyLeader = (start: Omit<MemberStart, 'id'>): Member => {
  const member = new Member({ ...start, id: 1 });
  const appends = ofType(makeLeader(member), 'append');
  member.step(...appends.map(acknowledge));
  member.settle();
  return member;
};

export type Choice = (message: Message) => boolean;

/** Members and a bag of messages between them, in the order in which they were sent. */
export class Cluster {
  readonly #members = new Map<NodeId, Member>();
  readonly #cut = new Set<string>();
  bag: Message[] = [];

  constructor(starts: readonly MemberStart[]) {
    for (const start of starts) this.add(start);
  }

  /** Voters 1 to `count`, alike. */
  static of(count: number, rest: Omit<MemberStart, 'id' | 'members'> = {}): Cluster {
    const ids = Array.from({ length: count }, (_, at) => at + 1);
    return new Cluster(ids.map((id) => ({ ...rest, id, members: ids })));
  }

  add(start: MemberStart): Member {
    const member = new Member(start);
    this.#members.set(member.id, member);
    return member;
  }

  get(id: NodeId): Member {
    const member = this.#members.get(id);
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  get up(): readonly Member[] {
    return this.members.filter(({ up }) => up);
  }

  /** Those that lead, each in its own view. */
  get leaders(): NodeId[] {
    return this.up.filter(({ status }) => status.role === 'leader').map(({ id }) => id);
  }

  /** Lets members do what they have to do; what they send goes into the bag. */
  settle(...ids: readonly NodeId[]): void {
    const chosen = ids.length === 0 ? this.up : ids.map((id) => this.get(id));
    for (const member of chosen) if (member.up) this.bag.push(...member.settle());
  }

  /** Hands over what is in the bag now and chosen; it is lost where the way is cut or the receiver is down. */
  deliver(choice: Choice = () => true): void {
    for (const each of this.take(choice)) {
      const receiver = this.#members.get(each.to);
      if (receiver?.up === true && this.reaches(each)) receiver.step(each);
    }
  }

  /** Takes out of the bag what is chosen: it is lost, or delivered by the test. */
  take(choice: Choice): Message[] {
    const taken = this.bag.filter(choice);
    this.bag = this.bag.filter((each) => !choice(each));
    return taken;
  }

  /** Until nobody has anything to do. */
  stabilize(): void {
    for (let rounds = 0; rounds < 1000; rounds += 1) {
      this.settle();
      if (this.bag.length === 0) return;
      this.deliver();
    }
    throw new Error('the cluster does not come to rest');
  }

  /** Two heartbeats of every leader, so that everybody knows what is committed and lost appends are found. */
  beat(): void {
    for (let beats = 0; beats < 2; beats += 1) {
      for (const id of this.leaders) this.get(id).tick(this.get(id).settings.heartbeatTicks ?? 1);
      this.stabilize();
    }
  }

  reaches({ from, to }: Pick<Message, 'from' | 'to'>): boolean {
    return !this.#cut.has(`${from}>${to}`);
  }

  /** Messages from `from` to `to` are lost from now on, and those the other way. */
  cut(from: NodeId, to: NodeId): void {
    this.cutOneWay(from, to);
    this.cutOneWay(to, from);
  }

  cutOneWay(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`);
  }

  isolate(id: NodeId): void {
    for (const other of this.#members.keys()) if (other !== id) this.cut(id, other);
  }

  /** Messages between the groups are lost. */
  partition(...groups: readonly (readonly NodeId[])[]): void {
    const groupOf = (id: NodeId): number => groups.findIndex((group) => group.includes(id));
    for (const { id } of this.members)
      for (const other of this.members) if (groupOf(id) !== groupOf(other.id)) this.cutOneWay(id, other.id);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Has a member elected. @throws Error when it is not */
  elect(id: NodeId): Member {
    const member = this.get(id);
    member.node.campaign();
    this.stabilize();
    if (member.status.role !== 'leader') throw new Error(`member ${id} is ${member.status.role}`);
    return member;
  }

  /** The members as each one that is up sees them. */
  configs(): ConfState[] {
    return this.up.map(({ status }) => status.config);
  }
}
