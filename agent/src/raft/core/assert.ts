/** A rule of the algorithm does not hold: going on could lose what was acknowledged, so the member must stop. */
export class RaftInvariantError extends Error {
  override readonly name = 'RaftInvariantError';
}

/** @throws RaftInvariantError */
export function assert(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new RaftInvariantError(rule);
}

/** Of terms and indexes: 2^53 - 1 is never passed, since arithmetic beyond it would silently round. @throws RaftInvariantError */
export const assertSafe = (value: number, what: string): void => {
  assert(Number.isSafeInteger(value) && value >= 0, `${what} is no safe integer: ${value}`);
};
