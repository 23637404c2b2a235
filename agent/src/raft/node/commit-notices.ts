import type { Message } from '../core/message.ts';
import type { Index, NodeId } from '../core/types.ts';

/**
 * Word that more is committed, for members that have the entries already. It waits for the next append, which says it
 * as well, but no longer than a tick: sent on its own, it and its answer would be as many messages again as those that
 * brought the entries. Members for whom somebody waits are told at once.
 *
 * To the members that is a network that delays an append, or loses one before another arrives.
 */
export class CommitNotices {
  readonly #held = new Map<NodeId, Message>();
  /** What each member was told last. */
  readonly #told = new Map<NodeId, Index>();

  /** @returns what is to be sent now */
  pass(messages: readonly Message[]): Message[] {
    const leaving: Message[] = [];
    for (const message of messages) {
      const { type, to, commit, entries } = message;
      const held = this.#held.get(to);
      if (type === 'append') {
        // It says all that an earlier one does.
        this.#held.delete(to);
        // One that brings neither entries nor news asks how far the member is.
        if (entries.length === 0 && commit > (this.#told.get(to) ?? 0)) {
          this.#held.set(to, message);
          continue;
        }
        this.#told.set(to, commit);
      } else if (type === 'heartbeat' && held !== undefined && commit >= held.commit) {
        this.#held.delete(to);
        this.#told.set(to, commit);
      } else if (type === 'readIndexResp') {
        // Who reads waits until it has applied so much.
        leaving.push(...this.release([to]));
      }
      leaving.push(message);
    }
    return leaving;
  }

  /** @returns what waits for these members, to be sent now; for all when left out */
  release(members: Iterable<NodeId> = [...this.#held.keys()]): Message[] {
    const leaving: Message[] = [];
    for (const id of members) {
      const held = this.#held.get(id);
      if (held === undefined) continue;
      this.#held.delete(id);
      this.#told.set(id, held.commit);
      leaving.push(held);
    }
    return leaving;
  }

  /** Another role, or another term: what was said before says nothing any more. What is held is to be released first. */
  clear(): void {
    this.#held.clear();
    this.#told.clear();
  }
}
