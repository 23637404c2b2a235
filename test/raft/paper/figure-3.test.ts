import { beforeAll, describe, expect, test } from '@jest/globals';
import { LawBroken, type Law } from '../laws.ts';
import { randomRun, type Outcome, type RunOptions } from '../random-run.ts';

/**
 * Figure 3 of the paper and chapter 8 of the dissertation: the properties that hold at all times, on clusters to which
 * things happen by chance. A failure names its seed: `randomRun({ seed, events })` shows it again.
 */

const events = 1500;

interface Broken {
  readonly law: Law;
  readonly seed: number;
  readonly what: string;
}

interface Runs {
  readonly broken: readonly Broken[];
  readonly outcomes: readonly Outcome[];
}

const runs = (count: number, distort?: RunOptions['distort']): Runs => {
  const broken: Broken[] = [];
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= count; seed += 1) {
    try {
      outcomes.push(randomRun({ seed, events, distort }));
    } catch (error) {
      if (error instanceof LawBroken) broken.push({ law: error.law, seed, what: error.message });
      // With what is distorted on purpose the core may notice first.
      else if (distort === undefined) throw new Error(`seed ${seed} stops`, { cause: error });
    }
  }
  return { broken, outcomes };
};

describe('figure 3', () => {
  let all: Runs;
  beforeAll(() => {
    all = runs(200);
  });

  const laws: readonly (readonly [law: Law, means: string])[] = [
    ['Election Safety', 'at most one leader is elected in a term'],
    ['Leader Append-Only', 'a leader never overwrites or deletes entries of its log'],
    ['Log Matching', 'logs with the same index and term somewhere are the same up to there'],
    ['Leader Completeness', 'what is committed in a term is in the logs of the leaders of all later terms'],
    ['State Machine Safety', 'nobody ever applies another entry at the same index'],
    [
      'Durable Commitment',
      'what a leader commits is on the disks of a majority, in a joint configuration of both',
    ],
    ['Linearizable Reads', 'a read sees all that was committed when it was asked'],
  ];

  test.each(laws)('%s: %s', (law) => {
    expect(all.broken.filter((each) => each.law === law)).toEqual([]);
  });

  test('the runs were worth it', () => {
    const sum = (of: (outcome: Outcome) => number): number =>
      all.outcomes.reduce((total, outcome) => total + of(outcome), 0);
    expect(sum(({ committed }) => committed)).toBeGreaterThan(3000);
    expect(sum(({ terms }) => terms)).toBeGreaterThan(1000);
    expect(sum(({ reads }) => reads)).toBeGreaterThan(800);
    expect(sum(({ configs }) => configs)).toBeGreaterThan(400);
  });
});

describe('what breaks a law is noticed', () => {
  test.each<readonly [name: string, laws: readonly Law[], distort: NonNullable<RunOptions['distort']>]>([
    [
      'votes that nobody cast',
      ['Election Safety', 'Leader Completeness'],
      (message, receiver) =>
        message.type === 'voteResp'
          ? {
              ...message,
              reject: false,
              index: receiver.status.lastIndex,
              logTerm: receiver.terms().at(-1) ?? 0,
            }
          : message,
    ],
    [
      'acknowledgements of what is not there',
      ['Durable Commitment'],
      (message) =>
        message.type === 'appendResp' && !message.reject ? { ...message, index: message.index + 1 } : message,
    ],
    [
      'answers to reads that are too old',
      ['Linearizable Reads'],
      (message) => (message.type === 'readIndexResp' ? { ...message, index: message.index - 1 } : message),
    ],
  ])('%s', (_name, laws, distort) => {
    const broken = runs(40, distort).broken.map(({ law }) => law);
    for (const law of laws) expect(broken).toContain(law);
  });
});
