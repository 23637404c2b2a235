/**
 * Our own build of node-llama-cpp's native addon: its sources with the patches in `agent/native/patches`, linked to
 * the libraries of the prebuilt package. Only the addon is compiled; the kernels stay those of the package.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, homedir, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findProgram } from './program.mjs';
import { capture } from './step.mjs';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '');
const native = join(root, 'agent', 'native');
const platform = `${process.platform}-${process.arch}`;

/**
 * @typedef {{ nodeLlamaCpp: string, llamaCpp: string, commit: string }} Pinned the versions the patches are for
 * @typedef {{ compiler: string, compilerVersion: string, git: string, libraries: string, package: string,
 *   pinned: Pinned, patches: string[], napiHeaders: string, napiWrapper: string }} Inputs
 * @typedef {{ nodeLlamaCpp: string, llamaCpp: string, inputs: string, patches: Record<string, string>,
 *   compiler: string, addon: string, sha256: string, libraries: string }} Manifest
 *   `patches` has their SHA-256 by name; `libraries` is the prebuilt package's folder, seen from the manifest's
 * @typedef {{ folder: string, fresh: boolean } | { missing: string }} Result `fresh`: compiled just now;
 *   `missing`: a sentence that says what this machine lacks, so that the prebuilt package is used
 */

/** Flags of node-llama-cpp's own build that change what its sources mean. */
const flags = [
  ...['-O2', '-DNDEBUG', '-fPIC', '-std=c++17', '-fexceptions', '-w'],
  ...['-DNAPI_VERSION=7', '-DBUILDING_NODE_EXTENSION'],
  ...['-DLLAMA_SHARED', '-DGGML_SHARED', '-DGGML_BACKEND_SHARED'],
];

/** Folders of llama.cpp with the headers that the addon includes. */
const headerFolders = ['', 'common', 'include', 'src', 'ggml/include', 'vendor'];

/**
 * Builds the addon unless the same inputs were built before.
 * @param {{ folder?: string }} [options] where the result goes
 * @returns {Promise<Result>}
 */
export async function buildNativeAddon(options = {}) {
  const folder = options.folder ?? join(native, 'build', platform);
  const inputs = await findInputs();
  if ('missing' in inputs) return inputs;
  const hash = hashOf(inputs);
  if (readManifest(folder)?.inputs === hash && existsSync(join(folder, 'llama-addon.node'))) {
    return { folder, fresh: false };
  }
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'ollamamax-addon-'));
  try {
    await prepareSources(inputs, work);
    const headers = await headersOf(inputs);
    const addon = await compile(inputs, { work, headers, folder });
    const bytes = readFileSync(addon);
    /** @type {Manifest} */
    const manifest = {
      nodeLlamaCpp: inputs.pinned.nodeLlamaCpp,
      llamaCpp: inputs.pinned.llamaCpp,
      inputs: hash,
      patches: Object.fromEntries(
        inputs.patches.map((name) => [name, sha256(readFileSync(join(native, 'patches', name)))]),
      ),
      compiler: inputs.compilerVersion,
      addon: 'llama-addon.node',
      sha256: sha256(bytes),
      libraries: relative(folder, inputs.libraries),
    };
    // A reader takes the addon only with the manifest that names its hash, so the manifest comes last.
    replaceFile(join(folder, manifest.addon), bytes);
    replaceFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const fault = await selfTest(folder);
  if (fault !== undefined) {
    rmSync(folder, { recursive: true });
    return { missing: `what was built fails its self-test (${fault})` };
  }
  return { folder, fresh: true };
}

/**
 * Tries the result in a process of its own, which it may take down. Where the agent is not there, as in the first
 * stages of an image, there is nothing to try it with.
 * @param {string} folder
 * @returns {Promise<string | undefined>} what is wrong with it
 */
async function selfTest(folder) {
  const runner = join(root, 'agent', 'src', 'inference', 'runner');
  const model = join(root, 'models', 'ollamamax-tiny-q8_0.gguf');
  const own = join(root, 'node_modules', 'node', 'bin', 'node');
  const node = existsSync(own) ? own : process.execPath;
  if (![join(runner, 'native-self-test.ts'), model].every((path) => existsSync(path))) return undefined;
  const program = `
    import { findNativeBuild, openNativeLlama } from ${JSON.stringify(pathToFileURL(join(runner, 'native-build.ts')))};
    import { selfTestBinding } from ${JSON.stringify(pathToFileURL(join(runner, 'native-self-test.ts')))};
    const [folder, model] = process.argv.slice(1);
    const build = findNativeBuild((reason) => { throw new Error(reason); }, folder);
    const llama = await openNativeLlama(build, { maxThreads: 2, logger: () => undefined });
    await selfTestBinding(llama, model);
    await llama.dispose();
  `;
  try {
    await capture({ file: node, args: ['--input-type=module', '--eval', program, folder, model] });
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return /^\w*Error: (.*)$/m.exec(text)?.[1] ?? text.split('\n').at(-1);
  }
}

