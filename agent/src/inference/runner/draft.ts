import { commonPrefix } from './common-prefix.ts';
import { greedySampling } from './greedy-sampling.ts';
import { longestGuess } from './guess-length.ts';
import type { BatchPart, Choice, StepBackend, TokenSampler } from './step-backend.ts';

/** An answer whose next tokens are to be guessed. */
export interface Drafted {
  /** Of the model that answers; the draft model has one of the same number for it. */
  readonly sequence: number;
  /** What the answering model has computed of it. */
  readonly held: readonly number[];
  /** The token behind that, which is chosen already. */
  readonly next: number;
}

/** Tokens that are read at a time at first, before it is known what that takes. */
const firstPiece = 64;
/** However long it takes: an answer that goes on is caught up with, and what a batch takes is more than its tokens do. */
const leastPiece = 32;
/** Steps after which an exception is not to keep it from being asked any longer. */
const forgetAfter = 100;
/** Weight of the newest measurement. */
const weight = 0.2;

/** Numbers of tokens: some families fill up one of two that are otherwise the same. */
export interface Vocabularies {
  /** Of the model that answers. */
  readonly answering: number;
  /** Of the draft model. */
  readonly own: number;
}

/**
 * A second, smaller model that guesses what a model will say ("draft model"). It follows the answers in sequences of
 * its own, and reads what it does not know of them in pieces, so that nobody waits long.
 */
export class Draft {
  readonly #backend: StepBackend;
  readonly #vocabulary: Vocabularies;
  readonly #sampler: TokenSampler;
  /** What its sequences hold. */
  readonly #held: readonly number[][];
  /** What reading one token of a text takes; undefined: not known yet. */
  #readMs: number | undefined;
  /** What guessing one token for so many answers takes. */
  readonly #guessMs = new Map<number, number>();
  #unasked = 0;

  constructor(backend: StepBackend, vocabulary: Vocabularies) {
    this.#backend = backend;
    this.#vocabulary = vocabulary;
    this.#held = Array.from({ length: backend.sequences }, () => []);
    this.#sampler = backend.createSampler({ settings: greedySampling, grammar: undefined, prompt: [] });
  }

  /** Whether it can guess on without reading much. */
  isReady(answer: Drafted): boolean {
    return this.#canFollow(answer) && this.#unread(answer) <= longestGuess + 1;
  }

  /** @returns milliseconds that guessing one token for each of so many takes; undefined: not known */
  guessMs(answers: number): number | undefined {
    return this.#guessMs.get(answers);
  }

  /** A step goes without its guesses. After many of them it is not known any more what one takes. */
  unasked(): void {
    this.#unasked += 1;
    if (this.#unasked >= forgetAfter) this.#guessMs.clear();
  }

  /** Reads some of the texts that it is behind with, for so long at most. */
  async read(answers: readonly Drafted[], mostMs: number): Promise<void> {
    const unread = answers.filter((answer) => this.#canFollow(answer) && !this.isReady(answer));
    const piece = this.#readMs === undefined ? firstPiece : Math.floor(mostMs / this.#readMs);
    let left = Math.min(this.#backend.batchSize, Math.max(leastPiece, piece));
    const parts: BatchPart[] = [];
    for (const answer of unread) {
      if (left === 0) break;
      const tokens = this.#catchUp(answer).slice(0, left);
      left -= tokens.length;
      parts.push(this.#part(answer.sequence, tokens, false));
    }
    if (parts.length === 0) return;
    const begin = performance.now();
    await this.#compute(parts);
    this.#readMs = towards(this.#readMs, (performance.now() - begin) / sizeOf(parts));
  }

  /**
   * What will probably be said next, token after token.
   * @param answers those that it is ready for
   * @returns for each of them up to `length` tokens
   */
  async guess(answers: readonly Drafted[], length: number): Promise<readonly (readonly number[])[]> {
    const begin = performance.now();
    const guesses = new Map<number, number[]>();
    let parts: readonly BatchPart[] = [];
    for (const answer of answers) {
      const tokens = this.#catchUp(answer);
      const part = this.#part(answer.sequence, tokens, true);
      if (sizeOf([...parts, part]) > this.#backend.batchSize) break;
      parts = [...parts, part];
      guesses.set(answer.sequence, []);
    }
    let rounds = 0;
    for (; rounds < length && parts.length > 0; rounds += 1) {
      const chosen = await this.#compute(parts);
      parts = parts.flatMap(({ sequence }, index) => {
        const token = tokenOf(chosen[index]);
        if (token === undefined || token >= this.#vocabulary.answering) return [];
        guesses.get(sequence)?.push(token);
        return [this.#part(sequence, [token], true)];
      });
    }
    this.#unasked = 0;
    if (rounds > 0) {
      const ms = (performance.now() - begin) / rounds;
      this.#guessMs.set(answers.length, towards(this.#guessMs.get(answers.length), ms));
    }
    return answers.map(({ sequence }) => guesses.get(sequence) ?? []);
  }

  /** Another request has taken the place of the one that it followed: nothing of it is to be noticed. */
  forget(sequence: number): void {
    const held = this.#held[sequence];
    if (held !== undefined && held.length > 0) held.length = this.#backend.truncate(sequence, 0);
  }

  /** Whether the text fits, and all of it means something here. */
  #canFollow({ held, next }: Drafted): boolean {
    const { answering, own } = this.#vocabulary;
    const isKnown = own >= answering || [next, ...held].every((token) => token < own);
    return isKnown && held.length + 1 + longestGuess <= this.#backend.contextSize;
  }

  #unread({ sequence, held }: Drafted): number {
    return held.length + 1 - commonPrefix(this.#held[sequence] ?? [], held);
  }

  /** Forgets what was not said. @returns what was said since */
  #catchUp({ sequence, held, next }: Drafted): readonly number[] {
    const own = this.#held[sequence] ?? [];
    const shared = commonPrefix(own, held);
    if (shared < own.length) own.length = this.#backend.truncate(sequence, shared);
    return [...held.slice(own.length), next];
  }

  #part(sequence: number, tokens: readonly number[], wantsNext: boolean): BatchPart {
    return { sequence, position: this.#held[sequence]?.length ?? 0, tokens, wantsNext, guessed: 0 };
  }

  async #compute(parts: readonly BatchPart[]): Promise<readonly (readonly Choice[])[]> {
    const sorted = parts
      .map((part, index) => ({ part, index }))
      .sort((a, b) => a.part.sequence - b.part.sequence);
    const chosen = await this.#backend.decode(
      sorted.map(({ part }) => part),
      () => this.#sampler,
    );
    const inOrder: (readonly Choice[])[] = [];
    for (const [place, { part, index }] of sorted.entries()) {
      this.#held[part.sequence]?.push(...part.tokens);
      inOrder[index] = chosen[place] ?? [];
    }
    return inOrder;
  }
}

/** @throws the error of the choice */
const tokenOf = ([choice]: readonly Choice[] = []): number | undefined => {
  if (choice !== undefined && 'error' in choice) throw choice.error;
  return choice?.next === undefined || choice.next.isEnd ? undefined : choice.next.token;
};

const sizeOf = (parts: readonly BatchPart[]): number =>
  parts.reduce((sum, { tokens }) => sum + tokens.length, 0);

const towards = (before: number | undefined, now: number): number =>
  before === undefined ? now : before + (now - before) * weight;
