import type { Message } from '../core/message.ts';
import type { Index, NodeId } from '../core/types.ts';

interface Notice {
  held: Message | undefined;
  /** What the member was told last. */
  told: Index;
}

/**
 * Word that more is committed, for members that have the entries already. It waits for the next append, which says it
 * as well, but no longer than a tick: sent on its own, it and its answer would be as many messages again as those that
 * brought the entries. Members for whom somebody waits are told at once.
 *
 * To the members that is a network that delays an append, or loses one before another arrives.
 */
export class CommitNotices {
  readonly #members = new Map<NodeId, Notice>();

  /** @returns what is to be sent now */
  pass(messages: readonly Message[]): Message[] {
    const leaving: Message[] = [];
    for (const message of messages) {
      const { type, to, commit, entries } = message;
      const notice = this.#of(to);
      if (type === 'append') {
        // It says all that an earlier one does.
        notice.held = undefined;
        // One that brings neither entries nor news asks how far the member is.
        if (entries.length === 0 && commit > notice.told) {
          notice.held = message;
          continue;
        }
        notice.told = commit;
      } else if (type === 'heartbeat' && notice.held !== undefined && commit >= notice.held.commit) {
        notice.held = undefined;
        notice.told = commit;
      } else if (type === 'readIndexResp') {
        // Who reads waits until it has applied so much.
        leaving.push(...this.release([to]));
      }
      leaving.push(message);
    }
    return leaving;
  }

  /** @returns what waits for these members, to be sent now; for all when left out */
  release(members: Iterable<NodeId> = this.#members.keys()): Message[] {
    const leaving: Message[] = [];
    for (const id of members) {
      const notice = this.#members.get(id);
      if (notice?.held === undefined) continue;
      leaving.push(notice.held);
      notice.told = notice.held.commit;
      notice.held = undefined;
    }
    return leaving;
  }

  /** Another role, or another term: what was said before says nothing any more. What is held is to be released first. */
  clear(): void {
    this.#members.clear();
  }

  #of(id: NodeId): Notice {
    let notice = this.#members.get(id);
    if (notice === undefined) {
      notice = { held: undefined, told: 0 };
      this.#members.set(id, notice);
    }
    return notice;
  }
}
