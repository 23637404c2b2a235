/** Virtual time, in microseconds. */
export type Micros = number;

export const second: Micros = 1_000_000;
export const millisecond: Micros = 1000;

interface Event {
  readonly at: Micros;
  readonly order: number;
  readonly run: () => void;
}

const isBefore = (one: Event, other: Event): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order);

/**
 * Time that moves only from one event to the next. Events of the same time run in the order in which they were
 * planned, so that a run depends on nothing but its seed.
 */
export class Clock {
  now: Micros = 0;
  /** Events so far. */
  events = 0;
  #order = 0;
  /** A binary heap, the next event at its root. */
  readonly #heap: Event[] = [];

  get pending(): number {
    return this.#heap.length;
  }

  after(delay: Micros, run: () => void): void {
    this.#order += 1;
    const event = { at: this.now + Math.max(0, Math.round(delay)), order: this.#order, run };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#eventAt(parent);
      if (isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  /** Runs the next event. @returns false when there is none up to that time */
  step(until: Micros): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.at > until) return false;
    this.#removeRoot();
    this.now = next.at;
    this.events += 1;
    next.run();
    return true;
  }

  #eventAt(at: number): Event {
    const event = this.#heap[at];
    if (event === undefined) throw new Error(`there is no event ${at}`);
    return event;
  }

  #removeRoot(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && isBefore(this.#eventAt(right), this.#eventAt(left)) ? right : left;
      const below = this.#eventAt(child);
      if (isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}
