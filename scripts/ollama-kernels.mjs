/**
 * Ollama as it is to be measured: the `ollama` command with its CPU kernels (libggml-cpu-*.so). Published archives have
 * them in lib/ollama; a command that was built from its Go module has none, and computes with what every x64 processor
 * can do. For such a one they are built as the published ones are, by the CMake preset in the same Go module.
 * Run as a program it prints the folder in which to start `ollama serve`.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { moduleVersion, ollamaCommand, sources } from './ollama-cli.mjs';
import { cached, once } from './peer-cache.mjs';
import { findProgram } from './program.mjs';
import { capture, endWith, runStep } from './step.mjs';

/**
 * @typedef {object} OllamaProgram
 * @property {string} command path of the `ollama` command
 * @property {string} version
 * @property {string} folder `ollama serve` finds its kernels when it is started in this folder
 * @property {boolean} built whether the kernels were built here and did not come with the command
 */

const builders = ['go', 'cmake', 'ninja', 'g++'];
/** Below its working folder Ollama looks for libraries here; only its developers have any there. */
const libraries = join('build', 'lib', 'ollama');
/** Only what runs on CPUs, whatever else this machine could build. */
const settings = [
  '-DCMAKE_CUDA_COMPILER=NOTFOUND',
  '-DCMAKE_HIP_COMPILER=NOTFOUND',
  '-DCMAKE_DISABLE_FIND_PACKAGE_Vulkan=ON',
];

/** @returns {Promise<OllamaProgram | import('./machine.mjs').Missing>} */
export async function ollamaWithKernels() {
  const found = await ollamaCommand();
  if ('missing' in found) return found;
  const command = found.env.OLLAMAMAX_OLLAMA_CLI ?? '';
  const version = await versionOf(command);
  // Ollama looks there first.
  const beside = join(dirname(realpathSync(command)), '..', 'lib', 'ollama');
  if (hasKernels(beside)) return { command, version, folder: beside, built: false };
  if (existsSync(beside))
    return { missing: `no CPU kernels of Ollama: ${beside} has none, and Ollama looks nowhere else` };
  if (version !== moduleVersion())
    return {
      missing: `no CPU kernels for ${command}, which is Ollama ${version}: only those of ${moduleVersion()} can be built`,
    };
  return build(command, version);
}

/** @param {string} folder */
function hasKernels(folder) {
  return existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('libggml-cpu'));
}

/** @param {string} command */
async function versionOf(command) {
  // Nobody answers there: else it would tell the version of a server that happens to run.
  const env = { HOME: tmpdir(), OLLAMA_HOST: '127.0.0.1:1' };
  const said = await capture({ file: command, args: ['--version'], env });
  return /version is (\S+)/.exec(said)?.[1] ?? 'unknown';
}

/**
 * @param {string} command
 * @param {string} version
 * @returns {Promise<OllamaProgram | import('./machine.mjs').Missing>}
 */
async function build(command, version) {
  const key = createHash('sha256')
    .update(readFileSync(join(sources, 'go.sum')))
    .update(settings.join())
    .digest('hex')
    .slice(0, 16);
  const name = `ollama-kernels-${version}-${key}`;
  const absent = builders.filter((program) => findProgram(program) === undefined);
  if (absent.length > 0 && !existsSync(cached(name))) {
    return {
      missing: `no CPU kernels of Ollama; name a published command in OLLAMAMAX_OLLAMA_CLI, with its lib/ollama, or install ${absent.join(', ')} to build them`,
    };
  }
  return { command, version, folder: await once(name, compile), built: true };
}

/** @param {string} partial */
async function compile(partial) {
  const module = await moduleFolder();
  const work = join(partial, 'work');
  const prefix = `-DCMAKE_INSTALL_PREFIX=${join(partial, 'build')}`;
  await runStep("Preparing the build of Ollama's CPU kernels", {
    file: 'cmake',
    args: ['--preset', 'CPU', '-G', 'Ninja', '-S', module, '-B', work, prefix, ...settings],
  });
  await runStep("Building Ollama's CPU kernels (about ten minutes on two cores)", {
    file: 'cmake',
    args: ['--build', work, '--target', 'ggml-cpu'],
  });
  await runStep("Installing Ollama's CPU kernels", {
    file: 'cmake',
    args: ['--install', work, '--component', 'CPU', '--strip'],
  });
  rmSync(work, { recursive: true });
  if (!hasKernels(join(partial, libraries)))
    throw new Error(`The build of Ollama's CPU kernels left none in ${libraries}.`);
}

/** @returns {Promise<string>} the sources of Ollama in the cache of Go modules */
async function moduleFolder() {
  const told = await runStep('Looking for the Go module of Ollama', {
    file: 'go',
    args: ['mod', 'download', '-json', 'github.com/ollama/ollama'],
    cwd: sources,
    env: { ...process.env, GOFLAGS: '-mod=readonly' },
  });
  const { Dir: folder } = /** @type {{ Dir?: string }} */ (JSON.parse(told));
  if (folder === undefined) throw new Error(`Go does not say where the module of Ollama is: ${told}`);
  return folder;
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1])) {
  const found = await ollamaWithKernels().catch(endWith);
  process.stdout.write('folder' in found ? `${found.folder}\n` : `${found.missing}\n`);
  process.exitCode = 'folder' in found ? 0 : 1;
}
