import { describe, expect, test } from '@jest/globals';
import { appendSample, historyLength, sparklinePath, sumMetrics, type History } from './history.ts';

const sample = (value: number) => ({
  requestsPerSecond: value,
  tokensPerSecond: value,
  inFlight: value,
  queued: value,
});
const metrics = (value: number) => ({
  ...sample(value),
  at: '',
  openStreams: 0,
  requestsTotal: 0,
  errorsTotal: 0,
  tokensTotal: 0,
});

describe('history', () => {
  test('sums the agents', () => {
    expect(sumMetrics({ a: metrics(1), b: metrics(2) })).toEqual(sample(3));
    expect(sumMetrics({})).toEqual(sample(0));
  });

  test('keeps a bounded window', () => {
    let history: History = [];
    for (let index = 0; index < historyLength + 10; index += 1)
      history = appendSample(history, sample(index));
    expect(history).toHaveLength(historyLength);
    expect(history.at(-1)).toEqual(sample(historyLength + 9));
  });

  test('draws gaps as gaps and stays inside the box', () => {
    const { line, area } = sparklinePath([sample(0), sample(10), undefined, sample(5)], 'queued', {
      width: 119,
      height: 20,
    });
    expect(line).toBe('M116.0,19.0L117.0,1.0M119.0,10.0');
    expect(area.match(/Z/g)).toHaveLength(2);
    expect(sparklinePath([], 'queued', { width: 10, height: 10 })).toEqual({ line: '', area: '' });
  });
});
