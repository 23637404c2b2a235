import { availableParallelism } from 'node:os';
import { randomModel, randomModels } from '../../harness/random-model.ts';
import type { Bench, BenchOptions, BenchResult, Row } from '../harness/bench.ts';
import { pairedRatios } from '../harness/statistics.ts';
import { chat } from './chat-client.ts';
import type { Engine } from './engine.ts';
import { withEngines } from './engines.ts';
import { llamaServerProgram } from './llama-server-program.ts';
import { split, startLlamaServer } from './llama-server.ts';
import { ours } from './ours.ts';
import { readPrompts } from './prompts.ts';

const corpusSize = 20;
const atOnce = 8;
const contextSize = 512;
const answerTokens = 64;

/** Answers to the prompts in their order, some of them at a time. */
const answers = async (
  engine: Engine,
  prompts: readonly string[],
  together: number,
  signal: AbortSignal,
): Promise<readonly string[]> => {
  const texts: string[] = [];
  for (let start = 0; start < prompts.length; start += together) {
    const group = prompts.slice(start, start + together);
    const outcomes = await Promise.all(
      group.map((prompt) => chat(engine, { prompt, tokens: answerTokens }, { signal })),
    );
    texts.push(...outcomes.map(({ text }) => text));
  }
  return texts;
};

const percentEqual = (texts: readonly string[], reference: readonly string[]): number =>
  (texts.filter((text, index) => text === reference[index]).length * 100) / reference.length;

/** One corpus of a round, and how it is asked. */
const ways = [
  { name: 'one at a time', corpus: 'alone', together: 1 },
  { name: 'one at a time, repeated', corpus: 'alone', together: 1 },
  { name: `${atOnce} at once`, corpus: 'together', together: atOnce },
  { name: `${atOnce} at once, repeated`, corpus: 'together', together: atOnce },
] as const;

const run = async (options: BenchOptions): Promise<BenchResult> => {
  const { rounds, signal, progress } = options;
  const llamaServer = await llamaServerProgram(progress, signal);
  const prompts = await readPrompts();
  const threads = availableParallelism();
  const file = await randomModel(randomModels.small);
  const setup = { file, parallel: atOnce, contextSize };
  const around = { llamaServer, prompts, threads, options };
  const corpus = (name: string, round: number): readonly string[] =>
    Array.from({ length: corpusSize }, (_unused, index) =>
      prompts(`${name} ${round} ${index}`, 8 + ((index * 7) % 90)),
    );
  const alone = await startLlamaServer(llamaServer, { ...setup, parallel: 1, threads }, split);
  try {
    const figures = await withEngines(['ours', 'split'], setup, around, async (engines) => {
      const shares = new Map<string, number[]>();
      for (let round = 0; round < rounds; round += 1) {
        progress(`round ${round + 1} of ${rounds}`);
        const reference = {
          alone: await answers(alone, corpus('alone', round), 1, signal),
          together: await answers(alone, corpus('together', round), 1, signal),
        };
        for (const engine of engines)
          for (const way of ways) {
            const texts = await answers(engine, corpus(way.corpus, round), way.together, signal);
            const key = `${way.name} ${engine.name}`;
            shares.set(key, [...(shares.get(key) ?? []), percentEqual(texts, reference[way.corpus])]);
          }
      }
      return shares;
    });
    const values = (way: string, engine: string): readonly number[] => figures.get(`${way} ${engine}`) ?? [];
    const rows = ways.flatMap(({ name }): Row[] => {
      const row = { measure: `greedy answers as llama-server -np 1 gives them, ${name}`, unit: '%' } as const;
      const own = values(name, ours);
      const peers = values(name, split);
      return [
        {
          ...row,
          candidate: ours,
          better: 'higher',
          values: own,
          ratio: { to: split, values: pairedRatios(own, peers) },
          floor: name === ways[0].name ? { of: 'median', value: 100 } : { of: 'ratio', value: 1 },
        },
        { ...row, candidate: split, better: 'higher', values: peers },
      ];
    });
    return {
      rows,
      peers: { 'llama-server': llamaServer.version },
      notes: [
        `${corpusSize} prompts a round and way, none of them in two rounds, ${answerTokens} tokens at temperature 0 by a model of 19 M parameters in F16 with random weights; an answer counts only when its whole text is the same. The reference is a llama-server with one place, asked one at a time.`,
        `Sums are added up in another order when ${atOnce} are computed at once or a part is found in the cache, so two tokens that are nearly equally good may change places: the row of llama-server -np ${atOnce} says how often that happens to itself, and ours must not be worse.`,
      ],
    };
  } finally {
    await alone.stop();
  }
};

export const identityBench: Bench = {
  name: 'identity',
  summary:
    'Whether greedy answers are, token by token, those of llama-server: alone, 8 at once, and repeated.',
  defaults: { rounds: 3, seconds: 1 },
  run,
};
