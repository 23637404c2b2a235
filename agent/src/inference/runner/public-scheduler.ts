import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { choosePlace } from './prefix-choice.ts';
import type { StepOutcome, StepTask, TokenScheduler } from './token-scheduler.ts';
import type { TokenSampling } from './step-backend.ts';

/** Prompt tokens computed at a time: bounds how long other requests and a cancellation wait. */
const promptChunk = 256;

interface Slot {
  readonly sequence: LlamaContextSequence;
  tenant: string;
  usedAt: number;
  isBusy: boolean;
}

export interface PublicSchedulerOptions {
  readonly sequences: readonly LlamaContextSequence[];
  readonly contextSize: number;
  readonly isEnd: (token: number) => boolean;
  /** Options of `sequence.evaluate`. @param recent the last so many tokens of prompt and answer */
  readonly evaluateOptions: (
    sampling: TokenSampling,
    recent: (count: number) => readonly number[],
  ) => Parameters<LlamaContextSequence['evaluate']>[1];
}

/**
 * Runs requests by the public API of node-llama-cpp, for when its inside is not as `llama-backend.ts` needs it: each
 * request on its own, so with half the speed under load, without shared beginnings of busy requests, log probabilities
 * and a context that makes room.
 */
export class PublicScheduler implements TokenScheduler {
  readonly stateBytes = 0;
  readonly #options: PublicSchedulerOptions;
  readonly #slots: Slot[];
  readonly #free: (() => void)[] = [];
  #uses = 0;
  #woken: (() => void)[] = [];

  constructor(options: PublicSchedulerOptions) {
    this.#options = options;
    this.#slots = options.sequences.map((sequence) => ({ sequence, tenant: '', usedAt: 0, isBusy: false }));
  }

  /** Each request is computed by itself. */
  expect(): () => void {
    return () => undefined;
  }

  wake(): void {
    const woken = this.#woken;
    this.#woken = [];
    for (const go of woken) go();
  }

  async run(task: StepTask): Promise<StepOutcome> {
    const slot = await this.#take(task);
    try {
      return await this.#work(slot, task);
    } finally {
      slot.isBusy = false;
      this.#free.shift()?.();
    }
  }

  async #take(task: StepTask): Promise<Slot> {
    for (;;) {
      task.signal.throwIfAborted();
      const choice = choosePlace(
        this.#slots.map(({ sequence, ...slot }, index) => ({
          ...slot,
          sequence: index,
          // What a busy sequence holds cannot be copied here.
          tokens: slot.isBusy ? [] : sequence.contextTokens,
        })),
        task.prompt,
        task.tenant,
      );
      const slot = choice === undefined ? undefined : this.#slots[choice.copyFrom ?? choice.sequence];
      if (slot !== undefined) {
        this.#uses += 1;
        slot.isBusy = true;
        slot.usedAt = this.#uses;
        if (slot.tenant !== task.tenant) await slot.sequence.clearHistory();
        slot.tenant = task.tenant;
        return slot;
      }
      await new Promise<void>((resolve) => {
        this.#free.push(resolve);
        task.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async #work({ sequence }: Slot, task: StepTask): Promise<StepOutcome> {
    const { prompt, signal } = task;
    await sequence.adaptStateToTokens(prompt.slice(0, -1) as Token[]);
    const cachedTokens = sequence.nextTokenIndex;
    for (let at = cachedTokens; at < prompt.length - 1;) {
      const end = Math.min(at + promptChunk, prompt.length - 1);
      await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(at, end) as Token[]);
      task.onProgress(end - at);
      at = end;
      signal.throwIfAborted();
    }
    const all = [...prompt];
    const tokens = sequence.evaluate(
      prompt.slice(-1) as Token[],
      this.#options.evaluateOptions(task.sampling, (count) => all.slice(-count)),
    );
    for await (const token of tokens) {
      signal.throwIfAborted();
      task.onProgress(1);
      all.push(token);
      if (this.#options.isEnd(token)) break;
      if (!task.take({ token, isEnd: false })) return { end: 'taken', cachedTokens };
      if (all.length >= this.#options.contextSize) return { end: 'full', cachedTokens };
      while (!task.isReady() && !signal.aborted)
        await new Promise<void>((resolve) => {
          this.#woken.push(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      signal.throwIfAborted();
    }
    return { end: 'ended', cachedTokens };
  }
}
