import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ollamaCommand } from '../../../scripts/ollama-cli.mjs';
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

/** @throws BenchRefused when there is no ollama command and none can be built */
export const ollamaProgram = async (): Promise<string> => {
  const found = await ollamaCommand();
  if ('missing' in found) throw new BenchRefused(`the peer Ollama is missing: ${found.missing}`);
  return found.env.OLLAMAMAX_OLLAMA_CLI ?? '';
};

export const ollamaVersion = async (program: string): Promise<string> => {
  const { stdout } = await execute(program, ['--version'], {
    env: { HOME: tmpdir(), OLLAMA_HOST: '127.0.0.1:1' },
  });
  return /version is (\S+)/.exec(stdout)?.[1] ?? 'unknown';
};

/**
 * The real Ollama with a store of its own and the model from a Modelfile.
 * @param parallel OLLAMA_NUM_PARALLEL; undefined: as it is without
 */
export const startOllama = async (
  program: string,
  setup: EngineSetup,
  parallel: number | undefined,
): Promise<Engine> => {
  const name = parallel === undefined ? 'Ollama, defaults' : 'Ollama, NUM_PARALLEL';
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
  const started = startChild(program, ['serve'], { env });
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
    await execute(program, ['create', 'bench', '-f', modelfile], { env, timeout: createMs });
  } catch (error) {
    await stop();
    if (error instanceof BenchRefused) throw error;
    throw new BenchRefused(`Ollama took no model: ${error instanceof Error ? error.message : String(error)}`);
  }
  const pid = pidOf(started.child);
  const processes = (): readonly number[] => [pid, ...descendantsOf(pid)];
  return { name, url, model: 'bench', holder: () => largestOf(processes()), processes, stop };
};
