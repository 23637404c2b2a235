/**
 * Makes a checkout ready to run: Node new enough, packages as the lockfile says, only this platform's native
 * packages, dashboard built. Runs on stock Node without any dependency; does nothing when nothing changed.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runStep, withLock } from './step.mjs';

export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '');

/** The Node that the project brings with it; present after `bootstrap`. */
export const ownNode = join(
  root,
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
);

const modules = join(root, 'node_modules');
const installStamp = join(modules, '.ollamamax-stamp');
const dashboard = join(root, 'agent', 'dashboard');
const dashboardStamp = join(dashboard, 'dist', '.sources-sha256');

/**
 * Installs and builds what is missing. Prints one line per thing done, and nothing when all is there.
 * @param {{ dashboard?: boolean }} [options] `dashboard: false` leaves the browser's page as it is.
 */
export async function bootstrap(options = {}) {
  checkNode();
  if (installed() && (options.dashboard === false || dashboardBuilt())) return;
  await withLock(join(root, '.cache', 'bootstrap.lock'), async () => {
    if (!installed()) await install();
    if (options.dashboard !== false && !dashboardBuilt()) await buildDashboard();
  });
}

/**
 * The environment for our own Node: TypeScript whose types were stripped once is kept on disk.
 * @returns {NodeJS.ProcessEnv}
 */
export function ownNodeEnvironment() {
  return { NODE_COMPILE_CACHE: join(modules, '.cache', 'node-compile'), ...process.env };
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  process.stderr.write(
    `This project needs Node 20.19 or newer to start and found ${process.versions.node}: ` +
      'install a current Node from https://nodejs.org and try again.\n',
  );
  process.exit(1);
}

function lockfileHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform} ${process.arch}`)
    .digest('hex');
}

function installed() {
  if (!existsSync(ownNode)) return false;
  return existsSync(installStamp) && readFileSync(installStamp, 'utf8') === lockfileHash();
}

async function install() {
  if (!installedByHand()) {
    await runStep('Installing packages from the lockfile', npm(['ci', '--ignore-scripts', '--no-progress']));
  }
  if (!existsSync(ownNode)) await installOwnNode();
  removeOtherPlatforms();
  await buildAddon();
  writeFileSync(installStamp, lockfileHash());
}

/** Models run without it as well, only slower. */
async function buildAddon() {
  const command = { file: process.execPath, args: [join(root, 'scripts', 'build-addon.mjs')], cwd: root };
  try {
    const said = await runStep('Building the native addon', command);
    if (said.startsWith('The prebuilt')) process.stdout.write(said);
  } catch (error) {
    const [reason] = String(error instanceof Error ? error.message : error).split('\n');
    process.stdout.write(`  it could not be built, so the prebuilt one is used: ${reason}\n`);
  }
}

/**
 * Whether somebody's `npm install` already brought what the lockfile names, so that nothing need be fetched.
 * npm keeps its own account of node_modules in `.package-lock.json`.
 */
function installedByHand() {
  const account = join(modules, '.package-lock.json');
  if (!existsSync(account) || !existsSync(ownNode)) return false;
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const found = packagesOf(account);
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes('node_modules/') || entry.optional === true || entry.devOptional === true) return true;
    return found[path]?.version === entry.version && found[path]?.link === entry.link;
  });
}

/**
 * @typedef {{ version?: string, link?: boolean, optional?: boolean, devOptional?: boolean }} LockedPackage
 * @param {string} path of a lockfile
 */
function packagesOf(path) {
  const lockfile = /** @type {{ packages: Record<string, LockedPackage> }} */ (
    JSON.parse(readFileSync(path, 'utf8'))
  );
  return lockfile.packages;
}

/** The one install script that is needed: all others build or fetch what is already in the packages. */
async function installOwnNode() {
  const command = {
    file: process.execPath,
    args: ['installArchSpecificPackage.js'],
    cwd: join(modules, 'node'),
    env: npmEnvironment(),
  };
  await runStep('Installing Node 24 into node_modules', command);
  const link = join(modules, '.bin', 'node');
  if (process.platform !== 'win32' && !existsSync(link)) {
    rmSync(link, { force: true });
    symlinkSync(join('..', 'node', 'bin', 'node'), link);
  }
}

/**
 * node-llama-cpp brings native packages for every platform, and several name the wrong processor, so that npm
 * installs them. The GPU packages are replaced by an empty one in package.json's `overrides`.
 */
function removeOtherPlatforms() {
  const scope = join(modules, '@node-llama-cpp');
  if (!existsSync(scope)) return;
  /** @type {Record<string, string>} */
  const names = {
    'linux x64': 'linux-x64',
    'linux arm64': 'linux-arm64',
    'linux arm': 'linux-armv7l',
    'darwin arm64': 'mac-arm64-metal',
    'darwin x64': 'mac-x64',
    'win32 x64': 'win-x64',
    'win32 arm64': 'win-arm64',
  };
  const ours = names[`${process.platform} ${process.arch}`];
  for (const name of readdirSync(scope)) {
    if (name !== ours) rmSync(join(scope, name), { recursive: true, force: true });
  }
}

/**
 * @param {string[]} args
 * @returns {import('./step.mjs').Command}
 */
function npm(args) {
  return { file: 'npm', args, cwd: root, env: npmEnvironment() };
}

/**
 * The caller's environment without what an outer npm put there for its own script: that would make the inner
 * one work in the wrong folder, with a Node that it is about to replace.
 * @returns {NodeJS.ProcessEnv}
 */
function npmEnvironment() {
  const own =
    /^npm_(lifecycle|package)_|^npm_(command|node_execpath|execpath|config_local_prefix)$|^INIT_CWD$/;
  const kept = Object.entries(process.env).filter(([name]) => !own.test(name));
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.split(sep).includes('node_modules'))
    .join(delimiter);
  return { ...Object.fromEntries(kept), PATH: path, NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true' };
}

function dashboardBuilt() {
  if (!existsSync(join(dashboard, 'src'))) return true;
  return existsSync(dashboardStamp) && readFileSync(dashboardStamp, 'utf8') === dashboardHash();
}

function dashboardHash() {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  const sources = [
    join(dashboard, 'src'),
    join(dashboard, 'public'),
    join(dashboard, 'index.html'),
    join(dashboard, 'vite.config.ts'),
    join(root, 'api', 'src'),
  ];
  for (const path of sources.flatMap(filesUnder)) {
    if (/\.test\.tsx?$/.test(path)) continue;
    hash.update(relative(root, path)).update('\0').update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex');
}

/**
 * @param {string} path a file or a folder, or nothing
 * @returns {string[]} the files there, in a stable order
 */
function filesUnder(path) {
  if (!existsSync(path)) return [];
  try {
    return readdirSync(path)
      .sort()
      .flatMap((name) => filesUnder(join(path, name)));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOTDIR') return [path];
    throw error;
  }
}

async function buildDashboard() {
  const hash = dashboardHash();
  const vite = join(modules, 'vite', 'bin', 'vite.js');
  await runStep('Building the dashboard', {
    file: ownNode,
    args: [vite, 'build', '--logLevel', 'warn'],
    cwd: dashboard,
    env: process.env,
  });
  mkdirSync(join(dashboard, 'dist'), { recursive: true });
  writeFileSync(dashboardStamp, hash);
}