/** @returns {Promise<Inputs | { missing: string }>} */
async function findInputs() {
  if (process.platform !== 'linux') return { missing: 'our own addon is built on Linux only' };
  const pinned = /** @type {Pinned} */ (JSON.parse(readFileSync(join(native, 'pinned.json'), 'utf8')));
  const package_ = packageFolder('node-llama-cpp', root);
  if (package_ === undefined) return { missing: 'node-llama-cpp is not installed' };
  const version = versionOf(package_);
  if (version !== pinned.nodeLlamaCpp) {
    return {
      missing: `the patches are for node-llama-cpp ${pinned.nodeLlamaCpp} and ${version} is installed: renew agent/native`,
    };
  }
  const name = `linux-${process.arch === 'arm' ? 'armv7l' : process.arch}`;
  const prebuilt = packageFolder(`@node-llama-cpp/${name}`, package_);
  if (prebuilt === undefined) return { missing: `the package @node-llama-cpp/${name} is not installed` };
  const wrapper = packageFolder('node-addon-api', package_);
  if (wrapper === undefined) return { missing: 'the package node-addon-api is not installed' };
  const napiHeaders = findNapiHeaders(package_);
  if (napiHeaders === undefined) return { missing: 'no headers of Node-API: install node-api-headers' };
  if (!existsSync(join(package_, 'llama', 'gitRelease.bundle'))) {
    return { missing: "node-llama-cpp's bundle with the sources of llama.cpp was removed" };
  }
  const compiler = process.env.CXX ?? findProgram('c++', 'g++', 'clang++');
  if (compiler === undefined) return { missing: 'no C++ compiler: install g++' };
  const compilerVersion = await versionOfCompiler(compiler);
  if (compilerVersion === undefined)
    return { missing: `${compiler} compiles no C++17: install g++ 9 or later` };
  const git = findProgram('git');
  if (git === undefined) return { missing: 'no git: install git' };
  return {
    compiler,
    compilerVersion,
    git,
    libraries: join(prebuilt, 'bins', name),
    package: package_,
    pinned,
    patches: readdirSync(join(native, 'patches'))
      .filter((file) => file.endsWith('.patch'))
      .sort(),
    napiHeaders,
    napiWrapper: wrapper,
  };
}

/**
 * @param {string} name of a package
 * @param {string} from the folder whose modules are looked through first
 * @returns {string | undefined} its folder
 */
function packageFolder(name, from) {
  const paths = createRequire(join(from, 'package.json')).resolve.paths(name) ?? [];
  return paths.map((path) => join(path, name)).find((path) => existsSync(join(path, 'package.json')));
}

/**
 * Headers of the stable C interface: those of the package that node-llama-cpp's build tool brings, else Node's own.
 * @param {string} from
 */
function findNapiHeaders(from) {
  const tool = packageFolder('cmake-js', from) ?? from;
  const brought = packageFolder('node-api-headers', tool);
  const candidates = [
    ...(brought === undefined ? [] : [join(brought, 'include')]),
    join(dirname(dirname(process.execPath)), 'include', 'node'),
  ];
  return candidates.find((path) => existsSync(join(path, 'node_api.h')));
}

/** @param {string} folder of a package */
function versionOf(folder) {
  const { version } = /** @type {{ version: string }} */ (
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  );
  return version;
}

/**
 * @param {string} compiler
 * @returns {Promise<string | undefined>} the first line of what it says of itself; nothing when it knows no C++17
 */
