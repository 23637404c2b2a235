import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { BenchRefused } from '../bench/harness/bench.ts';
import type { Bench, BenchResult, Row } from '../bench/harness/bench.ts';
import { assertSound, openLoop } from '../bench/harness/open-loop.ts';
import { interleave, rotatedOrder } from '../bench/harness/rounds.ts';
import { runBench } from '../bench/harness/run-bench.ts';
import {
  median,
  pairedDifferences,
  pairedRatios,
  percentile,
  summarize,
} from '../bench/harness/statistics.ts';

describe('statistics', () => {
  test('percentiles interpolate between neighbours, whatever the order', () => {
    expect(percentile([4, 1, 3, 2], 0)).toBe(1);
    expect(percentile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(percentile([4, 1, 3, 2], 1)).toBe(4);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([10, 2, 33], 0.25)).toBe(6);
    expect(median([5, 1, 3])).toBe(3);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });

  test('a summary tells the middle and how far the rounds lie apart', () => {
    expect(summarize([3, 1, 10])).toEqual({ median: 3, min: 1, max: 10 });
  });

  test('ratios and differences pair the same rounds', () => {
    expect(pairedDifferences([3, 5], [1, 10])).toEqual([2, -5]);
    expect(pairedRatios([3, 5], [1, 10])).toEqual([3, 0.5]);
    expect(() => pairedRatios([1], [1, 2])).toThrow('cannot be paired');
  });

  test('a peer too small to divide by gives no ratio', () => {
    expect(pairedRatios([3, 5, 2], [0, -1, 0.01], 0.02)).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });
});

describe('rounds', () => {
  test('every candidate is first as often as any other', () => {
    expect(rotatedOrder(['a', 'b', 'c'], 4)).toEqual([
      ['a', 'b', 'c'],
      ['b', 'c', 'a'],
      ['c', 'a', 'b'],
      ['a', 'b', 'c'],
    ]);
  });

  test('results keep the order of the rounds', async () => {
    const seen: string[] = [];
    const results = await interleave(['a', 'b'], 3, async (candidate, round) => {
      seen.push(`${candidate}${round}`);
      return round;
    });
    expect(seen).toEqual(['a0', 'b0', 'b1', 'a1', 'a2', 'b2']);
    expect(results.get('b')).toEqual([0, 1, 2]);
  });
});

const row = (changes: Partial<Row> = {}): Row => ({
  measure: 'added P50',
  candidate: 'ours',
  unit: 'ms',
  values: [1, 1.5, 9],
  better: 'lower',
  ...changes,
});

const benchOf = (run: () => Promise<BenchResult>): Bench => ({
  name: 'example',
  summary: 'An example.',
  defaults: { rounds: 3, seconds: 1 },
  run,
});

const ran = async (
  run: () => Promise<BenchResult>,
  options: { check?: boolean; rounds?: number; jsonFile?: string } = {},
) => {
  let out = '';
  let complaints = '';
  const code = await runBench(benchOf(run), {
    rounds: 3,
    seconds: 1,
    check: false,
    signal: new AbortController().signal,
    out: (text) => {
      out += text;
    },
    complain: (text) => {
      complaints += text;
    },
    ...options,
  });
  return { code, out, complaints };
};

const resultOf =
  (...rows: Row[]) =>
  async (): Promise<BenchResult> => ({
    rows,
    peers: { peer: '1.2' },
    notes: ['A note.'],
  });

