import type { Message } from '../../../../agent/src/raft/core/message.ts';
import type { Status } from '../../../../agent/src/raft/core/status.ts';
import type { ConfState, Index, NodeId, Term } from '../../../../agent/src/raft/core/types.ts';
import { Violation } from '../failure.ts';
import { isQuorum } from './books.ts';
import type { Ledger } from './ledger.ts';

interface Asked {
  /** Counts what this member has received. */
  readonly moment: number;
  /** The highest index that anybody knew to be committed then. */
  readonly committed: Index;
  /** Of this member, each time that it came in. */
  readonly terms: Set<Term>;
}

/** A read of this member's own client. */
export interface BegunRead {
  readonly moment: number;
  readonly term: Term;
  readonly leads: boolean;
}

interface Watched {
  moments: number;
  /** As of when it was last looked at, and what it has applied since: an answer may be of before that. */
  configs: ConfState[];
  /** Its own questions to the leader, by token. */
  readonly sent: Map<number, number>;
  /** Of its own questions that were answered, when the last was sent. */
  answered: number;
  /** By who asks and its token, when that first came in. */
  readonly asked: Map<string, Asked>;
  /** When whom has answered a heartbeat last, and of which term. */
  readonly heard: Map<NodeId, { readonly term: Term; readonly moment: number }>;
}

/**
 * How a leader answers others who ask for its read index: after a quorum has said that it still leads, not before it
 * knows what was committed before its term, and with no less than was committed when it was asked. That clients see no
 * old value would follow from that; but it takes much bad luck to see one when it does not hold.
 */
export class Questions {
  readonly #ledger: Ledger;
  readonly #members = new Map<NodeId, Watched>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** A process begins. */
  started(id: NodeId): void {
    this.#members.set(id, {
      moments: 0,
      configs: [],
      sent: new Map(),
      answered: 0,
      asked: new Map(),
      heard: new Map(),
    });
  }

  membersChanged(id: NodeId, config: ConfState): void {
    this.#members.get(id)?.configs.push(config);
  }

  observed({ id, config }: Status): void {
    const watched = this.#members.get(id);
    if (watched !== undefined) watched.configs = [config];
  }

  /** @param status of the receiver before it knows the message */
  received({ type, from, to, term, context }: Message, status: () => Status): void {
    const watched = this.#members.get(to);
    if (watched === undefined) return;
    watched.moments += 1;
    // A late one of an earlier term takes nothing back.
    if (type === 'heartbeatResp' && term >= (watched.heard.get(from)?.term ?? 0))
      watched.heard.set(from, { term, moment: watched.moments });
    if (type === 'readIndexResp')
      watched.answered = Math.max(watched.answered, watched.sent.get(context) ?? 0);
    if (type !== 'readIndex') return;
    const question = `${from}/${context}`;
    const known = watched.asked.get(question);
    const asked = known ?? {
      moment: watched.moments,
      committed: this.#ledger.highestCommit,
      terms: new Set(),
    };
    // It may come twice; what holds for the first holds for the second.
    asked.terms.add(status().term);
    watched.asked.set(question, asked);
  }

  /** @param status of the sender now */
  sent(sender: NodeId, message: Message, status: () => Status): void {
    const watched = this.#members.get(sender);
    const { type, from, context } = message;
    if (type === 'readIndexResp') this.#checkAnswer(sender, message, status);
    if (type !== 'readIndex' || from !== sender || watched === undefined) return;
    watched.moments += 1;
    watched.sent.set(context, watched.moments);
  }

  readBegins(id: NodeId, { term, role }: Status): BegunRead {
    const watched = this.#members.get(id);
    if (watched !== undefined) watched.moments += 1;
    return { moment: watched?.moments ?? 0, term, leads: role === 'leader' };
  }

  /** Who does not lead has asked since the read began, and was answered: what was asked before is too old. */
  readServed(id: NodeId, begun: BegunRead, { term, role }: Status): void {
    const watched = this.#members.get(id);
    // It may have led meanwhile, and asked itself.
    if (watched === undefined || begun.leads || role === 'leader' || begun.term !== term) return;
    if (watched.answered < begun.moment)
      throw new Violation('reads', `member ${id} serves a read without having asked since it began`);
  }

  #checkAnswer(sender: NodeId, { to, term, index, context }: Message, status: () => Status): void {
    const watched = this.#members.get(sender);
    const asked = watched?.asked.get(`${to}/${context}`);
    if (watched === undefined || asked === undefined) return;
    const { config, commit, term: now } = status();
    const confirms = (voter: NodeId): boolean => {
      const heard = watched.heard.get(voter);
      return voter === sender || (heard?.term === term && heard.moment > asked.moment);
    };
    if (![...watched.configs, config].some((one) => isQuorum(one, confirms)))
      throw new Violation(
        'reads',
        `leader ${sender} answers ${to}, and no quorum has confirmed that it leads`,
      );
    if (!asked.terms.has(term))
      throw new Violation(
        'reads',
        `leader ${sender} answers ${to} in term ${term}, and was asked in another`,
      );
    // An answer may leave after word of a later term came: then what is committed now says nothing of what was.
    if (now === term && this.#ledger.termOf(sender, commit) !== term)
      throw new Violation(
        'reads',
        `leader ${sender} answers ${to} before it has committed anything in term ${term}`,
      );
    if (index < asked.committed)
      throw new Violation(
        'reads',
        `leader ${sender} answers ${to} with ${index}, and ${asked.committed} was committed when it was asked`,
      );
  }
}
