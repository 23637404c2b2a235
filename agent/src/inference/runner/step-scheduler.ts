import { planBatch, type Turn } from './batch-plan.ts';
import { choosePlace, type Place } from './prefix-choice.ts';
import { PromptPace } from './prompt-pace.ts';
import type { LogitIndex, SampledToken, StepBackend, TokenSampler, TokenSampling } from './step-backend.ts';

/** One request, from its prompt on. */
export interface StepTask {
  /** At least one token, and fewer than the context holds. */
  readonly prompt: readonly number[];
  /** Whose request it is; what it leaves in memory serves only the same. */
  readonly tenant: string;
  readonly sampling: TokenSampling;
  readonly signal: AbortSignal;
  /** Tokens of the beginning that stay when the context is full and its oldest part makes room; undefined: it ends then. */
  readonly keepOnShift: number | undefined;
  /** Whether its client has read enough for it to go on. Whoever makes it true calls `wake`. */
  readonly isReady: () => boolean;
  /** Takes the next token of the answer at once. @returns false when the answer is complete with it */
  readonly take: (token: SampledToken) => boolean;
  /** Tokens have been computed, of prompt or answer. */
  readonly onProgress: (tokens: number) => void;
}

/** `ended`: the model ended its answer; `taken`: `take` did; `full`: the context is. */
export type StepEnd = 'ended' | 'taken' | 'full';

export interface StepOutcome {
  readonly end: StepEnd;
  /** Tokens of the prompt that were in memory already. */
  readonly cachedTokens: number;
}

/** Runs requests on a loaded model. */
export interface TokenScheduler {
  /**
   * Computes a request to its end. It waits when all sequences are busy.
   * @throws what aborted the signal; whatever llama.cpp fails with
   */
  run(task: StepTask): Promise<StepOutcome>;
  /** Something has changed from outside: a client has read. */
  wake(): void;
}

interface Run {
  readonly task: StepTask;
  readonly sampler: TokenSampler;
  readonly admittedAt: number;
  readonly sequence: number;
  readonly cachedTokens: number;
  pending: readonly number[];
  isAnswering: boolean;
  readonly resolve: (outcome: StepOutcome) => void;
  readonly reject: (error: Error) => void;
}

interface Waiting {
  readonly task: StepTask;
  readonly resolve: Run['resolve'];
  readonly reject: Run['reject'];
}

/** What a sequence holds, whoever uses it. */
interface Held {
  tokens: number[];
  /** Behind this many tokens the state also knows of some that are gone: nobody else may go on from it. */
  exact: number;
  /** It was copied here and no batch has been computed since: only then is the copy whole. */
  isCopyPending: boolean;
  tenant: string;
  usedAt: number;
  run: Run | undefined;
}

/**
 * Runs requests over the sequences of one context in steps: each step computes one batch for everybody who has
 * something to compute, then chooses the next token of each at once. Requests come and go between steps, a finished
 * one leaves its state for the next that begins alike, and a prompt is computed in pieces that keep running answers
 * from stalling.
 */
export class StepScheduler implements TokenScheduler {
  readonly #backend: StepBackend;
  readonly #held: Held[];
  readonly #waiting: Waiting[] = [];
  readonly #pace: PromptPace;
  #uses = 0;
  #isLooping = false;
  #wake: (() => void) | undefined;

