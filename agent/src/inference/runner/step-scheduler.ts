import { planBatch, type Turn } from './batch-plan.ts';
import { HeldSequences } from './held-sequences.ts';
import { Newcomers } from './newcomers.ts';
import { PromptPace } from './prompt-pace.ts';
import { RunStarts, type Starter, type StartPlan } from './run-starts.ts';
import type { Guesses, Speculation } from './speculation.ts';
import type { SpilledStates } from './spilled-states.ts';
import type { FoundState, KeptState } from './state-cache.ts';
import { longestPauseMs } from './state-worth.ts';
import type { BatchPart, Choice, StepBackend, TokenSampler } from './step-backend.ts';
import type { StepEnd, StepOutcome, StepTask, TokenScheduler } from './token-scheduler.ts';

interface Run {
  readonly task: StepTask;
  readonly sampler: TokenSampler;
  readonly admittedAt: number;
  readonly sequence: number;
  readonly cachedTokens: number;
  pending: readonly number[];
  isAnswering: boolean;
  /** Once it answers, where the next tokens may be guessed. */
  guesses: Guesses | undefined;
  readonly resolve: (outcome: StepOutcome) => void;
  readonly reject: (error: Error) => void;
}

export interface StepSchedulerOptions {
  /** Where states go whose sequence another request needs; undefined: they are lost. */
  readonly spilled?: SpilledStates | undefined;
  /** How long a step of so many milliseconds may wait for requests that are being prepared. */
  readonly waitMs?: ((stepMs: number) => number) | undefined;
  /** Undefined: tokens are computed one after the other. */
  readonly speculation?:
    (Pick<Speculation, 'begin' | 'choose' | 'measured'> & Partial<Pick<Speculation, 'forget'>>) | undefined;
}

interface Waiting {
  readonly task: StepTask;
  readonly resolve: Run['resolve'];
  readonly reject: Run['reject'];
  /** A state is read from disk for it. */
  isFetching: boolean;
  fetched: KeptState | undefined;
}

/**
 * Runs requests over the sequences of one context in steps: each step computes one batch, with the next token of
 * everybody who answers and a piece of the prompts, and chooses what follows. Requests come and go between steps, a
 * finished one leaves its state for the next that begins alike, and a prompt is computed in pieces that keep running
 * answers from stalling.
 */
export class StepScheduler implements TokenScheduler {
  readonly #backend: StepBackend;
  readonly #held: HeldSequences<Run>;
  readonly #starts: RunStarts<Run>;
  readonly #waiting: Waiting[] = [];
  readonly #pace: PromptPace;
  readonly #newcomers: Newcomers;
  readonly #speculation: StepSchedulerOptions['speculation'];
  /** Whether answers have waited for prompts in the last step. */
  #hasDelayed = false;
  #isLooping = false;
  #isWoken = false;
  #wake: (() => void) | undefined;

  constructor(backend: StepBackend, { spilled, waitMs, speculation }: StepSchedulerOptions = {}) {
    this.#backend = backend;
    this.#speculation = speculation;
    this.#newcomers = new Newcomers(() => this.wake(), waitMs);
    this.#pace = new PromptPace(backend.batchSize);
    this.#held = new HeldSequences(backend);
    this.#starts = new RunStarts(this.#held, spilled);
  }

