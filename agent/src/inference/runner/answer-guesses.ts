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
  readonly #prediction: readonly number[];
  /** So much of the prediction has come true; undefined: the answer is another one. */
  #asPredicted: number | undefined;
  /** What is guessed to come, whether or not it is computed in advance. */
  #guess: readonly number[];

  /**
   * @param prompt in tokens, as everything here
   * @param prediction what the answer will probably be
   */
  constructor(prompt: readonly number[], prediction: readonly number[], contextSize: number) {
    this.#prediction = prediction;
    this.#asPredicted = prediction.length > 0 ? 0 : undefined;
    this.#guess = prediction.slice(0, longestGuess);
    // Where an answer leaves its prediction and comes back to it, that is found like anything that was said before.
    this.#lookup = new PromptLookup([...prediction, ...prompt], contextSize);
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
      if (this.#asPredicted !== undefined)
        this.#asPredicted = this.#prediction[this.#asPredicted] === token ? this.#asPredicted + 1 : undefined;
      if (!isOnTrack || index >= this.#guess.length) continue;
      isOnTrack = this.#guess[index] === token;
      this.#chance += ((isOnTrack ? 1 : 0) - this.#chance) * weight;
    }
    const predicted =
      this.#asPredicted === undefined
        ? []
        : this.#prediction.slice(this.#asPredicted, this.#asPredicted + longestGuess);
    this.#guess = predicted.length > 0 ? predicted : this.#lookup.guess(longestGuess);
  }
}
