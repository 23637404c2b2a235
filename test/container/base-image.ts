import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ownNode } from '../../scripts/bootstrap.mjs';
import { findProgram } from '../../scripts/program.mjs';
import { docker } from './docker.ts';

/* Images to build on, made from the programs of this machine: nothing is pulled. */

const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** What `node:24-bookworm-slim` would bring, and no more: Node, its libraries, npm and the certificates of CAs. */
export async function buildBaseImage(): Promise<string> {
  const name = 'ollamamax-base:test';
  const context = mkdtempSync(join(tmpdir(), 'ollamamax-base-'));
  try {
    const image = join(context, 'rootfs');
    const copy = (from: string, to: string) => {
      mkdirSync(dirname(join(image, to)), { recursive: true });
      copyFileSync(from, join(image, to));
    };
    copy(ownNode, '/usr/local/bin/node');
    for (const library of libraries()) copy(library, library);
    cpSync(npmFolder(), join(image, 'usr/local/lib/node_modules/npm'), { recursive: true });
    if (existsSync(certificates)) copy(certificates, certificates);
    mkdirSync(join(image, 'tmp'));
    chmodSync(join(image, 'tmp'), 0o1777);
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM scratch\nCOPY rootfs/ /\nENV PATH=/usr/local/bin NODE_EXTRA_CA_CERTS=${certificates}\n`,
    );
    await docker(['build', '--force-rm', `--tag=${name}`, context], 5 * 60_000);
    return name;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** What Node has loaded, and the parts of the C library that only other native packages ask for. */
function libraries(): string[] {
  const script = 'console.log(JSON.stringify(process.report.getReport().sharedObjects))';
  const loaded = JSON.parse(execFileSync(ownNode, ['-e', script], { encoding: 'utf8' })) as string[];
  const files = loaded.filter((path) => path.startsWith('/') && path.includes('.so'));
  const besideLibc = files.flatMap((path) =>
    basename(path) === 'libc.so.6'
      ? ['librt.so.1', 'libresolv.so.2', 'libutil.so.1'].map((name) => join(dirname(path), name))
      : [],
  );
  return [...files, ...besideLibc.filter((path) => existsSync(path))];
}

function npmFolder(): string {
  const npm = findProgram('npm');
  if (npm === undefined) throw new Error('No npm on PATH.');
  return dirname(dirname(realpathSync(npm)));
}

/**
 * The base with the g++ and git of this machine: every file of their Debian packages and of those that they need.
 * @returns the base itself where there are no such packages; the image then has the prebuilt addon
 */
export async function buildCompilerImage(base: string): Promise<string> {
  if (!canCompile()) return base;
  const name = 'ollamamax-compiler:test';
  const context = mkdtempSync(join(tmpdir(), 'ollamamax-compiler-'));
  try {
    const list = join(context, 'files');
    writeFileSync(list, toolchain().join('\n'));
    const archive = join(context, 'toolchain.tar');
    execFileSync('tar', ['--create', '--no-recursion', `--files-from=${list}`, `--file=${archive}`], {
      cwd: '/',
    });
    writeFileSync(join(context, '.dockerignore'), 'files\n');
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM ${base}\nADD toolchain.tar /\nENV PATH=/usr/local/bin:/usr/bin\n`,
    );
    await docker(['build', '--force-rm', `--tag=${name}`, context], 5 * 60_000);
    return name;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** Whether this machine has what an image needs to compile the addon. */
export function canCompile(): boolean {
  return ['g++', 'git', 'dpkg', 'apt-cache', 'tar'].every((program) => findProgram(program) !== undefined);
}

function toolchain(): string[] {
  const relations = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'];
  const needed = run('apt-cache', [
    'depends',
    '--recurse',
    '--installed',
    ...relations.map((relation) => `--no-${relation}`),
    'g++',
    'git',
  ]);
  const packages = new Set(needed.filter((line) => /^\w/.test(line)));
  return run('dpkg', ['--listfiles', ...packages])
    .filter((path) => path.startsWith('/') && !path.startsWith('/usr/share/') && existsSync(path))
    .filter((path) => !statSync(path).isDirectory())
    .map((path) => path.slice(1));
}

function run(program: string, args: readonly string[]): string[] {
  return execFileSync(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }).split('\n');
}
