import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { RunnerFailure } from '../runner/failure.ts';
import type { LoadSpec } from '../runner/protocol.ts';
import { ServerClient } from './server-client.ts';

const healthIntervalMs = 50;
/** Lines of its output that tell why it ended. */
const keptLines = 6;
const outOfMemory = /out of memory|failed to allocate|unable to allocate|cannot allocate/i;
/** llama-server marks its errors with E between time stamp and place. */
const errorLine = /^[\d.]+ E |error|failed|assert|abort/i;

export interface LlamaServer {
  readonly client: ServerClient;
  /** Settles when the process is gone, with what happened in words. */
  readonly ended: Promise<string>;
  /** Ends it at once; there is nothing that it would have to save. */
  kill(): void;
  /** Memory in bytes and how much was computed so far, in any unit; undefined where the system does not tell. */
  usage(): { readonly residentBytes: number; readonly computed: number } | undefined;
}

/** What a model with a projector needs to be computed. */
export type VisionSpec = LoadSpec & { readonly vision: NonNullable<LoadSpec['vision']> };

const argumentsFor = (spec: VisionSpec, socketPath: string): string[] => [
  ...['--model', spec.path, '--mmproj', spec.vision.projector],
  ...['--host', socketPath, '--offline', '--no-webui', '--no-slots'],
  ...['--ctx-size', String(spec.contextSize * spec.parallel), '--parallel', String(spec.parallel)],
  ...['--threads', String(spec.threads)],
  // States of conversations in ordinary memory, 8 GiB if it may: nobody has counted those.
  ...['--cache-ram', '0'],
  ...(spec.gpu === false ? ['--device', 'none'] : []),
  ...(spec.gpuLayers === undefined ? [] : ['--n-gpu-layers', String(spec.gpuLayers)]),
  ...spec.adapters.flatMap(({ path, scale }) => ['--lora-scaled', `${path}:${scale}`]),
];

/** Libraries that lie beside the program are found, as in the archives that it is published in. */
const withLibraries = (environment: NodeJS.ProcessEnv, program: string): NodeJS.ProcessEnv => {
  const { LD_LIBRARY_PATH: given = '' } = environment;
  const folders = [...(program.includes('/') ? [dirname(program)] : []), ...given.split(delimiter)];
  return { ...environment, LD_LIBRARY_PATH: folders.filter(Boolean).join(delimiter) };
};

export interface ServerOptions {
  /** The whole environment of llama-server, but for where its libraries are. */
  readonly environment: NodeJS.ProcessEnv;
  /** Told every line that it prints. */
  readonly log: (line: string) => void;
  /** Told at once, before the model is loaded: whoever ends is to end it, too. */
  readonly onStarted: (server: Pick<LlamaServer, 'kill'>) => void;
}

class SpawnedServer implements LlamaServer {
  readonly client: ServerClient;
  readonly ended: Promise<string>;
  readonly lastLines: string[] = [];
  readonly #child: ChildProcess;
  readonly #folder: string;

  constructor(spec: VisionSpec, { environment, log }: ServerOptions) {
    // Only this user gets at a socket in here: it is safer than a port with a key.
    this.#folder = mkdtempSync(join(tmpdir(), 'ollamamax-vision-'));
    const socketPath = join(this.#folder, 'llama.sock');
    this.client = new ServerClient(socketPath);
    const { program } = spec.vision;
    this.#child = spawn(program, argumentsFor(spec, socketPath), {
      env: withLibraries(environment, program),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        if (this.#child.pid === undefined) resolve(`could not be started (${error.message})`);
      });
      // Not `exit`: its last words come after that.
      this.#child.once('close', (code, signal) =>
        resolve(signal === null ? `ended with exit code ${String(code)}` : `was ended by signal ${signal}`),
      );
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#note(line, log));
  }

  kill(): void {
    this.#child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  usage(): ReturnType<LlamaServer['usage']> {
    try {
      const folder = `/proc/${this.#child.pid}`;
      const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`${folder}/status`, 'utf8'))?.[1];
      // Behind the name in brackets: state, then numbers; the 12th and 13th are its time in user and system mode.
      const fields = readFileSync(`${folder}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      return {
        residentBytes: Number(kibibytes ?? 0) * 1024,
        computed: Number(fields[11]) + Number(fields[12]),
      };
    } catch {
      return undefined;
    }
  }

  /** Waits until the model is loaded. */
  async untilHealthy(): Promise<void> {
    const state: { ended?: string } = {};
    void this.ended.then((how) => {
      state.ended = how;
    });
    for (;;) {
      const isHealthy = await this.client.get('/health').then(
        () => true,
        () => false,
      );
      if (isHealthy) return;
      if (state.ended !== undefined) throw new Error(state.ended);
      await delay(healthIntervalMs);
    }
  }

  #note(line: string, log: (line: string) => void): void {
    log(line);
    if (!errorLine.test(line)) return;
    this.lastLines.push(line.replace(/^[\d.]+ E\s+/, '').slice(0, 300));
    if (this.lastLines.length > keptLines) this.lastLines.shift();
  }
}

/**
 * Starts llama-server with a model and its projector and waits until both are loaded, as long as that takes.
 * @throws RunnerFailure model_load_failed, insufficient_memory; the process is gone then
 */
export const startLlamaServer = async (spec: VisionSpec, options: ServerOptions): Promise<LlamaServer> => {
  const server = new SpawnedServer(spec, options);
  options.onStarted(server);
  try {
    await server.untilHealthy();
    return server;
  } catch (error) {
    server.kill();
    const words = server.lastLines.join(' | ');
    throw new RunnerFailure(
      outOfMemory.test(words) ? 'insufficient_memory' : 'model_load_failed',
      `llama-server (${spec.vision.program}) ${error instanceof Error ? error.message : String(error)}.` +
        (words === '' ? '' : ` Its last words: ${words}`),
    );
  }
};
