import { message, wireTypes, type Message, type MessageType } from '../core/message.ts';
import type { ConfState, Entry, NodeId, Snapshot } from '../core/types.ts';

/** Chance from a seed: numbers in [0, 1), the same each time (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Random messages of all kinds, with numbers of all sizes up to the largest. */
export class RandomMessages {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  message(): Message {
    const types = Object.keys(wireTypes) as MessageType[];
    return message(types[this.below(types.length)]!, this.#number(), {
      from: this.#number(),
      term: this.#number(),
      index: this.#number(),
      logTerm: this.#number(),
      commit: this.#number(),
      reject: this.below(2) === 1,
      rejectHint: this.#number(),
      context: this.#number(),
      entries: this.#list(5, () => this.#entry()),
      snapshot: this.below(3) === 0 ? this.#snapshot() : undefined,
    });
  }

  /** Small, around a power of two, or the largest there is. */
  #number(): number {
    const kind = this.below(4);
    if (kind === 0) return this.below(3);
    if (kind === 1) return Number.MAX_SAFE_INTEGER - this.below(3);
    return Math.max(0, 2 ** this.below(53) + this.below(3) - 1);
  }

  #list<T>(longest: number, one: () => T): T[] {
    return Array.from({ length: this.below(longest + 1) }, one);
  }

  #entry(): Entry {
    return {
      index: this.#number(),
      term: this.#number(),
      type: this.below(2) === 0 ? 'normal' : 'config',
      data: this.bytes(this.below(4) === 0 ? 0 : this.below(300)),
    };
  }

  #members(): NodeId[] {
    return [...new Set(this.#list(6, () => 1 + this.below(Number.MAX_SAFE_INTEGER)))].sort((a, b) => a - b);
  }

  #snapshot(): Snapshot {
    const config: ConfState = {
      voters: this.#members(),
      outgoing: this.#members(),
      learners: this.#members(),
      learnersNext: this.#members(),
      autoLeave: this.below(2) === 1,
    };
    return { index: this.#number(), term: this.#number(), config, data: this.bytes(this.below(200)) };
  }
}
