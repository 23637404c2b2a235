import { describe, expect, test } from '@jest/globals';
import { keyOf, type Call } from '../sim/checks/history.ts';
import { notLinearizable } from '../sim/checks/linearizability.ts';
import { simulate } from '../sim/simulation.ts';
import { Chance } from '../sim/world/chance.ts';
import { judge, type Observed } from './judge.ts';
import { corrupted, randomHistory } from './random-histories.ts';

/*
 * The simulation judges what its clients saw by a checker of its own, which is fast. Here Porcupine judges the same
 * histories: the two must agree on every one.
 */

const historyCount = 6000;
const longestMs = 300_000;

/** A value with an end of its own, so that lists are the same texts for both. */
const ended = (value: string): string => (value === '' ? '' : `${value} `);

const opOf = { put: 'write', append: 'append', swap: 'swap' } as const;

const observed = (call: Call): Observed => {
  const { client, invoked, returned } = call;
  const times = { call: invoked, ...(returned === Infinity ? {} : { return: returned }) };
  if (call.kind === 'read')
    return { client, key: call.key, op: 'read', value: '', output: ended(call.value), ...times };
  const { key, kind, value } = call.operation;
  return {
    client,
    key,
    op: opOf[kind],
    value: ended(value),
    output: call.swapped ? 'swapped' : '',
    ...(call.operation.kind === 'swap' ? { expected: ended(call.operation.expected) } : {}),
    ...times,
  };
};

/** @returns what both say of them */
const judgeAll = async (histories: readonly (readonly Call[])[]): Promise<{ good: number; bad: number }> => {
  const verdicts = await judge(histories.map((calls) => calls.map(observed)));
  const total = { good: 0, bad: 0 };
  const disagreements: string[] = [];
  histories.forEach((calls, at) => {
    const own = notLinearizable(calls).length === 0 ? 'linearizable' : 'illegal';
    total[own === 'linearizable' ? 'good' : 'bad'] += 1;
    if (own !== verdicts[at])
      disagreements.push(`${own} here, ${verdicts[at]} there: ${JSON.stringify(calls)}`);
  });
  return total;
};

/** With more whose outcome is not known Porcupine has too many orders to try. */
const mostUnknown = 5;
const mostCalls = 150;

const isEasy = (calls: readonly Call[]): boolean =>
  calls.length <= mostCalls && calls.filter(({ returned }) => returned === Infinity).length <= mostUnknown;

/** What the clients of a simulated cluster saw of one key after the other. */
const simulatedHistories = (seed: number): (readonly Call[])[] => {
  const byKey = new Map<string, Call[]>();
  simulate(seed, {
    onHistory: (calls) => {
      for (const call of calls) {
        const same = byKey.get(keyOf(call));
        if (same === undefined) byKey.set(keyOf(call), [call]);
        else same.push(call);
      }
    },
  });
  return [...byKey.values()].filter(isEasy);
};

describe("the simulation's own checker and Porcupine", () => {
  test(
    `agree on ${historyCount} histories, good and bad`,
    async () => {
      const chance = new Chance(1, 'histories');
      const histories = Array.from({ length: historyCount }, (_, at) => {
        const calls = randomHistory(chance);
        return at % 3 === 0 ? corrupted(calls, chance) : calls;
      });
      const { good, bad } = await judgeAll(histories);
      expect(Math.min(good, bad)).toBeGreaterThan(historyCount / 4);
    },
    longestMs,
  );

  test(
    'agree on what clients of the simulation saw, as it was and put wrong',
    async () => {
      const chance = new Chance(2, 'histories');
      const seen = Array.from({ length: 20 }, (_, at) => simulatedHistories(at + 1)).flat();
      expect(await judgeAll(seen)).toEqual({ good: seen.length, bad: 0 });
      const { good, bad } = await judgeAll(seen.map((calls) => corrupted(calls, chance)));
      expect(good).toBeGreaterThan(10);
      expect(bad).toBeGreaterThan(10);
    },
    longestMs,
  );
});
