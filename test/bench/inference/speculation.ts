import { fileURLToPath } from 'node:url';
import type { Row } from '../harness/bench.ts';
import { pairedRatios } from '../harness/statistics.ts';
import { widenedModel } from '../../harness/widened-model.ts';
import { assertSameWork, pick } from './comparison.ts';
import { inRounds, withEngines, type EngineKind, type Surroundings } from './engines.ts';
import { drafted, lookup, split } from './llama-server.ts';
import { repeatedRows, stories } from './loads.ts';
import { drafting, guessing, ours } from './ours.ts';

const contextSize = 1024;
/** 400 million parameters. */
const factor = 257;
/** Much of what the second version of the bundled model says the first one says, too. */
const draft = fileURLToPath(new URL('../../../models/ollamamax-tiny-v2-q8_0.gguf', import.meta.url));
/** Stories of the bundled model are a little longer. */
const storyTokens = 80;

/** Of each that guesses, the one that does not. */
const peers: ReadonlyMap<string, string> = new Map([
  [guessing, ours],
  [drafting, ours],
  [lookup, split],
  [drafted, split],
]);

interface Task {
  readonly what: string;
  readonly engines: readonly EngineKind[];
  readonly load: typeof stories;
  readonly tokens: number;
}

/**
 * A model that has learned to write, with guesses and without: rows of a table in JSON, whose names come again and again,
 * and stories, in which little does.
 * @param rowTokens length of a table
 */
export const speculationRows = async (around: Surroundings, rowTokens: number): Promise<readonly Row[]> => {
  const file = await widenedModel(factor);
  const tasks: readonly Task[] = [
    {
      what: 'rows of a table in JSON',
      engines: ['ours', 'guessing', 'split', 'lookup'],
      load: repeatedRows,
      tokens: rowTokens,
    },
    {
      what: 'stories',
      engines: ['ours', 'guessing', 'drafting', 'split', 'drafted'],
      load: stories,
      tokens: storyTokens,
    },
  ];
  const rows: Row[] = [];
  for (const { what, engines: kinds, load, tokens } of tasks)
    for (const clients of [1, 4])
      await withEngines(kinds, { file, draft, parallel: clients, contextSize }, around, async (engines) => {
        const measure = `tokens per second, ${clients} clients, ${what} (widened)`;
        const figures = await inRounds(measure, engines, around, (engine, context) =>
          load(engine, context, clients, tokens),
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
      });
  return rows;
};
