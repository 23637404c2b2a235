import { ApiError } from '@ollamamax/api';

const unitSeconds: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

const durationPattern = /^([+-]?)((?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+)$/;

/**
 * Reads Ollama's keep_alive: a number of seconds, or a Go duration such as `1h30m`, `-1` or `0`.
 * @returns seconds; negative means for ever
 * @throws ApiError invalid_request
 */
export const parseKeepAlive = (value: number | string): number => {
  if (typeof value === 'number') return value;
  const text = value.trim();
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return Number(text);
  const match = durationPattern.exec(text);
  if (match === null)
    throw new ApiError(
      'invalid_request',
      `keep_alive ${JSON.stringify(value)} is neither a number of seconds nor a duration such as "10m".`,
      { param: 'keep_alive' },
    );
  const [, sign = '', body = ''] = match;
  let seconds = 0;
  for (const [, amount = '0', unit = 's'] of body.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    seconds += Number(amount) * (unitSeconds[unit] ?? 1);
  return sign === '-' ? -seconds : seconds;
};
