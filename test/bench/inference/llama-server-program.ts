import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isKernel, kernelFolder, llamaServer } from '../../../scripts/llama-server.mjs';
import { BenchRefused } from '../harness/bench.ts';

const execute = promisify(execFile);

/** A folder with llama-server and the libraries it loads. */
export interface LlamaServerProgram {
  readonly folder: string;
  readonly version: string;
  /** Whether it computes with the very files that our runner does. */
  readonly sameKernels: boolean;
}

const sameFiles = (one: string, other: string): boolean =>
  existsSync(one) && existsSync(other) && readFileSync(one).equals(readFileSync(other));

const describe = async (folder: string): Promise<LlamaServerProgram> => {
  const { stdout, stderr } = await execute('./llama-server', ['--version'], {
    cwd: folder,
    env: { LD_LIBRARY_PATH: folder },
  });
  const names = readdirSync(kernelFolder).filter(isKernel);
  return {
    folder,
    version: /version: (.+)/.exec(stdout + stderr)?.[1] ?? 'unknown',
    sameKernels:
      names.length > 0 && names.every((name) => sameFiles(join(kernelFolder, name), join(folder, name))),
  };
};

/**
 * llama-server of the folder in OLLAMAMAX_LLAMA_SERVER_DIR, else unpacked from OLLAMAMAX_PREBUILT_PEERS_DIR, else built.
 * @throws BenchRefused when it can be had in none of these ways
 */
export const llamaServerProgram = async (
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<LlamaServerProgram> => {
  progress('looking for llama-server, which is unpacked or built where it is not there yet');
  try {
    const found = await llamaServer();
    signal.throwIfAborted();
    if ('missing' in found) throw new Error(found.missing);
    return await describe(found.env.OLLAMAMAX_LLAMA_SERVER_DIR ?? '');
  } catch (error) {
    signal.throwIfAborted();
    throw new BenchRefused(
      `the peer llama-server is missing: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
};
