import { commonPrefix } from './common-prefix.ts';
import type { Place } from './prefix-choice.ts';
import type { StateRoom } from './protocol.ts';
import { release, StateCache, type FoundState, type KeptState } from './state-cache.ts';
import { StateFiles } from './state-files.ts';
import type { StateCopies } from './step-backend.ts';
import { leastTokens, StateWorth } from './state-worth.ts';

/** Tokens that a stored state must hold more of a prompt than the sequences do. */
const leastMore = 64;

/** A sequence that is about to be overwritten. */
interface Leaving {
  readonly place: Place;
  /** Leading tokens that stay. */
  readonly kept: number;
  /** What the other sequences hold. */
  readonly others: readonly Place[];
  /** Whether running answers wait meanwhile. */
  readonly delaysOthers: boolean;
}

/** What a prompt may begin from. */
interface Wish {
  readonly tenant: string;
  readonly prompt: readonly number[];
  /** Leading tokens that a sequence holds. */
  readonly held: number;
  /** What computing one token of a prompt takes; undefined: not known yet. */
  readonly promptMs: number | undefined;
  readonly delaysOthers: boolean;
}

/**
 * Moves states between the sequences of a context and the cache outside, where that costs less than to compute them
 * again. Nothing of it may run while a batch is computed, but for `take`.
 */
export class SpilledStates {
  readonly #copies: StateCopies;
  readonly #cache: StateCache;
  readonly #worth: StateWorth;

  constructor(copies: StateCopies, cache: StateCache, worth = new StateWorth()) {
    this.#copies = copies;
    this.#cache = cache;
    this.#worth = worth;
  }

  /** Bytes of memory that states take now. */
  get stateBytes(): number {
    return this.#cache.size.memoryBytes;
  }

  /** The stored state that a request had better begin from. */
  find({ tenant, prompt, held, promptMs, delaysOthers }: Wish): FoundState | undefined {
    // The last token is always computed: what follows it is asked for.
    const found = this.#cache.find(tenant, prompt, prompt.length - 1);
    if (found === undefined || found.shared < held + leastMore) return undefined;
    const isOverSoon = !delaysOthers || this.#worth.restoresSoon(found.bytes);
    return isOverSoon && this.#worth.isSooner(found.shared - held, found.bytes, found.isInMemory, promptMs)
      ? found
      : undefined;
  }

  /** Takes a state out of the cache: it is to be restored or given back. */
  async take(found: FoundState): Promise<KeptState | undefined> {
    const begin = performance.now();
    const kept = await found.take();
    if (!found.isInMemory) this.#worth.read(found.bytes, performance.now() - begin);
    return kept;
  }

  giveBack(kept: KeptState): void {
    this.#cache.put(kept);
  }

  /**
   * Copies what a sequence loses now, where nothing else holds it.
   * @returns what is to be given to the cache once there is room; undefined when it is not worth it
   */
  async save({ place, kept, others, delaysOthers }: Leaving): Promise<KeptState | undefined> {
    const { tenant, tokens, sequence } = place;
    const covered = others.map((other) => (other.tenant === tenant ? commonPrefix(other.tokens, tokens) : 0));
    const lost = tokens.length - Math.max(kept, ...covered);
    if (lost < leastTokens || !this.#cache.fits(this.#worth.bytesOf(tokens.length))) return undefined;
    if (delaysOthers && !this.#worth.savesSoon(tokens.length)) return undefined;
    const found = this.#cache.find(tenant, tokens, tokens.length);
    if (found !== undefined && tokens.length - found.shared < leastTokens) return undefined;
    const begin = performance.now();
    try {
      const state = await this.#copies.save(sequence);
      this.#worth.saved(tokens.length, state.length, performance.now() - begin);
      return { tenant, tokens: Uint32Array.from(tokens), state };
    } catch {
      // It would only have saved time later.
      return undefined;
    }
  }

  /**
   * Makes a sequence hold a state that was taken. It goes back to the cache as well where the request cuts much of it.
   * @returns whether the sequence holds all its tokens; else it is to be cleared
   */
  async restore(kept: KeptState, sequence: number, shared: number): Promise<boolean> {
    const begin = performance.now();
    try {
      await this.#copies.restore(sequence, kept.state);
      this.#worth.restored(kept.state.length, performance.now() - begin);
    } catch {
      release(kept.state);
      return false;
    }
    if (kept.tokens.length - shared >= leastTokens) this.#cache.put(kept);
    else release(kept.state);
    return true;
  }
}

/** @returns undefined where the context cannot copy states, or there is no room for them */
export const createSpilledStates = (
  copies: StateCopies | undefined,
  room: StateRoom | undefined,
  log: (message: string) => void,
): SpilledStates | undefined => {
  if (copies === undefined || room === undefined) return undefined;
  const { memoryBytes, diskBytes, folder } = room;
  if (memoryBytes + diskBytes === 0) return undefined;
  const files = folder === undefined ? undefined : new StateFiles(folder);
  return new SpilledStates(copies, new StateCache({ memoryBytes, diskBytes, files, log }));
};
