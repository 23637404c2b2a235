import { availableParallelism } from 'node:os';
import type { Bench, BenchOptions, BenchResult } from '../harness/bench.ts';
import type { Surroundings } from './engines.ts';
import { llamaServerProgram } from './llama-server-program.ts';
import {
  embeddingsPart,
  fastStepsPart,
  latencyPart,
  ollamaPart,
  throughputPart,
  type Part,
} from './measures.ts';
import { ollamaProgram } from './ollama.ts';
import { readPrompts } from './prompts.ts';
import { speculationRows } from './speculation.ts';

const defaults = { rounds: 3, seconds: 16 } as const;
/** With the eight tokens of the template, 128 to be read and 128 to be written. */
const fullSize = { prompt: 120, tokens: 128 } as const;

/** Of an answer that repeats itself. */
const rowTokens = 400;

const run = async (options: BenchOptions): Promise<BenchResult> => {
  const llamaServer = await llamaServerProgram(options.progress, options.signal);
  const ollama = await ollamaProgram(options.progress, options.signal);
  const around: Surroundings = {
    llamaServer,
    ollama,
    prompts: await readPrompts(),
    threads: availableParallelism(),
    options,
  };
  // A shorter run has shorter requests, too: their length is most of its time.
  const share = Math.min(1, options.seconds / defaults.seconds);
  const scaled = (tokens: number): number => Math.max(8, Math.round(tokens * share));
  const size = { prompt: scaled(fullSize.prompt), tokens: scaled(fullSize.tokens) };
  const parts: Part[] = [
    await throughputPart(around, size),
    await ollamaPart(around, size),
    await fastStepsPart(around, size),
    await latencyPart(around, size),
    await embeddingsPart(around),
    { rows: await speculationRows(around, scaled(rowTokens)) },
  ];
  return {
    rows: parts.flatMap(({ rows }) => rows),
    peers: { 'llama-server': llamaServer.version, Ollama: ollama.version },
    notes: [
      `One model file for all: llama architecture, random weights, 32,000 tokens of vocabulary; base 405 M parameters Q8_0, medium 98 M Q8_0, small 19 M F16. ${around.threads} threads each; ${options.rounds} rounds, engines one after the other in each; ${size.prompt} random words and ${size.tokens} generated tokens a request, temperature 0, streamed over /v1/chat/completions by the same client. The run is refused unless all engines report the same numbers of tokens.`,
      llamaServer.sameKernels
        ? 'llama-server computes with the very CPU kernels of our runner.'
        : 'llama-server does NOT have the CPU kernels of our runner: part of a ratio may be the compiler’s.',
      'llama-server has the same context per client, with the context divided (-np N) and shared (-np N -kvu); ratios are to the one with the better median, except after clients left: there the floor is for the first, which is what -np N gives.',
      'Prompt caches are as they are by default, which is on in all engines (llama-server keeps idle slots in memory, too). Every round has prompts of its own, so that only the template is ever found again, except where a shared prompt is measured.',
      'Constrained JSON: an object of strings, mostly free text within them, where a grammar has little to forbid. Its ratio is to free answers of the same engine in the same round.',
      'Ours guesses no tokens but where the row says so: models with random weights repeat themselves in ways that say nothing of an engine. Rows of a table come from the bundled chat model with feed-forward layers 257 times as wide, which add nothing to what it says and make it as slow as 400 M parameters are.',
      'Resident memory counts the pages of the model’s file that the process has mapped, taken after answers to 4 clients.',
      ...parts.flatMap(({ notes }) => notes ?? []),
    ],
  };
};

export const inferenceBench: Bench = {
  name: 'inference',
  summary:
    'Tokens per second, first tokens, gaps and memory beside llama-server and Ollama, same model file.',
  defaults,
  run,
};