  get stateBytes(): number {
    return this.#starts.stateBytes;
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
      this.#waiting.push({
        task,
        resolve: settle(resolve),
        reject: settle(reject),
        isFetching: false,
        fetched: undefined,
      });
      this.wake();
      if (!this.#isLooping) void this.#loop();
    });
  }

  expect(): () => void {
    return this.#newcomers.expect();
  }

  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  async #loop(): Promise<void> {
    this.#isLooping = true;
    while (this.#waiting.length > 0 || this.#held.users().length > 0) {
      this.#isWoken = false;
      try {
        this.#leave();
        await this.#admit();
        if (await this.#hasWaited()) continue;
        await this.#step();
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#isLooping = false;
  }

  /** Those whose client has gone give their place back. */
  #leave(): void {
    for (const run of this.#held.users())
      if (run.task.signal.aborted) this.#end(run, () => run.reject(reasonOf(run.task.signal)));
    for (const waiting of this.#waiting.filter(({ task }) => task.signal.aborted)) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      if (waiting.fetched !== undefined) this.#starts.giveBack(waiting.fetched);
      waiting.reject(reasonOf(waiting.task.signal));
    }
  }

  async #admit(): Promise<void> {
    const begin = performance.now();
    const next = (): Waiting | undefined => this.#waiting.find(({ isFetching }) => !isFetching);
    for (let waiting = next(); waiting !== undefined; waiting = next()) {
      // Whoever waits for a disk finds its place when that has answered.
      const promised = this.#waiting.filter(({ isFetching }) => isFetching).length;
      if (this.#held.idle().length <= promised) return;
      const delaysOthers = this.#held.users().some(({ isAnswering }) => isAnswering);
      if (delaysOthers && performance.now() - begin > longestPauseMs) return;
      const { tenant, prompt } = waiting.task;
      const starter = { tenant, prompt, promptMs: this.#pace.tokenMs, delaysOthers };
      const plan = this.#starts.plan(starter);
      if (plan === undefined) return;
      const found = waiting.fetched === undefined ? plan.found : undefined;
      if (found === undefined || found.isInMemory) {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        const stored = found === undefined ? waiting.fetched : await this.#starts.take(found);
        await this.#enter(waiting, starter, plan, stored);
      } else void this.#fetch(waiting, found);
    }
  }

  /** Reads a state from disk while others are computed. */
  async #fetch(waiting: Waiting, found: FoundState): Promise<void> {
    waiting.isFetching = true;
    const stored = await this.#starts.take(found);
    waiting.isFetching = false;
    if (this.#waiting.includes(waiting)) waiting.fetched = stored;
    else if (stored !== undefined) this.#starts.giveBack(stored);
    this.wake();
  }

  async #enter(
    { task, resolve, reject }: Waiting,
    starter: Starter,
    { choice }: StartPlan,
    stored: KeptState | undefined,
  ): Promise<void> {
    try {
      const { sequence, cachedTokens } = await this.#starts.begin(starter, choice, stored);
      const held = this.#held.of(sequence);
      if (held === undefined) throw new Error(`There is no sequence ${sequence}.`);
      if (held.tenant !== task.tenant) this.#speculation?.forget?.(sequence);
      // Before anything fails: what the sequence holds now is theirs.
      held.tenant = task.tenant;
      held.user = {
        task,
        sampler: this.#backend.createSampler(task.sampling),
        admittedAt: this.#held.used(sequence),
        sequence,
        cachedTokens,
        pending: task.prompt.slice(cachedTokens),
        isAnswering: false,
        guesses: undefined,
        resolve,
        reject,
      };
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Waits for requests that are about to come. @returns whether something may have changed meanwhile */
  async #hasWaited(): Promise<boolean> {
    const users = this.#held.users();
    const delaysOthers = users.some(({ isAnswering }) => isAnswering);
    if (users.length === 0 || delaysOthers || this.#held.idle().length === 0) return false;
    const pending = users.reduce((sum, run) => sum + run.pending.length, 0);
    const stepMs = Math.min(pending, this.#backend.batchSize) * (this.#pace.tokenMs ?? 0);
    const waitMs = this.#newcomers.wait(stepMs);
    if (waitMs < 1) return false;
    const timer = setTimeout(() => this.wake(), waitMs);
    await this.#untilWoken();
    clearTimeout(timer);
    return true;
  }

  async #step(): Promise<void> {
    for (const run of this.#held.users()) this.#makeRoom(run);
    const running = this.#held.users();
    const ready = running.filter(({ task }) => task.isReady());
    if (ready.length === 0) {
      if (running.length > 0 || this.#waiting.some(({ isFetching }) => isFetching)) await this.#untilWoken();
      return;
    }
    const guessed = await this.#guess(ready);
    const turns = ready.map(({ sequence, pending, isAnswering, admittedAt }, index): Turn => ({
      sequence,
      held: this.#held.lengthOf(sequence),
      pending,
      guesses: guessed[index] ?? [],
      isAnswering,
      admittedAt,
    }));
    // Where a state cannot be cut, what fills a gap would cost all that is held.
    const bystanders = this.#held
      .idle()
      .filter(({ sequence, held }) => held === 0 || this.#backend.canCut(sequence));
    const { parts, fillers } = planBatch(turns, bystanders, {
      batchSize: this.#backend.batchSize,
      promptBudget: this.#pace.budget,
      hasDelayed: this.#hasDelayed,
      contextSize: this.#backend.contextSize,
      needsAdjacent: this.#backend.needsAdjacent,
    });
    const begin = performance.now();
    const samplers = new Map(ready.map(({ sequence, sampler }) => [sequence, sampler]));
    let chosen: readonly (readonly Choice[])[];
    try {
      chosen = await this.#backend.decode(parts, (sequence) => samplerIn(samplers, sequence));
    } finally {
      // Also when it failed: what became of them is not known then.
      this.#held.settle(fillers);
    }
    const ms = performance.now() - begin;
    let [promptTokens, answers] = [0, 0];
    for (const [index, part] of parts.entries()) {
      const run = this.#held.of(part.sequence)?.user;
      if (run === undefined || !samplers.has(part.sequence)) continue;
      const choices = chosen[index] ?? [];
      const computed = this.#hold(part, choices);
      run.pending = run.pending.slice(part.tokens.length - part.guessed);
      run.task.onProgress(computed);
      if (part.guessed > 0) {
        const wrong = part.tokens.length - computed;
        run.task.onGuesses?.(part.guessed - wrong, wrong);
      }
      if (run.isAnswering) answers += 1;
      else promptTokens += computed;
      this.#take(run, choices);
    }
    this.#hasDelayed = promptTokens > 0 && answers > 0;
    this.#pace.measured(promptTokens, answers, ms);
    if (promptTokens === 0) this.#speculation?.measured(turns, ms);
  }

  /** What is computed in advance for each of them. */
  async #guess(runs: readonly Run[]): Promise<readonly (readonly number[])[]> {
    if (this.#speculation === undefined || !runs.every(({ isAnswering }) => isAnswering)) return [];
    const answers = runs.map(({ sequence, guesses, pending }) => ({
      sequence,
      held: this.#held.of(sequence)?.tokens ?? [],
      next: pending[0] ?? 0,
      guesses: this.#backend.canCut(sequence) ? guesses : undefined,
      room: this.#backend.contextSize - this.#held.lengthOf(sequence) - 1,
    }));
    const { batchSize } = this.#backend;
    return this.#speculation.choose(answers, { batchSize, promptMs: this.#pace.tokenMs });
  }

  /** Notes what a sequence holds after a step; guesses that did not come true are taken back. @returns tokens it took on */
  #hold({ sequence, tokens, guessed }: BatchPart, choices: readonly Choice[]): number {
    const place = this.#held.of(sequence);
    const wrong = Math.min(guessed, guessed + 1 - choices.length);
    for (const token of tokens) place?.tokens.push(token);
    const length = this.#held.lengthOf(sequence) - wrong;
    if (this.#held.truncate(sequence, length) !== length)
      throw new Error(`Guesses could not be taken back from sequence ${sequence}.`);
    return tokens.length - wrong;
  }

  /** What goes wrong with one request must not end the others of the step. */
  #take(run: Run, choices: readonly Choice[]): void {
    try {
      for (const choice of choices) {
        if (run.task.signal.aborted) return;
        if ('error' in choice) throw choice.error;
        const { next } = choice;
        if (next === undefined || next.isEnd) {
          this.#finish(run, 'ended');
          return;
        }
        if (!run.task.take(next)) {
          this.#finish(run, 'taken');
          return;
        }
        run.pending = [next.token];
        this.#follow(run, next.token);
      }
    } catch (error) {
      this.#end(run, () => run.reject(error instanceof Error ? error : new Error(String(error))));
    }
  }

  #follow(run: Run, token: number): void {
    if (!run.isAnswering) run.guesses = this.#speculation?.begin(run.task.prompt, run.task.prediction ?? []);
    run.isAnswering = true;
    run.guesses?.follow(token);
  }

  #finish(run: Run, end: StepEnd): void {
    this.#end(run, () => run.resolve({ end, cachedTokens: run.cachedTokens }));
  }

  /** The oldest part of a full context makes room, where that is wanted and the model allows it. */
  #makeRoom(run: Run): void {
    const { sequence, task } = run;
    if (this.#held.lengthOf(sequence) < this.#backend.contextSize) return;
    const { keepOnShift } = task;
    if (keepOnShift === undefined || !this.#held.makeRoom(sequence, keepOnShift)) this.#finish(run, 'full');
  }

  #end(run: Run, settle: () => void): void {
    const place = this.#held.of(run.sequence);
    if (place?.user !== run) return;
    place.user = undefined;
    run.sampler.dispose();
    this.#held.used(run.sequence);
    settle();
  }

  /** Nothing is known of what the sequences of this step hold now. */
  #fail(error: Error): void {
    for (const run of this.#held.users()) {
      this.#held.clear(run.sequence);
      this.#end(run, () => run.reject(error));
    }
  }

  #untilWoken(): Promise<void> {
    // What came while the step was prepared is not to be missed.
    if (this.#isWoken) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

const samplerIn = (samplers: ReadonlyMap<number, TokenSampler>, sequence: number): TokenSampler => {
  const sampler = samplers.get(sequence);
  if (sampler === undefined) throw new Error(`Nobody chooses tokens for sequence ${sequence}.`);
  return sampler;
};

const reasonOf = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error('The request was cancelled.');
