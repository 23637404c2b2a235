/**
 * The real `llama-server`, against which the agent is tested and measured, as a folder with the program and the
 * libraries it loads: $OLLAMAMAX_LLAMA_SERVER_DIR, or a packed one from $OLLAMAMAX_PREBUILT_PEERS_DIR, or built from the
 * source of llama.cpp that comes with node-llama-cpp, beside that package's own CPU kernels.
 * Run as a program it prints the folder.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { cached, once } from './peer-cache.mjs';
import { findProgram, isProgram } from './program.mjs';
import { endWith, runStep } from './step.mjs';

const archiveName = 'llama-server-v0.5.0-linux-x64.tar.zst';
const bundle = join(root, 'node_modules', 'node-llama-cpp', 'llama', 'gitRelease.bundle');
const kernels = join(root, 'node_modules', '@node-llama-cpp', 'linux-x64', 'bins', 'linux-x64');
const builders = ['git', 'cmake', 'ninja', 'g++'];

/** @param {string} name */
export const isKernel = (name) => name.startsWith('libggml-cpu-');
/** Folder of the CPU kernels that our own runner loads. */
export const kernelFolder = kernels;

/** @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>} */
export async function llamaServer() {
  const given = process.env.OLLAMAMAX_LLAMA_SERVER_DIR ?? '';
  if (given !== '') {
    return isProgram(join(given, 'llama-server'))
      ? tool(given)
      : { missing: `OLLAMAMAX_LLAMA_SERVER_DIR names ${given}, which has no llama-server` };
  }
  return (await unpack()) ?? build();
}

/** @param {string} folder */
function tool(folder) {
  return { env: { OLLAMAMAX_LLAMA_SERVER_DIR: folder } };
}

/** @returns {Promise<import('./machine.mjs').Tool | undefined>} undefined: there is no packed one */
async function unpack() {
  const peers = process.env.OLLAMAMAX_PREBUILT_PEERS_DIR;
  const archive = peers === undefined ? undefined : join(peers, archiveName);
  if (archive === undefined || !existsSync(archive)) return undefined;
  const folder = await once(`llama-server-${hashOf(archive)}`, async (partial) => {
    await runStep('Unpacking llama-server', { file: 'tar', args: ['--zstd', '-xf', archive, '-C', partial] });
  });
  return tool(folder);
}

/** @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>} */
async function build() {
  if (!existsSync(bundle)) return { missing: `no llama-server, and no ${bundle} to build it from` };
  const name = `llama-server-built-${hashOf(bundle)}`;
  const absent = builders.filter((program) => findProgram(program) === undefined);
  if (absent.length > 0 && !existsSync(cached(name))) {
    return {
      missing: `no llama-server; name its folder in OLLAMAMAX_LLAMA_SERVER_DIR, or install ${absent.join(', ')} to build it`,
    };
  }
  return tool(await once(name, compile));
}

/** @param {string} file */
function hashOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16);
}

/** @param {string} partial */
async function compile(partial) {
  const source = join(partial, 'source');
  const built = join(partial, 'build');
  await runStep('Taking the source of llama.cpp', {
    file: 'git',
    args: ['clone', '--quiet', bundle, source],
  });
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
  await runStep('Preparing the build of llama-server', {
    file: 'cmake',
    args: ['-G', 'Ninja', '-S', source, '-B', built, ...settings],
  });
  await runStep('Building llama-server (about ten minutes on two cores)', {
    file: 'ninja',
    args: ['-C', built, 'llama-server'],
  });
  const bin = join(built, 'bin');
  for (const name of readdirSync(bin).filter((file) => file === 'llama-server' || /\.so(\.\d+)?$/.test(file)))
    copyFileSync(join(bin, name), join(partial, name));
  for (const name of readdirSync(kernels).filter((file) => isKernel(file) || file === 'libggml-base.so'))
    copyFileSync(join(kernels, name), join(partial, name));
  rmSync(join(partial, 'libggml-base.so.0'), { force: true });
  symlinkSync('libggml-base.so', join(partial, 'libggml-base.so.0'));
  rmSync(source, { recursive: true });
  rmSync(built, { recursive: true });
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1])) {
  const found = await llamaServer().catch(endWith);
  process.stdout.write('env' in found ? `${found.env.OLLAMAMAX_LLAMA_SERVER_DIR}\n` : `${found.missing}\n`);
  process.exitCode = 'env' in found ? 0 : 1;
}
