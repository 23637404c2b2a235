import type { Slot } from './llama.ts';

/** Number of leading tokens that are equal. */
const commonPrefix = (left: readonly number[], right: readonly number[]): number => {
  const most = Math.min(left.length, right.length);
  let length = 0;
  while (length < most && left[length] === right[length]) length++;
  return length;
};

export interface SlotLease {
  readonly slot: Slot;
  /** Tokens of the prompt whose state the slot already holds. */
  readonly shared: number;
  release(): void;
}

/** Hands out idle slots, the one whose held tokens share the longest beginning with the prompt first. */
export class SlotPool {
  readonly #idle: Slot[];

  constructor(slots: readonly Slot[]) {
    this.#idle = [...slots];
  }

  /** Undefined when every slot is busy. Among equals the one unused for longest is taken. */
  take(prompt: readonly number[]): SlotLease | undefined {
    let best = -1;
    let shared = -1;
    for (const [index, slot] of this.#idle.entries()) {
      const length = commonPrefix(slot.tokens(), prompt);
      if (length > shared) {
        best = index;
        shared = length;
      }
    }
    const [slot] = best < 0 ? [] : this.#idle.splice(best, 1);
    if (slot === undefined) return undefined;
    return { slot, shared, release: () => this.#idle.push(slot) };
  }
}
