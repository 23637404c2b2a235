import type { MetricsEventValue } from '@ollamamax/api';

/** One second of the whole cluster; undefined where the page had no data. */
export interface Sample {
  readonly requestsPerSecond: number;
  readonly tokensPerSecond: number;
  readonly inFlight: number;
  readonly queued: number;
}

export const sampleKeys = ['requestsPerSecond', 'tokensPerSecond', 'inFlight', 'queued'] as const;
export type SampleKey = (typeof sampleKeys)[number];

/** Two minutes, one sample a second. */
export const historyLength = 120;

export type History = readonly (Sample | undefined)[];

export const sumMetrics = (metrics: Readonly<Record<string, MetricsEventValue>>): Sample => {
  const total = { requestsPerSecond: 0, tokensPerSecond: 0, inFlight: 0, queued: 0 };
  for (const value of Object.values(metrics)) for (const key of sampleKeys) total[key] += value[key];
  return total;
};

export const appendSample = (history: History, sample: Sample | undefined): History => [
  ...history.slice(-(historyLength - 1)),
  sample,
];

/** SVG paths of one series in a box of the given size: a line with gaps, newest at the right edge. */
export const sparklinePath = (
  history: History,
  key: SampleKey,
  size: { readonly width: number; readonly height: number },
): { readonly line: string; readonly area: string } => {
  const values = history.map((sample) => sample?.[key]);
  const max = Math.max(1, ...values.filter((value) => value !== undefined));
  const step = size.width / (historyLength - 1);
  const runs: string[][] = [];
  let open = false;
  values.forEach((value, index) => {
    if (value === undefined) {
      open = false;
      return;
    }
    if (!open) runs.push([]);
    open = true;
    const x = size.width - (values.length - 1 - index) * step;
    // One unit of padding keeps the stroke inside the box.
    const y = size.height - 1 - (value / max) * (size.height - 2);
    runs.at(-1)?.push(`${x.toFixed(1)},${y.toFixed(1)}`);
  });
  const firstX = (run: readonly string[]): string => run[0]?.split(',')[0] ?? '0';
  const lastX = (run: readonly string[]): string => run.at(-1)?.split(',')[0] ?? '0';
  return {
    line: runs.map((run) => `M${run.join('L')}`).join(''),
    area: runs
      .map((run) => `M${firstX(run)},${size.height}L${run.join('L')}L${lastX(run)},${size.height}Z`)
      .join(''),
  };
};
