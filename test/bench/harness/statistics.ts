/** Pure statistics of samples. An empty list has no statistic: the functions throw RangeError. */

/** Value below which the share `q` (0–1) of the samples lies, interpolated between neighbours. */
export const percentile = (samples: readonly number[], q: number): number => {
  if (samples.length === 0) throw new RangeError('no samples');
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
};

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

/** One figure for many rounds, with how far the rounds lie apart. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export const summarize = (samples: readonly number[]): Summary => ({
  median: median(samples),
  min: Math.min(...samples),
  max: Math.max(...samples),
});

/**
 * Ratio of each value to the peer's of the same round: what slows a whole round down cancels out.
 * @returns NaN for rounds in which the peer's value is not above `least`, where a ratio would be noise
 */
export const pairedRatios = (
  values: readonly number[],
  peer: readonly number[],
  least = 0,
): readonly number[] => {
  if (values.length !== peer.length)
    throw new RangeError(`${values.length} rounds cannot be paired with ${peer.length}`);
  return values.map((value, round) => {
    const other = peer[round] ?? Number.NaN;
    return other > least ? value / other : Number.NaN;
  });
};

/** Value minus the other's of the same round. */
export const pairedDifferences = (values: readonly number[], other: readonly number[]): readonly number[] => {
  if (values.length !== other.length)
    throw new RangeError(`${values.length} rounds cannot be paired with ${other.length}`);
  return values.map((value, round) => value - (other[round] ?? Number.NaN));
};
