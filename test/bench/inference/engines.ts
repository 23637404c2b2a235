import { setTimeout } from 'node:timers/promises';
import type { BenchOptions } from '../harness/bench.ts';
import { interleave } from '../harness/rounds.ts';
import { chat } from './chat-client.ts';
import type { Figures } from './comparison.ts';
import type { Engine, EngineSetup } from './engine.ts';
import type { LlamaServerProgram } from './llama-server-program.ts';
import { drafted, lookup, split, startLlamaServer, unified } from './llama-server.ts';
import type { LoadContext } from './loads.ts';
import { startOllama, type OllamaProgram } from './ollama.ts';
import { drafting, guessing, startOurs } from './ours.ts';
import type { Prompts } from './prompts.ts';

/** Everything that the loads of a run have in common. */
export interface Surroundings {
  readonly llamaServer: LlamaServerProgram;
  /** Undefined in a bench that does not measure it. */
  readonly ollama?: OllamaProgram;
  readonly prompts: Prompts;
  readonly threads: number;
  readonly options: BenchOptions;
}

export type EngineKind =
  | 'ours'
  | 'guessing'
  | 'drafting'
  | 'split'
  | 'unified'
  | 'lookup'
  | 'drafted'
  | 'ollama'
  | 'ollama parallel';

const ollamaOf = ({ ollama }: Surroundings): OllamaProgram => {
  if (ollama === undefined) throw new RangeError('this bench did not look for Ollama');
  return ollama;
};

const startOne = (kind: EngineKind, setup: EngineSetup, around: Surroundings): Promise<Engine> => {
  switch (kind) {
    case 'ours':
      return startOurs(setup);
    case 'guessing':
      return startOurs(setup, guessing);
    case 'drafting':
      return startOurs(setup, drafting);
    case 'split':
      return startLlamaServer(around.llamaServer, setup, split);
    case 'unified':
      return startLlamaServer(around.llamaServer, setup, unified);
    case 'lookup':
      return startLlamaServer(around.llamaServer, setup, lookup);
    case 'drafted':
      return startLlamaServer(around.llamaServer, setup, drafted);
    case 'ollama':
      return startOllama(ollamaOf(around), setup, undefined);
    case 'ollama parallel':
      return startOllama(ollamaOf(around), setup, setup.parallel);
  }
};

/** Also a model that has learned to write says more than a few words to it. */
const warmUp = 'Write a short story about a fox and a lantern.';

/** Starts engines of the same setup, all together, and stops them after use. */
export const withEngines = async <T>(
  kinds: readonly EngineKind[],
  setup: Omit<EngineSetup, 'threads'>,
  around: Surroundings,
  use: (engines: readonly Engine[]) => Promise<T>,
): Promise<T> => {
  const engines: Engine[] = [];
  const { signal } = around.options;
  try {
    for (const kind of kinds) {
      signal.throwIfAborted();
      const engine = await startOne(kind, { ...setup, threads: around.threads }, around);
      engines.push(engine);
      // The first answer of a process loads what was put off until it.
      await chat(engine, { prompt: warmUp, tokens: 16 }, { signal });
    }
    return await use(engines);
  } finally {
    for (const engine of engines) await engine.stop();
  }
};

/**
 * Compute threads of llama.cpp look out for work without a pause when they have done the last, in llama-server for
 * 0.3 s on this kind of processor: whoever is measured next would have a core less.
 */
const quietMs = 1000;

/** Measures each engine once per round, in rotated order, every round with texts that were never seen before. */
export const inRounds = async <M>(
  measure: string,
  engines: readonly Engine[],
  { options, prompts }: Surroundings,
  load: (engine: Engine, context: LoadContext) => Promise<M>,
): Promise<Figures<M>> => {
  const { rounds, signal } = options;
  const measured = await interleave(engines, rounds, async (engine, round) => {
    options.progress(`${measure}, round ${round + 1} of ${rounds}: ${engine.name}`);
    await setTimeout(quietMs, undefined, { signal });
    return load(engine, { prompts, seed: `${measure} ${round}`, signal });
  });
  return new Map([...measured].map(([engine, values]) => [engine.name, values]));
};
