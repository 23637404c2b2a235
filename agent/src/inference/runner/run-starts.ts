import { commonPrefix } from './common-prefix.ts';
import type { HeldSequences } from './held-sequences.ts';
import { choosePlace, chooseVictim, type PlaceChoice } from './prefix-choice.ts';
import type { SpilledStates } from './spilled-states.ts';
import type { FoundState, KeptState } from './state-cache.ts';

/** A request that looks for a sequence. */
export interface Starter {
  readonly tenant: string;
  readonly prompt: readonly number[];
  /** What computing one token of a prompt takes, in milliseconds; undefined: not known yet. */
  readonly promptMs: number | undefined;
  /** Whether running answers wait while states are copied for it. */
  readonly delaysOthers: boolean;
}

export interface StartPlan {
  readonly choice: PlaceChoice;
  /** A stored state that holds more of the prompt than any sequence. */
  readonly found: FoundState | undefined;
}

export interface Started {
  readonly sequence: number;
  /** Tokens of the prompt that it holds. */
  readonly cachedTokens: number;
}

/** Gives requests their sequences, with as much of their prompts in them as is held anywhere. */
export class RunStarts<User> {
  readonly #held: HeldSequences<User>;
  readonly #spilled: SpilledStates | undefined;

  /** @param spilled undefined: what a sequence loses is lost */
  constructor(held: HeldSequences<User>, spilled: SpilledStates | undefined) {
    this.#held = held;
    this.#spilled = spilled;
  }

  get stateBytes(): number {
    return this.#spilled?.stateBytes ?? 0;
  }

  /** @returns undefined when all sequences are busy */
  plan(starter: Starter): StartPlan | undefined {
    const choice = choosePlace(this.#held.places(), starter.prompt, starter.tenant);
    if (choice === undefined) return undefined;
    return { choice, found: this.#spilled?.find({ ...starter, held: choice.shared }) };
  }

  async take(found: FoundState): Promise<KeptState | undefined> {
    return this.#spilled?.take(found);
  }

  giveBack(stored: KeptState): void {
    this.#spilled?.giveBack(stored);
  }

  /**
   * Makes a sequence hold what the request begins from.
   * @param stored a state that was taken for it; it is restored or given back
   * @throws Error of the context; the sequence is empty then
   */
  async begin(starter: Starter, choice: PlaceChoice, stored: KeptState | undefined): Promise<Started> {
    const { tenant, prompt } = starter;
    const shared = stored === undefined ? 0 : commonPrefix(stored.tokens, prompt, prompt.length - 1);
    const victim =
      shared > choice.shared ? chooseVictim(this.#held.writable(), prompt, tenant, shared) : undefined;
    const sequence = victim ?? choice.sequence;
    const lost = await this.#saveFrom(sequence, starter, victim === undefined ? choice.shared : shared);
    try {
      if (stored === undefined || victim === undefined) {
        if (stored !== undefined) this.giveBack(stored);
        return { sequence, cachedTokens: await this.#held.begin(choice) };
      }
      if ((await this.#spilled?.restore(stored, sequence, shared)) !== true) {
        this.#held.clear(sequence);
        return { sequence, cachedTokens: 0 };
      }
      this.#held.replaced(sequence, stored.tokens);
      return { sequence, cachedTokens: this.#held.truncate(sequence, shared) };
    } catch (error) {
      this.#held.clear(sequence);
      throw error;
    } finally {
      if (lost !== undefined) this.giveBack(lost);
    }
  }

  /** @param shared tokens of the prompt that the sequence will hold */
  async #saveFrom(
    sequence: number,
    { tenant, prompt, delaysOthers }: Starter,
    shared: number,
  ): Promise<KeptState | undefined> {
    const places = this.#held.places();
    const place = places[sequence];
    if (this.#spilled === undefined || place === undefined) return undefined;
    // A state that also knows of what is gone, or is not whole yet, is of no use to anybody.
    if (place.tokens.length < this.#held.lengthOf(sequence)) return undefined;
    const kept = place.tenant === tenant ? commonPrefix(place.tokens, prompt, shared) : 0;
    const others = places.filter((other) => other !== place);
    return this.#spilled.save({ place, kept, others, delaysOthers });
  }
}
