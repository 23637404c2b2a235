/** A rule of the algorithm does not hold: going on could lose what was acknowledged, so the member must stop. */
export class RaftInvariantError extends Error {
  override readonly name = 'RaftInvariantError';
}

type Value = number | string | undefined;

/**
 * @param rule with a % for each of the values: the text is made only when it is needed, since most of what is asserted is
 * asserted for every entry
 * @throws RaftInvariantError
 */
export function assert(
  condition: boolean,
  rule: string,
  one?: Value,
  two?: Value,
  three?: Value,
  four?: Value,
): asserts condition {
  if (condition) return;
  const values = [one, two, three, four].values();
  throw new RaftInvariantError(rule.replaceAll('%', () => String(values.next().value)));
}

/** Of terms and indexes: 2^53 - 1 is never passed, since arithmetic beyond it would silently round. @throws RaftInvariantError */
export const assertSafe = (value: number, what: string): void => {
  assert(Number.isSafeInteger(value) && value >= 0, '% is no safe integer: %', what, value);
};
