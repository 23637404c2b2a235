/** A condition as in `metav1.Condition`. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** Upper camel case, never empty. */
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  /** RFC 3339 in whole seconds. */
  readonly lastTransitionTime: string;
}

/** What is judged now; the time of the last change follows from the list before. */
export type ConditionFacts = Omit<Condition, 'lastTransitionTime'>;

const timestamp = (nowMs: number): string => new Date(nowMs).toISOString().replace(/\.\d{3}Z$/, 'Z');

/**
 * The list to write: exactly the wanted conditions in their given order, each with the time its status last flipped.
 * Server-side apply drops what is left out, so a writer gives all conditions it owns, every time.
 * @throws TypeError for an empty reason or a type given twice
 */
export const mergeConditions = (
  previous: readonly Condition[] | undefined,
  wanted: readonly ConditionFacts[],
  nowMs: number,
): Condition[] => {
  const before = new Map(previous?.map((condition) => [condition.type, condition]));
  const seen = new Set<string>();
  return wanted.map(({ type, status, reason, message, observedGeneration }) => {
    if (reason === '') throw new TypeError(`condition ${type} has no reason`);
    if (seen.has(type)) throw new TypeError(`condition ${type} is given twice`);
    seen.add(type);
    const old = before.get(type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : timestamp(nowMs);
    return { type, status, reason, message, observedGeneration, lastTransitionTime };
  });
};

/** The list with one condition set: replaced in its place, or added at the end; the others stay. */
export const setCondition = (
  previous: readonly Condition[] | undefined,
  wanted: ConditionFacts,
  nowMs: number,
): Condition[] => {
  const list = previous ?? [];
  const facts = list.some(({ type }) => type === wanted.type)
    ? list.map((condition) => (condition.type === wanted.type ? wanted : condition))
    : [...list, wanted];
  return mergeConditions(list, facts, nowMs);
};

export const findCondition = (list: readonly Condition[] | undefined, type: string): Condition | undefined =>
  list?.find((condition) => condition.type === type);

export const isConditionTrue = (list: readonly Condition[] | undefined, type: string): boolean =>
  findCondition(list, type)?.status === 'True';

/** Whether two values are the same JSON, whatever the order of keys; an absent key equals an undefined one. */
export const sameJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameJson(item, b[index]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => sameJson(left[key], right[key]));
};
