import { execFile, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ollamaWithKernels, type OllamaProgram } from '../../../scripts/ollama-kernels.mjs';
import { descendantsOf } from '../../harness/cli.ts';
import { freePorts } from '../../harness/local-cluster.ts';
import { BenchRefused } from '../harness/bench.ts';
import { pidOf, startChild, stopChild } from '../harness/child-process.ts';
import { largestOf, type Engine, type EngineSetup } from './engine.ts';
import { untilUp } from './llama-server.ts';

const execute = promisify(execFile);
const createMs = 300_000;

/** The template of the bundled tokenizer in Ollama's language. */
const template = `{{ range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
`;

export type { OllamaProgram };

/** Names of Ollama as it is installed, and as it is told to work on as many requests at a time as there are clients. */
export const byDefault = 'Ollama, defaults';
export const inParallel = 'Ollama, NUM_PARALLEL';

/**
 * Ollama with its CPU kernels, which are built where they are not there yet.
 * @throws BenchRefused when there is no ollama command or there are no kernels for it, and none can be built
 */
export const ollamaProgram = async (
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<OllamaProgram> => {
  progress('looking for Ollama and its CPU kernels, which are built where they are not there yet');
  try {
    const found = await ollamaWithKernels();
    signal.throwIfAborted();
    if ('missing' in found) throw new Error(found.missing);
    return found;
  } catch (error) {
    signal.throwIfAborted();
    throw new BenchRefused(
      `the peer Ollama is missing: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
};

/**
 * What Ollama's log says. What a process has mapped does not tell: it looks at all kernels before it takes the best, and
 * not all of them can be unloaded.
 */
const loadedKernels = (child: ChildProcess): (() => string | undefined) => {
  let found: string | undefined;
  let rest = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) found = /loaded CPU backend from .*\/(.+)$/.exec(line)?.[1] ?? found;
  });
  return () => found;
};

/**
 * The real Ollama with a store of its own and the model from a Modelfile.
 * @param parallel OLLAMA_NUM_PARALLEL; undefined: as it is without
 */
export const startOllama = async (
  { command, folder: workingFolder }: OllamaProgram,
  setup: EngineSetup,
  parallel: number | undefined,
): Promise<Engine> => {
  const name = parallel === undefined ? byDefault : inParallel;
  const folder = await mkdtemp(join(tmpdir(), 'ollamamax-bench-ollama-'));
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    OLLAMA_HOST: `127.0.0.1:${port}`,
    OLLAMA_MODELS: join(folder, 'models'),
    OLLAMA_KEEP_ALIVE: '-1',
    ...(parallel === undefined ? {} : { OLLAMA_NUM_PARALLEL: String(parallel) }),
  };
  const started = startChild(command, ['serve'], { env, cwd: workingFolder });
  const kernels = loadedKernels(started.child);
  const stop = async (): Promise<void> => {
    await stopChild(started.child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilUp(name, url, started);
    const modelfile = join(folder, 'Modelfile');
    await writeFile(
      modelfile,
      `FROM ${setup.file}\nTEMPLATE """${template}"""\nPARAMETER num_ctx ${setup.contextSize}\nPARAMETER num_thread ${setup.threads}\n`,
    );
    await execute(command, ['create', 'bench', '-f', modelfile], { env, timeout: createMs });
  } catch (error) {
    await stop();
    if (error instanceof BenchRefused) throw error;
    throw new BenchRefused(`Ollama took no model: ${error instanceof Error ? error.message : String(error)}`);
  }
  const pid = pidOf(started.child);
  const processes = (): readonly number[] => [pid, ...descendantsOf(pid)];
  return {
    name,
    url,
    model: 'bench',
    holder: () => largestOf(processes()),
    processes,
    kernels,
    stop,
  };
};
