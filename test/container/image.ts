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
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ownNode, root } from '../../scripts/bootstrap.mjs';
import { findProgram } from '../../scripts/program.mjs';
import { docker } from './docker.ts';

const certificates = '/etc/ssl/certs/ca-certificates.crt';

export interface BuiltImage {
  readonly name: string;
  /** Image that it was built on. */
  readonly base: string;
}

/** Builds the agent's image as everybody does: without naming a target. */
export function buildAgentImage(): Promise<BuiltImage> {
  return build('ollamamax-agent:test', []);
}

export function buildOperatorImage(): Promise<BuiltImage> {
  return build('ollamamax-operator:test', ['--target=operator']);
}

/** Writes an image to a file (docker-archive), for nodes that cannot pull it. */
export async function saveImage({ name }: BuiltImage, path: string): Promise<void> {
  await docker(['save', `--output=${path}`, name], 5 * 60_000);
}

/**
 * Nothing is pulled: the base image is made from this machine. OLLAMAMAX_BASE_IMAGE names another base,
 * `node:24-bookworm-slim` for example, where images can be pulled.
 */
async function build(name: string, options: readonly string[]): Promise<BuiltImage> {
  const base = process.env.OLLAMAMAX_BASE_IMAGE ?? (await buildBaseImage());
  await docker(
    [
      'build',
      '--force-rm',
      // Packages come the way this machine gets them.
      '--network=host',
      `--build-arg=BASE_IMAGE=${base}`,
      `--build-arg=NPM_CONFIG_REGISTRY=${npmRegistry()}`,
      '--build-arg=REVISION=test',
      `--tag=${name}`,
      ...options,
      root,
    ],
    15 * 60_000,
  );
  return { name, base };
}

/** What `node:24-bookworm-slim` would bring, and no more: Node, its libraries, npm and the certificates of CAs. */
async function buildBaseImage(): Promise<string> {
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

function npmRegistry(): string {
  return execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', stdio: 'pipe' }).trim();
}
