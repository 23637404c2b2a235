import { BenchRefused, type Bound, type Row } from '../harness/bench.ts';
import { median, pairedRatios } from '../harness/statistics.ts';
import { split, unified } from './llama-server.ts';
import type { Work } from './loads.ts';
import { ours } from './ours.ts';

/** Figures of each engine by its name, one per round. */
export type Figures<M> = ReadonlyMap<string, readonly M[]>;

export interface Comparison {
  readonly measure: string;
  readonly unit: Row['unit'];
  readonly better: Row['better'];
  readonly values: Figures<number>;
  /** Of ours: bounds on the ratio to the peer. */
  readonly floor?: number;
  readonly aim?: number;
  /** Whom ours is held against; llama-server's better setting when left out. */
  readonly peer?: string;
}

/** One figure out of each round. */
export const pick = <M>(figures: Figures<M>, value: (measured: M) => number): Figures<number> =>
  new Map([...figures].map(([name, rounds]) => [name, rounds.map(value)]));

const betterOf = (names: readonly string[], { better, values }: Comparison): string | undefined =>
  names
    .filter((name) => values.has(name))
    .toSorted((a, b) => {
      const difference = median(values.get(a) ?? []) - median(values.get(b) ?? []);
      return better === 'lower' ? difference : -difference;
    })[0];

const ratioBound = (value: number | undefined): Bound | undefined =>
  value === undefined ? undefined : { of: 'ratio', value };

/** A row for each engine; that of ours has the ratio to the peer and the bounds. */
export const compare = (comparison: Comparison): readonly Row[] => {
  const { measure, unit, better, values } = comparison;
  const peer = comparison.peer ?? betterOf([split, unified], comparison);
  const floor = ratioBound(comparison.floor);
  const aim = ratioBound(comparison.aim);
  return [...values].map(([candidate, own]): Row => {
    const row = { measure, candidate, unit, better, values: own };
    if (candidate !== ours || peer === undefined) return row;
    return {
      ...row,
      ratio: { to: peer, values: pairedRatios(own, values.get(peer) ?? []) },
      ...(floor === undefined ? {} : { floor }),
      ...(aim === undefined ? {} : { aim }),
    };
  });
};

/** @throws BenchRefused unless all engines were asked for and gave the same numbers of tokens in every round */
export const assertSameWork = (measure: string, figures: Figures<Work>): void => {
  const [first, ...others] = figures;
  if (first === undefined) return;
  const [reference, expected] = first;
  for (const [name, rounds] of others)
    for (const [round, { promptTokens, tokens }] of rounds.entries()) {
      const wanted = expected[round];
      if (wanted?.promptTokens !== promptTokens || wanted.tokens !== tokens)
        throw new BenchRefused(
          `${measure}: ${name} read ${promptTokens} and wrote ${tokens} tokens, ${reference} ${wanted?.promptTokens ?? 0} and ${wanted?.tokens ?? 0}: their times cannot be compared`,
        );
    }
};