  constructor(backend: StepBackend) {
    this.#backend = backend;
    this.#pace = new PromptPace(backend.batchSize);
    this.#held = Array.from({ length: backend.sequences }, () => ({
      tokens: [],
      exact: Infinity,
      isCopyPending: false,
      tenant: '',
      usedAt: 0,
      run: undefined,
    }));
  }

  run(task: StepTask): Promise<StepOutcome> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.wake();
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T): void => {
          task.signal.removeEventListener('abort', onAbort);
          how(value);
        };
      task.signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push({ task, resolve: settle(resolve), reject: settle(reject) });
      this.wake();
      if (!this.#isLooping) void this.#loop();
    });
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async #loop(): Promise<void> {
    this.#isLooping = true;
    while (this.#waiting.length > 0 || this.#running().length > 0) {
      try {
        this.#leave();
        await this.#admit();
        await this.#step();
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#isLooping = false;
  }

  #running(): readonly Run[] {
    return this.#held.flatMap(({ run }) => (run === undefined ? [] : [run]));
  }

  /** Those whose client has gone give their place back. */
  #leave(): void {
    for (const run of this.#running())
      if (run.task.signal.aborted) this.#end(run, () => run.reject(reasonOf(run.task.signal)));
    for (const waiting of this.#waiting.filter(({ task }) => task.signal.aborted)) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.reject(reasonOf(waiting.task.signal));
    }
  }

  async #admit(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const { task, resolve, reject } = next;
      const choice = choosePlace(this.#places(), task.prompt, task.tenant);
      const place = choice === undefined ? undefined : this.#held[choice.sequence];
      if (choice === undefined || place === undefined) return;
      this.#waiting.shift();
      const { sequence } = choice;
      let cachedTokens: number;
      let sampler: TokenSampler;
      try {
        cachedTokens = await this.#prepare(sequence, choice.copyFrom, choice.shared);
        sampler = this.#backend.createSampler(task.sampling);
      } catch (error) {
        this.#clear(sequence);
        reject(error instanceof Error ? error : new Error(String(error)));
        continue;
      }
      this.#uses += 1;
      place.tenant = task.tenant;
      place.usedAt = this.#uses;
      place.run = {
        task,
        sampler,
        admittedAt: this.#uses,
        sequence,
        cachedTokens,
        pending: task.prompt.slice(cachedTokens),
        isAnswering: false,
        resolve,
        reject,
      };
    }
  }

  #places(): readonly Place[] {
    return this.#held.map(({ tokens, exact, isCopyPending, tenant, usedAt, run }, sequence) => ({
      sequence,
      tokens: isCopyPending ? [] : exact < tokens.length ? tokens.slice(0, exact) : tokens,
      tenant,
      usedAt,
      isBusy: run !== undefined,
    }));
  }

  /** @returns tokens of the prompt that the sequence holds now */
  async #prepare(sequence: number, copyFrom: number | undefined, shared: number): Promise<number> {
    const place = this.#held[sequence];
    if (place === undefined) return 0;
    place.exact = Infinity;
    if (copyFrom === undefined) return this.#truncate(sequence, shared);
    const kept = await this.#backend.copyPrefix(copyFrom, sequence, shared);
    place.tokens = (this.#held[copyFrom]?.tokens ?? []).slice(0, kept);
    place.isCopyPending = true;
    return kept;
  }

  #truncate(sequence: number, length: number): number {
    const place = this.#held[sequence];
    if (place === undefined || place.tokens.length === length) return length;
    const kept = this.#backend.truncate(sequence, length);
    place.tokens.length = kept;
    return kept;
  }

  /** Also when it is not known what the sequence holds. */
  #clear(sequence: number): void {
    this.#backend.truncate(sequence, 0);
    const place = this.#held[sequence];
    if (place !== undefined) place.tokens = [];
  }

  async #step(): Promise<void> {
    const runs = this.#running();
    for (const run of runs) this.#makeRoom(run);
    const ready = this.#running().filter(({ task }) => task.isReady());
    if (ready.length === 0) {
      if (this.#running().length > 0) await this.#untilWoken();
      return;
    }
    const turns = ready.map(({ sequence, pending, isAnswering, admittedAt }): Turn => ({
      sequence,
      held: this.#lengthOf(sequence),
      pending,
      isAnswering,
      admittedAt,
    }));
    const taken = new Set(ready.map(({ sequence }) => sequence));
    // Not those that pause: where a state cannot be cut, what fills a gap costs all that is held.
    const bystanders = this.#held.flatMap(({ tokens, run }, sequence) =>
      run === undefined ? [{ sequence, held: tokens.length }] : [],
    );
    const { parts, fillers } = planBatch(turns, bystanders, {
      batchSize: this.#backend.batchSize,
      promptBudget: this.#pace.budget,
      contextSize: this.#backend.contextSize,
      needsAdjacent: this.#backend.needsAdjacent,
    });
    const begin = performance.now();
    let logits: readonly (LogitIndex | undefined)[];
    try {
      logits = await this.#backend.decode(parts);
    } finally {
      // Also when it failed: what became of them is not known then.
      for (const place of this.#held) place.isCopyPending = false;
      for (const { sequence, held } of fillers) this.#dropFiller(sequence, held);
    }
    const ms = performance.now() - begin;
    const chosen: Promise<void>[] = [];
    let promptTokens = 0;
    for (const [index, { sequence, tokens }] of parts.entries()) {
      const place = this.#held[sequence];
      const run = place?.run;
      if (place === undefined || run === undefined || !taken.has(sequence)) continue;
      for (const token of tokens) place.tokens.push(token);
      run.pending = run.pending.slice(tokens.length);
      run.task.onProgress(tokens.length);
      if (!run.isAnswering) promptTokens += tokens.length;
      const at = logits[index];
      if (at !== undefined) chosen.push(this.#choose(run, at));
    }
    this.#pace.measured(promptTokens, ms);
    await Promise.all(chosen);
  }

  #dropFiller(sequence: number, held: number): void {
    const place = this.#held[sequence];
    if (place !== undefined && this.#backend.truncate(sequence, held) !== held) place.tokens = [];
  }

  #lengthOf(sequence: number): number {
    return this.#held[sequence]?.tokens.length ?? 0;
  }

  /** What goes wrong with one request must not end the others of the step. */
  async #choose(run: Run, at: LogitIndex): Promise<void> {
    try {
      const next = await run.sampler.sample(at);
      if (run.task.signal.aborted) return;
      run.isAnswering = true;
      if (next === undefined || next.isEnd) this.#finish(run, 'ended');
      else if (!run.task.take(next)) this.#finish(run, 'taken');
      else run.pending = [next.token];
    } catch (error) {
      this.#end(run, () => run.reject(error instanceof Error ? error : new Error(String(error))));
    }
  }

  #finish(run: Run, end: StepEnd): void {
    this.#end(run, () => run.resolve({ end, cachedTokens: run.cachedTokens }));
  }

  /** The oldest part of a full context makes room, where that is wanted and the model allows it. */
  #makeRoom(run: Run): void {
    const length = this.#lengthOf(run.sequence);
    if (length < this.#backend.contextSize) return;
    const { keepOnShift } = run.task;
    const keep = Math.min(keepOnShift ?? 0, length - 2);
    const count = Math.floor((length - keep) / 2);
    const place = this.#held[run.sequence];
    if (place !== undefined && keepOnShift !== undefined && this.#backend.cutOut(run.sequence, keep, count)) {
      place.tokens.splice(keep, count);
      place.exact = Math.min(place.exact, keep);
    } else this.#finish(run, 'full');
  }

  #end(run: Run, settle: () => void): void {
    const place = this.#held[run.sequence];
    if (place?.run !== run) return;
    place.run = undefined;
    run.sampler.dispose();
    this.#uses += 1;
    place.usedAt = this.#uses;
    settle();
  }

  /** Nothing is known of what the sequences of this step hold now. */
  #fail(error: Error): void {
    for (const run of this.#running()) {
      this.#clear(run.sequence);
      this.#end(run, () => run.reject(error));
    }
  }

  #untilWoken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

const reasonOf = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error('The request was cancelled.');
