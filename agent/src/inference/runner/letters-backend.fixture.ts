import type {
  BatchPart,
  Choice,
  StateCopies,
  StepBackend,
  TokenSampler,
  TokenSampling,
} from './step-backend.ts';

/** Ends an answer. */
export const endToken = 0;

export interface LettersOptions {
  readonly sequences?: number;
  readonly contextSize?: number;
  readonly batchSize?: number;
  readonly needsAdjacent?: boolean;
  readonly canCut?: boolean;
  /** What follows a text: the next token, by everything the sequence holds. */
  readonly next: (held: readonly number[]) => number;
  /** Called before each batch. */
  readonly onDecode?: (parts: readonly BatchPart[]) => void | Promise<void>;
  /** Called when one has been computed, before that is known. */
  readonly onDecoded?: (parts: readonly BatchPart[]) => void;
}

/**
 * A model without llama.cpp: what follows depends on every token a sequence holds, so that any mistake about that shows
 * in an answer; and whatever llama.cpp would not stand is an error.
 */
export class LettersBackend implements StepBackend {
  readonly sequences: number;
  readonly contextSize: number;
  readonly batchSize: number;
  readonly needsAdjacent: boolean;
  readonly held: number[][];
  /** Tokens computed, by sequence, step by step. */
  readonly steps: (readonly BatchPart[])[] = [];
  readonly samplers = { made: 0, disposed: 0 };
  copies = 0;
  readonly stateCopies = { saved: 0, restored: 0 };
  readonly #options: LettersOptions;
  readonly #copied = new Set<number>();
  readonly #copiedFrom = new Set<number>();
  /** Samplers that can choose nothing. */
  readonly broken = new Set<TokenSampler>();
  readonly #alive = new Set<TokenSampler>();
  #isDecoding = false;

  constructor(options: LettersOptions) {
    this.#options = options;
    this.sequences = options.sequences ?? 4;
    this.contextSize = options.contextSize ?? 200;
    this.batchSize = options.batchSize ?? 64;
    this.needsAdjacent = options.needsAdjacent ?? false;
    this.held = Array.from({ length: this.sequences }, () => []);
  }

  async decode(
    parts: readonly BatchPart[],
    samplerOf: (sequence: number) => TokenSampler,
  ): Promise<readonly (readonly Choice[])[]> {
    this.#mayChange();
    this.#isDecoding = true;
    this.#copied.clear();
    this.#copiedFrom.clear();
    try {
      await this.#options.onDecode?.(parts);
      await new Promise((resolve) => setImmediate(resolve));
      this.#compute(parts);
      this.#options.onDecoded?.(parts);
    } finally {
      this.#isDecoding = false;
    }
    return parts.map((part) => (part.wantsNext ? this.#choose(part, samplerOf(part.sequence)) : []));
  }

  #choose({ sequence, tokens, guessed }: BatchPart, sampler: TokenSampler): readonly Choice[] {
    if (!this.#alive.has(sampler)) throw new Error('a sampler was used that is disposed');
    if (this.broken.has(sampler)) return [{ error: new Error('no chance') }];
    const held = this.#of(sequence);
    const choices: Choice[] = [];
    for (let left = guessed; left >= 0; left -= 1) {
      const token = this.#options.next(held.slice(0, held.length - left));
      choices.push({ next: { token, isEnd: token === endToken } });
      if (token === endToken || token !== tokens[tokens.length - left]) break;
    }
    return choices;
  }

  canCut(_sequence: number): boolean {
    return this.#options.canCut !== false;
  }

  truncate(sequence: number, length: number): number {
    this.#mayChange();
    const kept = length > 0 && this.#options.canCut === false ? 0 : length;
    this.#of(sequence).length = Math.min(this.#of(sequence).length, kept);
    return kept;
  }

  cutOut(sequence: number, from: number, count: number): boolean {
    this.#mayChange();
    if (this.#options.canCut === false) return false;
    this.#of(sequence).splice(from, count);
    return true;
  }

  async copyPrefix(source: number, target: number, length: number): Promise<number> {
    this.#mayChange();
    if (this.#copied.has(source)) throw new Error('a copy was copied on before it was whole');
    this.#copied.add(target);
    this.#copiedFrom.add(source);
    this.copies += 1;
    await new Promise((resolve) => setImmediate(resolve));
    this.held[target] = this.#options.canCut === false ? [] : this.#of(source).slice(0, length);
    return this.#of(target).length;
  }

  readonly states: StateCopies = {
    save: async (sequence) => {
      this.#mayChange();
      if (this.#copied.has(sequence)) throw new Error('a copy was saved before it was whole');
      this.stateCopies.saved += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return new Uint8Array(Uint32Array.from(this.#of(sequence)).buffer);
    },
    restore: async (sequence, state) => {
      this.#mayChange();
      if (this.#copied.has(sequence) || this.#copiedFrom.has(sequence))
        throw new Error('a state was restored over one that is still to be copied');
      this.stateCopies.restored += 1;
      this.held[sequence] = [];
      await new Promise((resolve) => setImmediate(resolve));
      this.held[sequence] = Array.from(new Uint32Array(state.slice().buffer));
    },
  };

  createSampler(_sampling: TokenSampling): TokenSampler {
    this.samplers.made += 1;
    const sampler: TokenSampler = {
      dispose: () => {
        this.samplers.disposed += 1;
        this.#alive.delete(sampler);
      },
    };
    this.#alive.add(sampler);
    return sampler;
  }

  #compute(parts: readonly BatchPart[]): void {
    const ids = parts.map(({ sequence }) => sequence);
    if (ids.some((id, index) => index > 0 && id <= (ids[index - 1] ?? -1)))
      throw new Error(`sequences are not in ascending order: ${ids.join(', ')}`);
    const total = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
    if (total === 0 || total > this.batchSize) throw new Error(`a batch of ${total} tokens`);
    this.steps.push(parts);
    for (const { sequence, position, tokens } of parts) {
      const held = this.#of(sequence);
      if (position !== held.length) throw new Error(`position ${position} behind ${held.length} tokens`);
      held.push(...tokens);
      if (held.length > this.contextSize) throw new Error('the context is full');
    }
  }

  #of(sequence: number): number[] {
    const held = this.held[sequence];
    if (held === undefined) throw new Error(`there is no sequence ${sequence}`);
    return held;
  }

  #mayChange(): void {
    if (this.#isDecoding) throw new Error('the state was touched while a batch was computed');
  }
}

export const lettersOf = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));

export const textOf = (tokens: readonly number[]): string => String.fromCharCode(...tokens);

/** Says the text after the last `?`, letter by letter, then ends. */
export const says =
  (answer: string): LettersOptions['next'] =>
  (held) => {
    const said = held.length - 1 - held.lastIndexOf('?'.charCodeAt(0));
    return said < answer.length ? answer.charCodeAt(said) : endToken;
  };

/** A number that depends on all tokens. */
export const digest = (held: readonly number[]): number =>
  held.reduce((sum, token, index) => (sum * 31 + token * (index + 1)) % 65_521, 7);
