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
 * Puts a batch together: the next token of everybody who answers, and as much of the prompts as the budget allows, the
 * oldest request first, so that prompts are done one after the other and not all at the end.
 */
export const planBatch = (
  turns: readonly Turn[],
  bystanders: readonly Bystander[],
  { batchSize, promptBudget, contextSize, needsAdjacent }: BatchLimits,
): BatchPlan => {
  const answering = turns.filter(({ isAnswering }) => isAnswering);
  const reading = turns.filter(({ isAnswering }) => !isAnswering).sort((a, b) => a.admittedAt - b.admittedAt);
  // Where more wait for their first token than for their next one, to be done with prompts is what most wait for.
  const backlog = Math.max(1, reading.length / Math.max(1, answering.length));
  let left =
    answering.length > 0
      ? Math.min(Math.floor(promptBudget * backlog), batchSize - answering.length)
      : batchSize;
  const parts = answering.map(({ sequence, held, pending }): BatchPart => ({
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
  const fillers = needsAdjacent ? gapsIn(parts, bystanders, contextSize) : [];
  const size = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  // Closing more gaps than there are requests costs more than the passes it saves.
  const used = fillers.length <= Math.min(parts.length, batchSize - size) ? fillers : [];
  for (const { sequence, held } of used)
    parts.push({ sequence, position: held, tokens: [fillingToken], wantsNext: false });
  return { parts: parts.sort((a, b) => a.sequence - b.sequence), fillers: used };
};

const gapsIn = (
  parts: readonly BatchPart[],
  bystanders: readonly Bystander[],
  contextSize: number,
): Bystander[] => {
  const taken = parts.map(({ sequence }) => sequence);
  const [first, last] = [Math.min(...taken), Math.max(...taken)];
  return bystanders.filter(
    ({ sequence, held }) =>
      sequence > first && sequence < last && !taken.includes(sequence) && held < contextSize,
  );
};
