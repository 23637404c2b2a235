import { VerbatimError } from './ollama-errors.ts';

const unitSeconds: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  // Both letters that look like a small Greek mu.
  '\u00b5s': 1e-6,
  '\u03bcs': 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

const amount = String.raw`(?:\d+(?:\.\d*)?|\.\d+)`;
const unit = Object.keys(unitSeconds).join('|');
const durationPattern = new RegExp(`^([+-]?)((?:${amount}(?:${unit}))+)$`);
const partPattern = new RegExp(`(${amount})(${unit})`, 'g');

/** Seconds in the longest time that Go can tell; what is longer is for ever. */
const longest = 2 ** 63 / 1e9;

const bounded = (seconds: number): number => (seconds > longest ? -1 : seconds);

/**
 * Reads Ollama's keep_alive: a number of seconds, or a Go duration such as `1h30m`, `-1` or `0`.
 * @returns seconds; negative means for ever
 * @throws ApiError invalid_request
 */
export const parseKeepAlive = (value: number | string): number => {
  if (typeof value === 'number') return bounded(value);
  const text = value.trim();
  // Ollama demands a unit; but what else could a plain number mean here than what it means as a number?
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return bounded(Number(text));
  const match = durationPattern.exec(text);
  if (match === null)
    throw new VerbatimError(`time: invalid duration ${JSON.stringify(value)}`, 'keep_alive');
  const [, sign = '', body = ''] = match;
  let seconds = 0;
  for (const [, count = '0', name = 's'] of body.matchAll(partPattern))
    seconds += Number(count) * (unitSeconds[name] ?? 1);
  return sign === '-' ? -seconds : bounded(seconds);
};
