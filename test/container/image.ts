import { execFileSync } from 'node:child_process';
import { root } from '../../scripts/bootstrap.mjs';
import { buildBaseImage, buildCompilerImage } from './base-image.ts';
import { docker } from './docker.ts';

export interface BuiltImage {
  readonly name: string;
  /** Image that it was built on. */
  readonly base: string;
}

/** Builds the agent's image as everybody does: without naming a target. */
export async function buildAgentImage(): Promise<BuiltImage> {
  const base = await baseImage();
  const compiler = process.env.OLLAMAMAX_BUILD_IMAGE ?? (await buildCompilerImage(base));
  return build('ollamamax-agent:test', base, [`--build-arg=BUILD_IMAGE=${compiler}`]);
}

export async function buildOperatorImage(): Promise<BuiltImage> {
  return build('ollamamax-operator:test', await baseImage(), ['--target=operator']);
}

/** Writes an image to a file (docker-archive), for nodes that cannot pull it. */
export async function saveImage({ name }: BuiltImage, path: string): Promise<void> {
  await docker(['save', `--output=${path}`, name], 5 * 60_000);
}

/**
 * Nothing is pulled: the base images are made from this machine. OLLAMAMAX_BASE_IMAGE and OLLAMAMAX_BUILD_IMAGE name
 * others, `node:24-bookworm-slim` and `node:24-bookworm` for example, where images can be pulled.
 */
async function baseImage(): Promise<string> {
  return process.env.OLLAMAMAX_BASE_IMAGE ?? (await buildBaseImage());
}

async function build(name: string, base: string, options: readonly string[]): Promise<BuiltImage> {
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

function npmRegistry(): string {
  return execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', stdio: 'pipe' }).trim();
}
