import { join } from 'node:path';
import { eventually, freePorts } from '../../harness/local-cluster.ts';
import { BenchRefused } from '../harness/bench.ts';
import { pidOf, startChild, stopChild } from '../harness/child-process.ts';
import type { Engine, EngineSetup } from './engine.ts';
import type { LlamaServerProgram } from './llama-server-program.ts';

/** Names of the two ways to divide the context among the requests. */
export const split = 'llama-server';
export const unified = 'llama-server -kvu';
/** With its own prompt lookup, as long and as many tokens as ours. */
export const lookup = 'llama-server --spec-type ngram-simple';
/** With a draft model, and as many tokens as it guesses when nothing is said. */
export const drafted = 'llama-server --model-draft';

/** Polls a URL until it answers with success, unless the program ends before. */
export const untilUp = async (
  name: string,
  url: string,
  started: ReturnType<typeof startChild>,
): Promise<void> => {
  try {
    await eventually(`${name} answers`, async () => {
      if (started.child.exitCode !== null) throw new BenchRefused(`${name} ended: ${started.output()}`);
      return (await fetch(url).catch(() => undefined))?.ok === true;
    });
  } catch (error) {
    await stopChild(started.child);
    throw error;
  }
};

const lookupOptions = [
  ...['--spec-type', 'ngram-simple'],
  ...['--spec-ngram-simple-size-n', '3', '--spec-ngram-simple-size-m', '16'],
];

/** llama-server as its users start it: prompt cache and continuous batching are on without being asked for. */
export const startLlamaServer = async (
  { folder }: LlamaServerProgram,
  setup: EngineSetup,
  name: typeof split | typeof unified | typeof lookup | typeof drafted,
  more: readonly string[] = [],
): Promise<Engine> => {
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const started = startChild(
    join(folder, 'llama-server'),
    [
      ...['-m', setup.file],
      ...['-np', String(setup.parallel)],
      ...['-c', String(setup.contextSize * setup.parallel)],
      ...['-t', String(setup.threads)],
      ...['--host', '127.0.0.1', '--port', String(port)],
      '--no-webui',
      ...(name === unified ? ['-kvu'] : []),
      ...(name === lookup ? lookupOptions : []),
      ...(name === drafted && setup.draft !== undefined ? ['--model-draft', setup.draft] : []),
      ...more,
    ],
    { cwd: folder, env: { PATH: process.env.PATH, LD_LIBRARY_PATH: folder } },
  );
  await untilUp(name, `${url}/health`, started);
  const pid = pidOf(started.child);
  return {
    name,
    url,
    model: 'bench',
    holder: () => pid,
    processes: () => [pid],
    stop: () => stopChild(started.child),
  };
};
