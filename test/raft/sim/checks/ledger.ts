import type { Message } from '../../../../agent/src/raft/core/message.ts';
import type { AppendWork } from '../../../../agent/src/raft/core/ready.ts';
import type { Status } from '../../../../agent/src/raft/core/status.ts';
import type { Index, NodeId, Term } from '../../../../agent/src/raft/core/types.ts';
import type { Tally } from '../world/tally.ts';
import { Books } from './books.ts';
import { done, handed, started, type RecoveredLog } from './log-rules.ts';
import { reasonNotToCampaign, received, sent } from './message-rules.ts';
import type { ShadowLog } from './shadow-log.ts';
import { observed } from './state-rules.ts';

/** The rules of the protocol, checked with everything that happens. */
export class Ledger {
  readonly #books: Books;

  constructor(tally: Tally) {
    this.#books = new Books(tally);
  }

  get highestCommit(): Index {
    return this.#books.highestCommit;
  }

  outstandingOf(id: NodeId): number {
    return this.#books.members.get(id)?.outstanding.length ?? 0;
  }

  /** Of an entry in a member's log. */
  termOf(id: NodeId, index: Index): Term | undefined {
    return this.#books.members.get(id)?.handed.term(index);
  }

  /** Whether it does not know who votes: a change is not applied, or a snapshot not on its disk. */
  mustNotCampaign(id: NodeId): boolean {
    const record = this.#books.members.get(id);
    return record !== undefined && reasonNotToCampaign(record) !== undefined;
  }

  /** What must be on the member's disk now, whatever happens. */
  durableOf(id: NodeId): ShadowLog | undefined {
    return this.#books.members.get(id)?.durable;
  }

  /**
   * Whether somebody's log holds a change of the members that not everybody is known to have applied.
   * @param counts whose log and state are looked at
   */
  hasPendingChange(counts: (id: NodeId) => boolean): boolean {
    const records = [...this.#books.members].flatMap(([id, record]) => (counts(id) ? [record] : []));
    const everywhere = Math.min(...records.map(({ applied }) => applied));
    return records.some((record) =>
      record.handed.entries.some(({ index, type }) => type === 'config' && index > everywhere),
    );
  }

  started(id: NodeId, log: RecoveredLog): void {
    started(this.#books, id, log);
  }

  handed(id: NodeId, work: AppendWork, applied: () => Index): void {
    handed(this.#books, id, work, applied);
  }

  done(id: NodeId, work: AppendWork): void {
    done(this.#books, id, work);
  }

  sent(sender: NodeId, message: Message): void {
    sent(this.#books, sender, message);
  }

  received(message: Message): void {
    received(this.#books, message);
  }

  observed(status: Status): void {
    observed(this.#books, status);
  }
}
