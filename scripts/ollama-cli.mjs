/**
 * The real `ollama` command, against which the agent is tested: $OLLAMAMAX_OLLAMA_CLI, or the one in .cache/bin, or
 * a packed one from $OLLAMAMAX_PREBUILT_DIR (ollama.zst beside SHA256SUMS), or built from its Go module.
 * Run as a program it prints the path.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { findProgram, isProgram } from './program.mjs';
import { endWith, runStep } from './step.mjs';

const local = join(root, '.cache', 'bin', 'ollama');
/** Folder whose go.mod says which Ollama. */
export const sources = join(root, 'test', 'tools', 'ollama');
/** Go modules leave out headers of other projects; Debian has two of the three. */
const debianHeaders = ['/usr/include/nlohmann/json.hpp', '/usr/include/stb/stb_image.h'];

/** @returns {string} the version of the Go module from which the command is built */
export function moduleVersion() {
  const version = /github\.com\/ollama\/ollama v(\S+)/.exec(
    readFileSync(join(sources, 'go.mod'), 'utf8'),
  )?.[1];
  if (version === undefined) throw new Error(`${sources}/go.mod names no version of Ollama.`);
  return version;
}

/** @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>} */
export async function ollamaCommand() {
  const given = process.env.OLLAMAMAX_OLLAMA_CLI;
  if (given !== undefined) {
    return isProgram(given)
      ? tool(given)
      : { missing: `OLLAMAMAX_OLLAMA_CLI names ${given}, which is no program` };
  }
  if (isProgram(local)) return tool(local);
  if (await unpack()) return tool(local);
  return build();
}

/** @param {string} path */
function tool(path) {
  return { env: { OLLAMAMAX_OLLAMA_CLI: path } };
}

/** @returns {Promise<boolean>} whether there was a packed one */
async function unpack() {
  const folder = process.env.OLLAMAMAX_PREBUILT_DIR;
  if (folder === undefined || !existsSync(join(folder, 'ollama.zst'))) return false;
  const sums = readFileSync(join(folder, 'SHA256SUMS'), 'utf8');
  const wanted = /^([0-9a-f]{64}) [ *]ollama$/m.exec(sums)?.[1];
  const partial = `${local}.${process.pid}`;
  mkdirSync(join(root, '.cache', 'bin'), { recursive: true });
  await runStep('Unpacking the ollama command', {
    file: 'zstd',
    args: ['-dqf', join(folder, 'ollama.zst'), '-o', partial],
  });
  const found = createHash('sha256').update(readFileSync(partial)).digest('hex');
  if (found !== wanted) {
    rmSync(partial);
    throw new Error(
      `${folder}/ollama.zst is damaged: its content has SHA-256 ${found}, not ${wanted ?? 'named'}.`,
    );
  }
  chmodSync(partial, 0o755);
  renameSync(partial, local);
  return true;
}

/** @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>} */
async function build() {
  // As in Ollama's own scripts/env.sh; without them it calls itself 0.0.0.
  const variables = [`version.Version=${moduleVersion()}`, 'server.mode=release'];
  const linking = variables.map((variable) => `-X=github.com/ollama/ollama/${variable}`).join(' ');
  const key = createHash('sha256')
    .update(readFileSync(join(sources, 'go.sum')))
    .update(linking)
    .digest('hex')
    .slice(0, 16);
  const folder = join(homedir(), '.cache', 'ollamamax', `ollama-${key}`);
  const built = join(folder, 'ollama');
  if (isProgram(built)) return tool(built);

  const go = findProgram('go');
  if (go === undefined)
    return { missing: 'no ollama command and no Go to build it: install Go 1.24 or newer' };
  if (findProgram('gcc') === undefined || findProgram('g++') === undefined) {
    return { missing: 'no ollama command and no C++ compiler to build it: install g++' };
  }
  const absent = debianHeaders.filter((path) => !existsSync(path));
  if (absent.length > 0) {
    return {
      missing: `no ollama command; building it needs nlohmann-json3-dev and libstb-dev (${absent.join(', ')})`,
    };
  }
  const headers = await audioHeader();
  if (headers === undefined) return { missing: 'no ollama command; building it needs python3 with pip' };
  await runStep('Building the ollama command from its Go module (about five minutes)', {
    file: go,
    args: [
      'build',
      '-trimpath',
      `-ldflags=-s -w ${linking}`,
      '-o',
      `${built}.${process.pid}`,
      'github.com/ollama/ollama',
    ],
    cwd: sources,
    env: {
      ...process.env,
      CGO_ENABLED: '1',
      GOFLAGS: '-mod=readonly',
      CPLUS_INCLUDE_PATH: `${headers}:/usr/include/stb`,
      C_INCLUDE_PATH: `${headers}:/usr/include/stb`,
    },
  });
  renameSync(`${built}.${process.pid}`, built);
  return tool(built);
}

/**
 * miniaudio.h, taken from the source package of the Python binding of that library.
 * @returns {Promise<string | undefined>} the folder in which it lies as `miniaudio/miniaudio.h`
 */
async function audioHeader() {
  const folder = join(root, '.cache', 'miniaudio');
  const header = join(folder, 'miniaudio', 'miniaudio.h');
  if (existsSync(header)) return folder;
  const python = findProgram('python3');
  if (python === undefined) return undefined;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'miniaudio'), { recursive: true });
  await runStep('Fetching miniaudio.h', {
    file: python,
    args: [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--no-binary=:all:',
      '--dest',
      folder,
      'miniaudio==1.71',
    ],
  });
  const archive = readdirSync(folder).find((name) => name.endsWith('.tar.gz'));
  if (archive === undefined) throw new Error('The source package of miniaudio 1.71 is not an archive.');
  await runStep('Unpacking miniaudio.h', {
    file: 'tar',
    args: ['-xzf', join(folder, archive), '-C', folder],
  });
  const unpacked = join(folder, archive.slice(0, -'.tar.gz'.length));
  cpSync(join(unpacked, 'miniaudio', 'miniaudio.h'), header);
  rmSync(unpacked, { recursive: true });
  return folder;
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1])) {
  const found = await ollamaCommand().catch(endWith);
  process.stdout.write('env' in found ? `${found.env.OLLAMAMAX_OLLAMA_CLI}\n` : `${found.missing}\n`);
  process.exitCode = 'env' in found ? 0 : 1;
}
