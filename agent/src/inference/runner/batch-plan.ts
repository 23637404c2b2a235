import type { BatchPart } from './step-backend.ts';

/** A request that has something to compute now. */
export interface Turn {
  readonly sequence: number;
  /** Tokens the sequence holds. */
  readonly held: number;
  /** Tokens to compute, in order; one once the prompt is done. */
  readonly pending: readonly number[];
  /** Tokens that are computed in advance behind it: of each turn as many, and none where a prompt is read. */
  readonly guesses: readonly number[];
  /** Whether it answers already: its client waits for the next token. */
  readonly isAnswering: boolean;
  /** Rises from request to request. */
  readonly admittedAt: number;
}

/** A sequence that nobody uses and that can be cut back to what it holds. */
export interface Bystander {
  readonly sequence: number;
  readonly held: number;
}

export interface BatchLimits {
  readonly batchSize: number;
  /** Tokens of prompts in a batch while somebody answers and one prompt is read; the more are read, the more. */
  readonly promptBudget: number;
  /** Whether those who answer have waited for prompts in the step before. */
  readonly hasDelayed: boolean;
  readonly contextSize: number;
  readonly needsAdjacent: boolean;
}

export interface BatchPlan {
  readonly parts: readonly BatchPart[];
  /** Sequences that only close gaps: what is computed for them is cut off again. */
  readonly fillers: readonly Bystander[];
}

/** Any token will do: what it leaves behind is cut off again. */
const fillingToken = 0;

/**
 * A gap is closed where it is not longer. A token that nobody asked for takes an eighth of what one more pass over the
 * weights takes, measured on two cores with 405 M parameters in Q8_0 and short texts; on GPUs and on more cores it
 * takes less.
 */
const longestClosedGap = 6;
/** Attention is computed for a multiple of so many tokens of each sequence of a pass, as many as the longest holds. */
const attentionBlock = 256;

/** The more wait for their first token, the longer those who answer may wait for their next one. */
const patience = (reading: number, answering: number): number =>
  Math.max(1, reading / Math.max(1, answering), 1 + (reading - 1) / 4);

/** So many who wait for their first token are a burst, where at least half as many answer. */
const burst = 3;
/** Prompts of a burst are read in one step where that takes no longer than so many budgets. */
const burstBudgets = 6;

/**
 * Tokens of prompts that a step reads while somebody answers. Each step that does so costs passes over the weights of its
 * own, so the rest of a burst is read at once where it is short; not in two steps on end, where more and more come.
 */
const dueOf = (
  reading: readonly Turn[],
  answering: number,
  { promptBudget, hasDelayed }: BatchLimits,
): number => {
  const pending = reading.reduce((sum, turn) => sum + turn.pending.length, 0);
  const isBurst = reading.length >= burst && 2 * reading.length >= answering;
  return !hasDelayed && isBurst && pending <= burstBudgets * promptBudget
    ? pending
    : Math.floor(promptBudget * patience(reading.length, answering));
};

/** Prompts that end so few tokens behind others are cut where those end. */
const nearlyEqual = 2;

/** What is left over of a prompt goes on as fast as the answers do. */
const isLeftOver = (pending: number, answering: number): boolean => pending <= nearlyEqual && answering > 0;

/**
 * Lengths of pieces of prompts, made equal where they nearly are: llama.cpp computes sequences together only as far as they
 * go on by equal numbers, and reads all weights once more for the few tokens that are left over. In the next steps those
 * go with the answers, one by one, at no such cost.
 */
const evenedOut = (lengths: readonly number[]): readonly number[] => {
  const ascending = lengths.toSorted((a, b) => a - b);
  const evened = new Map<number, number>();
  let least = Number.NEGATIVE_INFINITY;
  for (const length of ascending) {
    if (length - least > nearlyEqual) least = length;
    evened.set(length, least);
  }
  return lengths.map((length) => evened.get(length) ?? length);
};

/**
 * Puts a batch together: the next token of everybody who answers, and as much of the prompts as the budget allows, the
 * oldest request first, so that prompts are done one after the other and not all at the end.
 */
export const planBatch = (
  turns: readonly Turn[],
  bystanders: readonly Bystander[],
  limits: BatchLimits,
): BatchPlan => {
  const { batchSize, contextSize, needsAdjacent } = limits;
  const answering = turns.filter(({ isAnswering }) => isAnswering);
  const reading = turns.filter(({ isAnswering }) => !isAnswering).sort((a, b) => a.admittedAt - b.admittedAt);
  const due = dueOf(reading, answering.length, limits);
  let left = answering.length > 0 ? Math.min(due, batchSize - answering.length) : batchSize;
  const parts = answering.map(({ sequence, held, pending, guesses }): BatchPart => ({
    sequence,
    position: held,
    tokens: [...pending, ...guesses],
    wantsNext: true,
    guessed: guesses.length,
  }));
  const taken: number[] = [];
  for (const { pending } of reading) {
    const length = Math.min(
      pending.length,
      left,
      isLeftOver(pending.length, answering.length) ? 1 : Infinity,
    );
    if (length <= 0) break;
    left -= length;
    taken.push(length);
  }
  // The last one may have been cut by what a step holds, not by its end.
  const isCut = (taken.at(-1) ?? 0) < (reading[taken.length - 1]?.pending.length ?? 0);
  const whole = evenedOut(isCut ? taken.slice(0, -1) : taken);
  for (const [index, length] of [...whole, ...taken.slice(whole.length)].entries()) {
    const turn = reading[index];
    if (turn === undefined) break;
    const { sequence, held, pending } = turn;
    const wantsNext = length === pending.length;
    parts.push({ sequence, position: held, tokens: pending.slice(0, length), wantsNext, guessed: 0 });
  }
  parts.sort((a, b) => a.sequence - b.sequence);
  const size = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  // Sequences that go on by different numbers of tokens are not computed together.
  const filling = Array.from({ length: 1 + (answering[0]?.guesses.length ?? 0) }, () => fillingToken);
  const room = Math.floor((batchSize - size) / filling.length);
  const usable = bystanders.filter(({ held }) => held + filling.length <= contextSize);
  const fillers = needsAdjacent ? fillersFor(parts, usable, room) : [];
  for (const { sequence, held } of fillers)
    parts.push({ sequence, position: held, tokens: filling, wantsNext: false, guessed: 0 });
  return { parts: parts.sort((a, b) => a.sequence - b.sequence), fillers };
};

/** A gap is closed as a whole or not at all. */
const fillersFor = (
  parts: readonly BatchPart[],
  bystanders: readonly Bystander[],
  room: number,
): readonly Bystander[] => {
  const longest = Math.max(...parts.map(({ position, tokens }) => position + tokens.length));
  // One that holds more would make all of them attend over as much.
  const blocks = Math.ceil(longest / attentionBlock) * attentionBlock;
  const usable = bystanders.filter(({ held }) => held < blocks);
  const fillers: Bystander[] = [];
  for (const [index, { sequence }] of parts.entries()) {
    const before = parts[index - 1]?.sequence ?? sequence - 1;
    const length = sequence - before - 1;
    const between = usable.filter((one) => one.sequence > before && one.sequence < sequence);
    if (between.length === length && length <= Math.min(longestClosedGap, room - fillers.length))
      fillers.push(...between);
  }
  return fillers;
};
