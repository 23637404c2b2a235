/*
 * Compares what a file expects with what is. Lists of node numbers are sets; other lists have an order. An object
 * with nothing but min, max and oneOf is a range; of any other only the given fields count.
 */

const rangeKeys = ['min', 'max', 'oneOf'];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isRange = (value: Readonly<Record<string, unknown>>): boolean => {
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => rangeKeys.includes(key));
};

const isNumbers = (value: readonly unknown[]): value is readonly number[] =>
  value.every((item) => typeof item === 'number');

const show = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value));

/** @returns what differs, one sentence each; nothing when all is as expected */
export const mismatches = (expected: unknown, actual: unknown, path: string): string[] => {
  const differs = [`${path} is ${show(actual)}, expected ${show(expected)}`];
  if (Array.isArray(expected))
    return Array.isArray(actual) ? mismatchesOfLists(expected, actual, path) : differs;
  if (!isObject(expected)) return expected === actual ? [] : differs;
  if (isRange(expected)) return isWithin(expected, actual) ? [] : differs;
  if (!isObject(actual)) return differs;
  return Object.entries(expected)
    .filter(([, value]) => value !== undefined)
    .flatMap(([key, value]) => mismatches(value, actual[key], `${path}.${key}`));
};

const mismatchesOfLists = (
  expected: readonly unknown[],
  actual: readonly unknown[],
  path: string,
): string[] => {
  const differs = [`${path} is ${show(actual)}, expected ${show(expected)}`];
  if (expected.length !== actual.length) return differs;
  if (isNumbers(expected) && isNumbers(actual)) {
    const sorted = [...actual].sort((a, b) => a - b);
    return [...expected].sort((a, b) => a - b).every((item, at) => item === sorted[at]) ? [] : differs;
  }
  return expected.flatMap((item, at) => mismatches(item, actual[at], `${path}[${at}]`));
};

const isWithin = ({ min, max, oneOf }: Readonly<Record<string, unknown>>, actual: unknown): boolean => {
  if (typeof min === 'number' && !(typeof actual === 'number' && actual >= min)) return false;
  if (typeof max === 'number' && !(typeof actual === 'number' && actual <= max)) return false;
  return !Array.isArray(oneOf) || oneOf.some((option) => mismatches(option, actual, '').length === 0);
};
