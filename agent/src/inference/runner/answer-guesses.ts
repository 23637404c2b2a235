import type { AnswerDrafts } from './answer-drafts.ts';
import { Chance } from './chance.ts';
import { longestGuess } from './guess-length.ts';
import { PromptLookup } from './prompt-lookup.ts';

/** Weight of the newest guess. */
const weight = 1 / 6;

/** What is known of an answer when it begins. */
export interface Beginning {
  /** In tokens, as everything here. */
  readonly prompt: readonly number[];
  /** What the answer will probably be. */
  readonly prediction: readonly number[];
  readonly contextSize: number;
}

/** The guesses for one answer by what was said before, and how often they come true. */
export class AnswerGuesses {
  /** The guesses of a draft model for it; undefined: there is none. */
  readonly drafts: AnswerDrafts | undefined;
  readonly #lookup: PromptLookup;
  readonly #chance = new Chance(weight);
  readonly #prediction: readonly number[];
  /** So much of the prediction has come true; undefined: the answer is another one. */
  #asPredicted: number | undefined;
  /** What is guessed to come, whether or not it is computed in advance. */
  #guess: readonly number[];

  constructor({ prompt, prediction, contextSize }: Beginning, drafts?: AnswerDrafts) {
    this.drafts = drafts;
    this.#prediction = prediction;
    this.#asPredicted = prediction.length > 0 ? 0 : undefined;
    this.#guess = prediction.slice(0, longestGuess);
    // Where an answer leaves its prediction and comes back to it, that is found like anything that was said before.
    this.#lookup = new PromptLookup([...prediction, ...prompt], contextSize);
  }

  /** How probable it is that a guess is right, where those before it were. */
  get chance(): number {
    return this.#chance.value;
  }

  /** What is guessed to follow now. */
  get next(): readonly number[] {
    return this.#guess;
  }

  /** The answer has gone on. */
  follow(token: number): void {
    this.drafts?.follow(token);
    const [guess] = this.#guess;
    if (guess !== undefined) this.#chance.judged(guess === token);
    this.#lookup.push(token);
    if (this.#asPredicted !== undefined)
      this.#asPredicted = this.#prediction[this.#asPredicted] === token ? this.#asPredicted + 1 : undefined;
    const predicted =
      this.#asPredicted === undefined
        ? []
        : this.#prediction.slice(this.#asPredicted, this.#asPredicted + longestGuess);
    this.#guess = predicted.length > 0 ? predicted : this.#lookup.guess(longestGuess);
  }
}