async function versionOfCompiler(compiler) {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-compiler-'));
  try {
    const source = join(folder, 'probe.cpp');
    writeFileSync(source, '#include <optional>\nstd::optional<int> probe() { return 1; }\n');
    await capture({ file: compiler, args: ['-std=c++17', '-fsyntax-only', source] });
    const version = await capture({ file: compiler, args: ['--version'] });
    return version.split('\n')[0] ?? compiler;
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * What decides how the result looks.
 * @param {Inputs} inputs
 */
function hashOf(inputs) {
  const hash = createHash('sha256')
    .update(JSON.stringify([inputs.pinned, inputs.compilerVersion, flags, relative(root, inputs.libraries)]))
    .update(JSON.stringify([versionOf(inputs.napiWrapper), librariesOf(inputs)]));
  for (const name of inputs.patches) {
    hash
      .update(name)
      .update('\0')
      .update(readFileSync(join(native, 'patches', name)));
  }
  return hash.digest('hex');
}

/** @param {Inputs} inputs */
function librariesOf(inputs) {
  const listed = readdirSync(inputs.libraries).filter((name) => /^lib(llama|ggml).*\.so$/.test(name));
  return listed.filter((name) => !/^libggml-(cpu|cuda|vulkan)/.test(name)).sort();
}

/**
 * Copies the package's sources and patches the copy.
 * @param {Inputs} inputs
 * @param {string} work
 */
async function prepareSources(inputs, work) {
  cpSync(join(inputs.package, 'llama', 'addon'), join(work, 'llama', 'addon'), { recursive: true });
  // Outside any repository git applies a patch to the files as they lie there.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(work) };
  for (const name of inputs.patches) {
    const patch = join(native, 'patches', name);
    await capture({ file: inputs.git, args: ['apply', patch], cwd: work, env });
  }
}

/**
 * The headers of llama.cpp, cloned once from the package's bundle. git checks every object against its hash, and the
 * commit is pinned, so the files are those that the patches were made for.
 * @param {Inputs} inputs
 * @returns {Promise<string>} the folder
 */
async function headersOf(inputs) {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ollamamax');
  const { commit, llamaCpp } = inputs.pinned;
  const folder = join(cache, `llama.cpp-${llamaCpp}-${commit.slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const partial = mkdtempSync(join(cache, 'partial-'));
  try {
    const bundle = join(inputs.package, 'llama', 'gitRelease.bundle');
    await capture({ file: inputs.git, args: ['clone', '--quiet', '--no-checkout', bundle, partial] });
    const git = { file: inputs.git, cwd: partial };
    const head = await capture({ ...git, args: ['rev-parse', 'HEAD'] });
    if (head.trim() !== commit) {
      throw new Error(
        `node-llama-cpp's bundle holds commit ${head.trim()} of llama.cpp and not ${commit}: renew agent/native.`,
      );
    }
    const folders = headerFolders.filter((name) => name !== '');
    await capture({ ...git, args: ['checkout', '--quiet', commit, '--', ...folders] });
    rmSync(join(partial, '.git'), { recursive: true });
    if (!existsSync(folder)) renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}

/**
 * @param {Inputs} inputs
 * @param {{ work: string, headers: string, folder: string }} places `folder`: where the addon will lie
 * @returns {Promise<string>} the addon
 */
async function compile(inputs, { work, headers, folder }) {
  const addon = join(work, 'llama', 'addon');
  const includes = [
    addon,
    ...headerFolders.map((name) => join(headers, name)),
    inputs.napiWrapper,
    inputs.napiHeaders,
  ].map((path) => `-I${path}`);
  const sources = readdirSync(addon, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.cpp'),
  );
  const objects = await inParallel(sources, async (name) => {
    const object = join(work, `${name.replaceAll(/[\\/]/g, '-')}.o`);
    const args = [...flags, ...includes, '-c', join(addon, name), '-o', object];
    await capture({ file: inputs.compiler, args });
    return object;
  });
  const result = join(work, 'llama-addon.node');
  const args = [
    ...['-shared', '-s', '-o', result, ...objects, `-L${inputs.libraries}`],
    ...librariesOf(inputs).map((name) => `-l:${name}`),
    `-Wl,-rpath,$ORIGIN/${relative(folder, inputs.libraries)}`,
  ];
  await capture({ file: inputs.compiler, args });
  return result;
}

/**
 * @template Item, Answer
 * @param {Item[]} items
 * @param {(item: Item) => Promise<Answer>} work done for as many at a time as there are cores
 * @returns {Promise<Answer[]>}
 */
async function inParallel(items, work) {
  /** @type {Answer[]} */
  const answers = [];
  const rest = items.values();
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (const item of rest) answers.push(await work(item));
    }),
  );
  return answers;
}

/** @param {string} folder */
function readManifest(folder) {
  try {
    return /** @type {Manifest} */ (JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * A process that has the old file mapped keeps it.
 * @param {string} path
 * @param {string | Buffer} content
 */
function replaceFile(path, content) {
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, content);
  renameSync(partial, path);
}

/** @param {string | Buffer} content */
function sha256(content) {
  return createHash('sha256').update(content).digest('hex');
}
