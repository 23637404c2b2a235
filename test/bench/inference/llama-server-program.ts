import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../harness/cli.ts';
import { BenchRefused } from '../harness/bench.ts';

const execute = promisify(execFile);
const archiveName = 'llama-server-v0.5.0-linux-x64.tar.zst';
const buildMs = 3_600_000;

/** A folder with llama-server and the libraries it loads. */
export interface LlamaServerProgram {
  readonly folder: string;
  readonly version: string;
  /** Whether it computes with the very files that our runner does. */
  readonly sameKernels: boolean;
}

const library = join(root, 'node_modules', 'node-llama-cpp');
const kernels = join(root, 'node_modules', '@node-llama-cpp', 'linux-x64', 'bins', 'linux-x64');
const isKernel = (name: string): boolean => name.startsWith('libggml-cpu-');

const sameFiles = (one: string, other: string): boolean =>
  existsSync(one) && existsSync(other) && readFileSync(one).equals(readFileSync(other));

const describe = async (folder: string): Promise<LlamaServerProgram> => {
  const { stdout, stderr } = await execute('./llama-server', ['--version'], {
    cwd: folder,
    env: { LD_LIBRARY_PATH: folder },
  });
  const names = readdirSync(kernels).filter(isKernel);
  return {
    folder,
    version: /version: (.+)/.exec(stdout + stderr)?.[1] ?? 'unknown',
    sameKernels:
      names.length > 0 && names.every((name) => sameFiles(join(kernels, name), join(folder, name))),
  };
};

/** A folder that appears as a whole or not at all. */
const once = async (folder: string, make: (partial: string) => Promise<void>): Promise<string> => {
  if (existsSync(join(folder, 'llama-server'))) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const partial = await mkdtemp(`${folder}-`);
  try {
    await make(partial);
    await rename(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
};

/** llama-server from the source of llama.cpp that comes with node-llama-cpp, beside that package's CPU kernels. */
const build = async (partial: string, bundle: string, signal: AbortSignal): Promise<void> => {
  const limits = { signal, timeout: buildMs, maxBuffer: 1e9 };
  const source = join(partial, 'source');
  const built = join(partial, 'build');
  await execute('git', ['clone', '--quiet', bundle, source], limits);
  const options = {
    CMAKE_BUILD_TYPE: 'Release',
    GGML_NATIVE: 'OFF',
    GGML_BACKEND_DL: 'ON',
    BUILD_SHARED_LIBS: 'ON',
    LLAMA_BUILD_TESTS: 'OFF',
    LLAMA_BUILD_EXAMPLES: 'OFF',
    LLAMA_BUILD_APP: 'OFF',
    LLAMA_USE_PREBUILT_UI: 'OFF',
    LLAMA_OPENSSL: 'OFF',
  };
  const settings = Object.entries(options).map(([name, value]) => `-D${name}=${value}`);
  await execute('cmake', ['-G', 'Ninja', '-S', source, '-B', built, ...settings], limits);
  await execute('ninja', ['-C', built, 'llama-server'], limits);
  const bin = join(built, 'bin');
  for (const name of readdirSync(bin).filter((file) => file === 'llama-server' || /\.so(\.\d+)?$/.test(file)))
    copyFileSync(join(bin, name), join(partial, name));
  for (const name of readdirSync(kernels).filter((file) => isKernel(file) || file === 'libggml-base.so'))
    copyFileSync(join(kernels, name), join(partial, name));
  await rm(join(partial, 'libggml-base.so.0'), { force: true });
  symlinkSync('libggml-base.so', join(partial, 'libggml-base.so.0'));
  await rm(source, { recursive: true });
  await rm(built, { recursive: true });
};

const find = async (progress: (text: string) => void, signal: AbortSignal): Promise<string> => {
  const { OLLAMAMAX_LLAMA_SERVER_DIR: given, OLLAMAMAX_PREBUILT_PEERS_DIR: peers } = process.env;
  if (given !== undefined && given !== '') return given;
  const cache = join(homedir(), '.cache', 'ollamamax');
  const archive = peers === undefined ? undefined : join(peers, archiveName);
  if (archive !== undefined && existsSync(archive)) {
    const hash = createHash('sha256').update(readFileSync(archive)).digest('hex').slice(0, 16);
    return once(join(cache, `llama-server-${hash}`), async (partial) => {
      progress('unpacking llama-server');
      await execute('tar', ['--zstd', '-xf', archive, '-C', partial], { signal });
    });
  }
  const bundle = join(library, 'llama', 'gitRelease.bundle');
  if (!existsSync(bundle)) throw new Error(`there is no ${bundle}`);
  const hash = createHash('sha256').update(readFileSync(bundle)).digest('hex').slice(0, 16);
  return once(join(cache, `llama-server-built-${hash}`), async (partial) => {
    progress('building llama-server, which takes about ten minutes on two cores');
    await build(partial, bundle, signal);
  });
};

/**
 * llama-server of the folder in OLLAMAMAX_LLAMA_SERVER_DIR, else unpacked from OLLAMAMAX_PREBUILT_PEERS_DIR, else built.
 * @throws BenchRefused when it can be had in none of these ways
 */
export const llamaServerProgram = async (
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<LlamaServerProgram> => {
  try {
    return await describe(await find(progress, signal));
  } catch (error) {
    signal.throwIfAborted();
    throw new BenchRefused(
      `the peer llama-server is missing (name its folder in OLLAMAMAX_LLAMA_SERVER_DIR, or install git, cmake, ninja and g++ to build it): ${
        error instanceof Error ? error.message : String(error)
      }`,
      { cause: error },
    );
  }
};
