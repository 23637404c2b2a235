import type { Row } from '../harness/bench.ts';
import { pairedRatios } from '../harness/statistics.ts';
import { widenedModel } from '../../harness/widened-model.ts';
import { assertSameWork, pick } from './comparison.ts';
import { inRounds, withEngines, type Surroundings } from './engines.ts';
import { lookup, split } from './llama-server.ts';
import { repeatedRows } from './loads.ts';
import { guessing, ours } from './ours.ts';

const contextSize = 1024;
/** 400 million parameters. */
const factor = 257;

/** Of each that guesses, the one that does not. */
const peers: ReadonlyMap<string, string> = new Map([
  [guessing, ours],
  [lookup, split],
]);

/** Rows of a table in JSON, whose names come again and again, by a model that has learned to write: with guesses and without. */
export const speculationRows = async (around: Surroundings, tokens: number): Promise<readonly Row[]> => {
  const file = await widenedModel(factor);
  const rows: Row[] = [];
  for (const clients of [1, 4])
    await withEngines(
      ['ours', 'guessing', 'split', 'lookup'],
      { file, parallel: clients, contextSize },
      around,
      async (engines) => {
        const measure = `tokens per second, ${clients} clients, rows of a table in JSON (widened)`;
        const figures = await inRounds(measure, engines, around, (engine, context) =>
          repeatedRows(engine, context, clients, tokens),
        );
        assertSameWork(measure, figures);
        const values = pick(figures, ({ tokensPerSecond }) => tokensPerSecond);
        for (const [candidate, own] of values) {
          const peer = peers.get(candidate);
          const ratio =
            peer === undefined
              ? {}
              : { ratio: { to: peer, values: pairedRatios(own, values.get(peer) ?? []) } };
          rows.push({ measure, candidate, unit: '1/s', better: 'higher', values: own, ...ratio });
        }
      },
    );
  return rows;
};
