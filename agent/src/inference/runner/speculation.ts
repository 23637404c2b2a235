import { AnswerDrafts } from './answer-drafts.ts';
import { AnswerGuesses } from './answer-guesses.ts';
import type { Turn } from './batch-plan.ts';
import { Chance } from './chance.ts';
import type { Draft, Drafted } from './draft.ts';
import { GuessLength, longestGuess } from './guess-length.ts';

/** Guesses how one answer goes on. */
export type Guesses = Pick<AnswerGuesses, 'chance' | 'next' | 'follow'> & {
  readonly drafts?: AnswerDrafts | undefined;
};

/** An answer that goes on with the next step. */
export interface Guessed extends Drafted {
  /** Undefined: nothing may be guessed for it. */
  readonly guesses: Guesses | undefined;
  /** Tokens that its sequence can still take, behind the next one. */
  readonly room: number;
}

/** What is known of a step that is to be. */
export interface StepOutlook {
  /** Tokens of a step at most. */
  readonly batchSize: number;
  /** What computing one token of a prompt takes; undefined: it is not known yet. */
  readonly promptMs: number | undefined;
}

/** Weight of the newest guess of a draft model, of all answers. */
const modelWeight = 1 / 64;
/** Of a step without guesses, what guessing one token is taken to take the draft model before that is known. */
const firstShare = 1 / 8;

/**
 * Speculative decoding: what probably follows is computed in the same step as the token before it. Each guess that turns
 * out to be what would have been chosen anyway saves a step, and the others are taken back: the answer stays the same.
 */
export class Speculation {
  readonly #contextSize: number;
  readonly #onFailure: (error: unknown) => void;
  readonly #length = new GuessLength();
  /** Of guesses of the draft model. */
  readonly #chance = new Chance(modelWeight);
  #draft: Draft | undefined;

  /**
   * @param draft guesses where nothing was said before that goes on alike
   * @param onFailure told of why the draft model guesses no more
   */
  constructor(contextSize: number, draft?: Draft, onFailure: (error: unknown) => void = () => undefined) {
    this.#contextSize = contextSize;
    this.#draft = draft;
    this.#onFailure = onFailure;
  }

  /** Another user's request begins in a sequence. */
  forget(sequence: number): void {
    this.#draft?.forget(sequence);
  }

  /** An answer begins. @param prediction what it will probably be */
  begin(prompt: readonly number[], prediction: readonly number[]): Guesses {
    const drafts = this.#draft === undefined ? undefined : new AnswerDrafts(this.#chance);
    return new AnswerGuesses({ prompt, prediction, contextSize: this.#contextSize }, drafts);
  }

  /**
   * What to compute in advance for the answers of the next step, which computes nothing else: the same number of tokens
   * for each, filled up with any where fewer are guessed.
   */
  async choose(
    answers: readonly Guessed[],
    { batchSize, promptMs }: StepOutlook,
  ): Promise<readonly (readonly number[])[]> {
    const most = Math.min(
      Math.floor(batchSize / answers.length) - 1,
      ...answers.map(({ guesses, room }) => (guesses === undefined ? 0 : room)),
    );
    const drafting = await this.#drafting(answers, most, promptMs);
    const outlooks = answers.map(({ guesses }, index) =>
      drafting.has(index)
        ? { chance: guesses?.drafts?.chance ?? 0, length: longestGuess }
        : { chance: guesses?.chance ?? 0, length: guesses?.next.length ?? 0 },
    );
    const length = this.#length.next(outlooks, most, {
      promptMs,
      draftMs: this.#draftMs(drafting.size, answers.length),
    });
    const asked = length === 0 ? new Map<number, Guessed>() : drafting;
    if (asked.size === 0) {
      this.#draft?.unasked();
      this.#chance.untried();
    }
    const drafted = await this.#guess([...asked.values()], length);
    const byPlace = new Map([...asked.keys()].map((place, index) => [place, drafted[index] ?? []]));
    const next = answers.map(({ guesses }, index) => byPlace.get(index) ?? guesses?.next ?? []);
    for (const [index, { guesses }] of answers.entries()) {
      const guess = byPlace.get(index);
      if (guess === undefined) guesses?.drafts?.unasked();
      else guesses?.drafts?.guessed(guess);
    }
    // A draft model may have less to say than it was asked for.
    const longest = Math.min(length, Math.max(0, ...next.map((tokens) => tokens.length)));
    return next.map((tokens) => Array.from({ length: longest }, (_, place) => tokens[place] ?? anyToken));
  }

  /** A step has been computed that went on with answers only. @param ms without what guessing took */
  measured(turns: readonly Turn[], ms: number): void {
    this.#length.measured(turns.length, turns[0]?.guesses.length ?? 0, ms);
  }

  /** Those for which the draft model would guess, by their place; it reads on where that is worth it. */
  async #drafting(
    answers: readonly Guessed[],
    most: number,
    promptMs: number | undefined,
  ): Promise<ReadonlyMap<number, Guessed>> {
    const draft = this.#draft;
    if (draft === undefined) return new Map();
    const better = [...answers.entries()].filter(([, { guesses }]) => {
      const saidChance = guesses?.next.length === 0 ? 0 : guesses?.chance;
      return (guesses?.drafts?.chance ?? 0) > (saidChance ?? 1);
    });
    const ready = new Map(better.filter(([, answer]) => draft.isReady(answer)));
    if (ready.size < better.length) {
      // Reading takes time from everybody: only where what it is for would then be done.
      const outlooks = answers.map(({ guesses }) => ({
        chance: Math.max(guesses?.chance ?? 0, guesses?.drafts?.chance ?? 0),
        length: longestGuess,
      }));
      const draftMs = this.#draftMs(better.length, answers.length);
      const plainMs = this.#length.plainMs(answers.length);
      if (plainMs !== undefined && this.#length.next(outlooks, most, { promptMs, draftMs }) > 0)
        await this.#read(
          better.map(([, answer]) => answer),
          plainMs,
        );
    }
    return ready;
  }

  #draftMs(drafted: number, answers: number): number {
    if (drafted === 0) return 0;
    return this.#draft?.guessMs(drafted) ?? (this.#length.plainMs(answers) ?? 0) * firstShare;
  }

  async #read(answers: readonly Guessed[], mostMs: number): Promise<void> {
    try {
      await this.#draft?.read(answers, mostMs);
    } catch (error) {
      this.#fails(error);
    }
  }

  async #guess(answers: readonly Guessed[], length: number): Promise<readonly (readonly number[])[]> {
    if (answers.length === 0) return [];
    try {
      return (await this.#draft?.guess(answers, length)) ?? [];
    } catch (error) {
      this.#fails(error);
      return [];
    }
  }

  /** Answers go on without it. */
  #fails(error: unknown): void {
    this.#draft = undefined;
    this.#onFailure(error);
  }
}

const anyToken = 0;
