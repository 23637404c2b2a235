/**
 * A queue that is fair between users: they take turns, however many requests each has waiting; among the requests of
 * one user the oldest comes first. With a bound set by whoever pushes, and removal from the middle.
 *
 * A user who comes (back) begins level with those who wait, so that idling earns nothing (start-time fair queueing with
 * equal weights and costs).
 */
export class RequestQueue<T> {
  readonly #users = new Map<string, { readonly items: Set<T>; served: number }>();
  #size = 0;
  /** What the user that was served last had been served. */
  #level = 0;

  get size(): number {
    return this.#size;
  }

  /** Whose turn it is. */
  get head(): T | undefined {
    const [first] = this.#next()?.items ?? [];
    return first;
  }

  push(user: string, item: T): void {
    const known = this.#users.get(user);
    if (known === undefined) this.#users.set(user, { items: new Set([item]), served: this.#level });
    else known.items.add(item);
    this.#size += 1;
  }

  has(item: T): boolean {
    return [...this.#users.values()].some(({ items }) => items.has(item));
  }

  /** It gets its turn: the other users come before the next of this one. */
  take(item: T): boolean {
    const user = [...this.#users.values()].find(({ items }) => items.has(item));
    if (user === undefined) return false;
    this.#level = user.served;
    user.served += 1;
    return this.remove(item);
  }

  /** It leaves without a turn. @returns true if it was still waiting */
  remove(item: T): boolean {
    for (const [name, { items }] of this.#users) {
      if (!items.delete(item)) continue;
      this.#size -= 1;
      if (items.size === 0) this.#users.delete(name);
      return true;
    }
    return false;
  }

  /** Requests that get their turn before it, as things stand; its own place among the waiting, from 0. */
  positionOf(item: T): number {
    const own = [...this.#users.values()].find(({ items }) => items.has(item));
    if (own === undefined) return 0;
    const round = own.served + [...own.items].indexOf(item);
    let before = 0;
    let isBeforeOwn = true;
    for (const user of this.#users.values()) {
      if (user === own) isBeforeOwn = false;
      // Rounds in which that user comes first; among equals the one who has waited longer.
      const turns = round - user.served + (isBeforeOwn ? 1 : 0);
      before += Math.max(0, Math.min(user.items.size, turns));
    }
    return before;
  }

  /** Everything that waits, in the order of users; the queue is empty afterwards. */
  drain(): readonly T[] {
    const all = [...this];
    this.#users.clear();
    this.#size = 0;
    return all;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const { items } of this.#users.values()) yield* items;
  }

  #next(): { readonly items: Set<T>; served: number } | undefined {
    let best: { readonly items: Set<T>; served: number } | undefined;
    for (const user of this.#users.values()) if (best === undefined || user.served < best.served) best = user;
    return best;
  }
}
