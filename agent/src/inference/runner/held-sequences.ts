import type { Place, PlaceChoice } from './prefix-choice.ts';
import type { StepBackend } from './step-backend.ts';

/** What a sequence holds, whoever uses it. */
export interface Held<User> {
  tokens: number[];
  /** Behind this many tokens the state also knows of some that are gone: nobody else may go on from it. */
  exact: number;
  /** It was copied here and no batch has been computed since: only then is the copy whole. */
  isCopyPending: boolean;
  /** It was copied from and no batch has been computed since: what its buffer holds is still to be read. */
  isCopySource: boolean;
  tenant: string;
  usedAt: number;
  user: User | undefined;
}

/** Knows what every sequence of a context holds, and changes both together. */
export class HeldSequences<User> {
  readonly #backend: StepBackend;
  readonly #all: readonly Held<User>[];
  #uses = 0;

  constructor(backend: StepBackend) {
    this.#backend = backend;
    this.#all = Array.from({ length: backend.sequences }, () => ({
      tokens: [],
      exact: Infinity,
      isCopyPending: false,
      isCopySource: false,
      tenant: '',
      usedAt: 0,
      user: undefined,
    }));
  }

  of(sequence: number): Held<User> | undefined {
    return this.#all[sequence];
  }

  users(): readonly User[] {
    return this.#all.flatMap(({ user }) => (user === undefined ? [] : [user]));
  }

  /** Those that nobody uses, with the number of tokens they hold. */
  idle(): readonly { readonly sequence: number; readonly held: number }[] {
    return this.#all.flatMap(({ tokens, user }, sequence) =>
      user === undefined ? [{ sequence, held: tokens.length }] : [],
    );
  }

  places(): readonly Place[] {
    return this.#all.map(({ tokens, exact, isCopyPending, tenant, usedAt, user }, sequence) => ({
      sequence,
      tokens: isCopyPending ? [] : exact < tokens.length ? tokens.slice(0, exact) : tokens,
      tenant,
      usedAt,
      isBusy: user !== undefined,
    }));
  }

  /** Those whose buffers may be written from outside before the next batch. */
  writable(): readonly Place[] {
    return this.places().filter(({ sequence }) => {
      const held = this.#all[sequence];
      return held !== undefined && !held.isCopyPending && !held.isCopySource;
    });
  }

  lengthOf(sequence: number): number {
    return this.#all[sequence]?.tokens.length ?? 0;
  }

  /** A sequence begins or ends to be used. @returns a number that rises with every call */
  used(sequence: number): number {
    this.#uses += 1;
    const held = this.#all[sequence];
    if (held !== undefined) held.usedAt = this.#uses;
    return this.#uses;
  }

  /** @returns leading tokens of the request that the sequence holds now */
  async begin({ sequence, copyFrom, shared }: PlaceChoice): Promise<number> {
    const held = this.#all[sequence];
    if (held === undefined) return 0;
    if (copyFrom === undefined) {
      const kept = this.truncate(sequence, shared);
      held.exact = Infinity;
      return kept;
    }
    held.exact = Infinity;
    const kept = await this.#backend.copyPrefix(copyFrom, sequence, shared);
    const source = this.#all[copyFrom];
    held.tokens = (source?.tokens ?? []).slice(0, kept);
    held.isCopyPending = true;
    if (source !== undefined) source.isCopySource = true;
    return kept;
  }

  /** A state from outside has taken the place of what it held. */
  replaced(sequence: number, tokens: ArrayLike<number>): void {
    const held = this.#all[sequence];
    if (held === undefined) return;
    held.tokens = Array.from(tokens);
    held.exact = Infinity;
  }

  truncate(sequence: number, length: number): number {
    const held = this.#all[sequence];
    if (held === undefined || held.tokens.length === length) return length;
    const kept = this.#backend.truncate(sequence, length);
    held.tokens.length = kept;
    return kept;
  }

  /** Also when it is not known what the sequence holds. */
  clear(sequence: number): void {
    this.#backend.truncate(sequence, 0);
    const held = this.#all[sequence];
    if (held !== undefined) held.tokens = [];
  }

  /** A batch is over, whether it failed or not: copies are whole, and what filled gaps goes. */
  settle(fillers: readonly { readonly sequence: number; readonly held: number }[]): void {
    for (const held of this.#all) {
      held.isCopyPending = false;
      held.isCopySource = false;
    }
    for (const { sequence, held } of fillers) {
      const place = this.#all[sequence];
      if (place !== undefined && this.#backend.truncate(sequence, held) !== held) place.tokens = [];
    }
  }

  /** Half of what is behind the first `keep` tokens goes. @returns false where the model does not allow it */
  makeRoom(sequence: number, keep: number): boolean {
    const place = this.#all[sequence];
    if (place === undefined) return false;
    const kept = Math.min(keep, place.tokens.length - 2);
    const count = Math.floor((place.tokens.length - kept) / 2);
    if (!this.#backend.cutOut(sequence, kept, count)) return false;
    place.tokens.splice(kept, count);
    place.exact = Math.min(place.exact, kept);
    return true;
  }
}
