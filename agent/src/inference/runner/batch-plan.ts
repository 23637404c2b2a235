import type { BatchPart } from './step-backend.ts';

/** A request that has something to compute now. */
export interface Turn {
  readonly sequence: number;
  /** Tokens the sequence holds. */
  readonly held: number;
  /** Tokens to compute, in order; one once the prompt is done. */
  readonly pending: readonly number[];
  /** Whether it answers already: its client waits for the next token. */
  readonly isAnswering: boolean;
  /** Rises from request to request. */
  readonly admittedAt: number;
}

/** A sequence that nobody uses. */
export interface Bystander {
  readonly sequence: number;
  readonly held: number;
}

export interface BatchLimits {
  readonly batchSize: number;
  /** Tokens of prompts in a batch while somebody answers: they would wait for more. */
  readonly promptBudget: number;
  /** As the plan of the batch before said. */
  readonly promptsFirst: number | undefined;
  readonly contextSize: number;
  readonly needsAdjacent: boolean;
}

export interface BatchPlan {
  readonly parts: readonly BatchPart[];
  /** Sequences that only close gaps: what is computed for them is cut off again. */
  readonly fillers: readonly Bystander[];
  /** Answers have waited, and go on after so many more tokens of prompts; undefined: they have not. */
  readonly promptsFirst: number | undefined;
}

/** Any token will do: what it leaves behind is cut off again. */
const fillingToken = 0;

/**
 * A gap is closed where it is not longer. A token that nobody asked for takes an eighth of what one more pass over the
 * weights takes, measured on two cores with 405 M parameters in Q8_0; on GPUs and on more cores it takes less.
 */
const longestClosedGap = 6;

/** Times the budget for prompts at most, when many wait for their first token. */
const mostPatience = 12;

/** The more wait for their first token, the longer those who answer may wait for their next one. */
const patience = (reading: number, answering: number): number =>
  Math.min(mostPatience, Math.max(1, reading / Math.max(1, answering), 1 + (reading - 1) / 4));

/**
 * Puts a batch together: the next token of everybody who answers, and as much of the prompts as the budget allows, the
 * oldest request first, so that prompts are done one after the other and not all at the end.
 */
export const planBatch = (
  turns: readonly Turn[],
  bystanders: readonly Bystander[],
  { batchSize, promptBudget, promptsFirst, contextSize, needsAdjacent }: BatchLimits,
): BatchPlan => {
  const answering = turns.filter(({ isAnswering }) => isAnswering);
  const reading = turns.filter(({ isAnswering }) => !isAnswering).sort((a, b) => a.admittedAt - b.admittedAt);
  const announced = promptsFirst === 0 && answering.length === 0 ? undefined : promptsFirst;
  const due = Math.min(
    announced ?? promptsDue(reading.length, answering.length, promptBudget, batchSize),
    reading.reduce((sum, { pending }) => sum + pending.length, 0),
  );
  // Together they take no less time than one after the other, so that nothing is lost when answers wait for all of it.
  const isPromptsOnly = due > batchSize - answering.length;
  let left = Math.min(due, batchSize);
  const parts = (isPromptsOnly ? [] : answering).map(({ sequence, held, pending }): BatchPart => ({
    sequence,
    position: held,
    tokens: pending,
    wantsNext: true,
  }));
  for (const { sequence, held, pending } of reading) {
    if (left <= 0) break;
    const tokens = pending.slice(0, left);
    left -= tokens.length;
    parts.push({ sequence, position: held, tokens, wantsNext: tokens.length === pending.length });
  }
  parts.sort((a, b) => a.sequence - b.sequence);
  const size = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const fillers = needsAdjacent ? fillersFor(parts, bystanders, contextSize, batchSize - size) : [];
  for (const { sequence, held } of fillers)
    parts.push({ sequence, position: held, tokens: [fillingToken], wantsNext: false });
  return {
    parts: parts.sort((a, b) => a.sequence - b.sequence),
    fillers,
    promptsFirst: isPromptsOnly ? due - Math.min(due, batchSize) : undefined,
  };
};

/** Tokens of prompts that are computed before answers go on. */
const promptsDue = (reading: number, answering: number, promptBudget: number, batchSize: number): number => {
  const most = Math.floor(promptBudget * patience(reading, answering));
  return answering === 0 ? Math.max(most, batchSize) : most;
};

/** A gap is closed as a whole or not at all. */
const fillersFor = (
  parts: readonly BatchPart[],
  bystanders: readonly Bystander[],
  contextSize: number,
  room: number,
): readonly Bystander[] => {
  const usable = bystanders.filter(({ held }) => held < contextSize);
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
