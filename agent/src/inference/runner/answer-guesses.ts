import { longestGuess } from './guess-length.ts';
import { PromptLookup } from './prompt-lookup.ts';

/** Before anything is known of an answer. */
const firstChance = 1 / 2;
/** Weight of the newest guess. */
const weight = 1 / 6;

/** The guesses for one answer, and how often they come true. */
export class AnswerGuesses {
  readonly #lookup: PromptLookup;
  #chance = firstChance;
  /** What is guessed to come, whether or not it is computed in advance. */
  #guess: readonly number[] = [];

  /** @param tokens of the prompt */
  constructor(tokens: readonly number[], contextSize: number) {
    this.#lookup = new PromptLookup(tokens, contextSize);
  }

  /** How probable it is that a guess is right, where those before it were. */
  get chance(): number {
    return this.#chance;
  }

  /** What is guessed to follow now. */
  get next(): readonly number[] {
    return this.#guess;
  }

  /** The answer has gone on: with what its last step has chosen. */
  follow(tokens: readonly number[]): void {
    let isOnTrack = this.#guess.length > 0;
    for (const [index, token] of tokens.entries()) {
      this.#lookup.push(token);
      if (!isOnTrack || index >= this.#guess.length) continue;
      isOnTrack = this.#guess[index] === token;
      this.#chance += ((isOnTrack ? 1 : 0) - this.#chance) * weight;
    }
    this.#guess = this.#lookup.guess(longestGuess);
  }
}