describe('a bench', () => {
  test('reports medians, spread, ratios, machine and peers as a table and as JSON', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ollamamax-bench-test-'));
    const jsonFile = join(folder, 'figures.json');
    try {
      const ratio = { to: 'peer', values: [0.5, 2, 1] };
      const floor = { of: 'median', value: 2 } as const;
      const aim = { of: 'ratio', value: 0.9 } as const;
      const { code, out } = await ran(resultOf(row({ ratio, floor, aim })), { jsonFile });
      expect(code).toBe(0);
      expect(out).toMatch(
        /added P50 +ours +1\.50 +1\.00 – 9\.00 +ms +1\.00 × peer \(0\.50 – 2\.00\) +≤ 2 +≤ 0\.9 × +above floor/,
      );
      expect(out).toContain('peer 1.2');
      expect(out).toContain('A note.');
      expect(JSON.parse(readFileSync(jsonFile, 'utf8'))).toMatchObject({
        bench: 'example',
        machine: { node: process.version },
        peers: { peer: '1.2' },
        rows: [
          {
            measure: 'added P50',
            value: { median: 1.5, min: 1, max: 9 },
            ratio: { to: 'peer', median: 1, min: 0.5, max: 2 },
            better: 'lower',
            floor,
            aim,
            verdict: 'floor',
            rounds: 3,
          },
        ],
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const missed = [
    row({ measure: 'slow', floor: { of: 'median', value: 1 } }),
    row({ measure: 'fine', floor: { of: 'median', value: 1.5 } }),
    row({ measure: 'few', better: 'higher', floor: { of: 'median', value: 1000 } }),
    row({
      measure: 'behind',
      ratio: { to: 'peer', values: [2, 3, 4] },
      floor: { of: 'ratio', value: 1.5 },
    }),
  ];

  test('names the rows below their floor and ends with 1 when asked to check', async () => {
    const { code, complaints } = await ran(resultOf(...missed), { check: true });
    expect(code).toBe(1);
    expect(complaints.trim().split('\n')).toEqual([
      'below floor: slow (ours): 1.50 ms, floor ≤ 1',
      'below floor: few (ours): 1.50 ms, floor ≥ 1000',
      'below floor: behind (ours): 3.00 × peer, floor ≤ 1.5 ×',
    ]);
  });

  test('shows such rows and ends with 0 when not asked', async () => {
    const { code, out } = await ran(resultOf(...missed));
    expect(code).toBe(0);
    expect(out.match(/BELOW FLOOR/g)).toHaveLength(3);
  });

  test.each([
    [
      'a run that failed',
      async () => Promise.reject(new BenchRefused('2 requests failed')),
      '2 requests failed',
    ],
    ['a run that broke', async () => Promise.reject(new TypeError('surprise')), 'surprise'],
    ['no rows', resultOf(), 'nothing was measured'],
    ['too few rounds in a row', resultOf(row({ values: [1, 2] })), 'has 2 rounds, at least 3 are needed'],
    ['a round without a figure', resultOf(row({ values: [1, Number.NaN, 2] })), 'a round without a figure'],
  ])('reports nothing for %s and ends with 2', async (_what, run, why) => {
    const { code, out, complaints } = await ran(run, { check: true });
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(complaints).toContain(`example: no figures: `);
    expect(complaints).toContain(why);
  });

  test('does not even start with too few rounds', async () => {
    let started = false;
    const { code, complaints } = await ran(
      async () => {
        started = true;
        return resultOf(row())();
      },
      { rounds: 2 },
    );
    expect({ code, started }).toEqual({ code: 2, started: false });
    expect(complaints).toContain('at least 3 are needed');
  });
});

describe('open loop', () => {
  test('keeps its rate while answers are slow, and a slice with one bad answer is refused', async () => {
    let requests = 0;
    let most = 0;
    let open = 0;
    const server = createServer((request, response) => {
      requests += 1;
      open += 1;
      most = Math.max(most, open);
      const bad = requests === 7;
      request.resume();
      setTimeout(() => {
        open -= 1;
        response.writeHead(bad ? 500 : 200).end(bad ? 'broken' : 'right');
      }, 300);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const agent = new Agent({ keepAlive: true });
    try {
      const slice = await openLoop({
        agent,
        ratePerSecond: 50,
        seconds: 0.4,
        signal: new AbortController().signal,
        shots: [
          {
            kind: 'plain',
            url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
            headers: {},
            body: '{}',
            problem: (body) => (body === 'right' ? undefined : 'not right'),
          },
        ],
      });
      expect(slice.timings).toHaveLength(20);
      // A closed loop would have had one request under way at a time.
      expect(most).toBeGreaterThan(1);
      for (const { firstByteMs, lastByteMs } of slice.timings) {
        expect(firstByteMs).toBeGreaterThanOrEqual(290);
        expect(lastByteMs).toBeGreaterThanOrEqual(firstByteMs);
      }
      expect(slice.errors).toEqual(['plain: HTTP status 500 broken']);
      expect(() => assertSound('example', slice)).toThrow(
        '1 requests through example failed: plain: HTTP status 500',
      );
    } finally {
      agent.destroy();
      server.close();
    }
  });
});
