/** Candidates of each round, every round starting with the next one, so that none is always first or last. */
export const rotatedOrder = <T>(candidates: readonly T[], rounds: number): readonly (readonly T[])[] =>
  Array.from({ length: rounds }, (_unused, round) => {
    const first = candidates.length === 0 ? 0 : round % candidates.length;
    return [...candidates.slice(first), ...candidates.slice(0, first)];
  });

/**
 * Measures every candidate once per round, one after the other in rotated order.
 * @returns measurements by candidate, in order of the rounds
 */
export const interleave = async <T, M>(
  candidates: readonly T[],
  rounds: number,
  measure: (candidate: T, round: number) => Promise<M>,
): Promise<ReadonlyMap<T, readonly M[]>> => {
  const results = new Map<T, M[]>(candidates.map((candidate) => [candidate, []]));
  for (const [round, order] of rotatedOrder(candidates, rounds).entries())
    for (const candidate of order) results.get(candidate)?.push(await measure(candidate, round));
  return results;
};
