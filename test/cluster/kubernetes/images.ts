import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { cache, kubernetesPrograms } from '../../../scripts/kubernetes-programs.mjs';
import { run } from './run.ts';

const busybox = '/bin/busybox';

/** Images that manifests name; nothing is pulled. */
export const images = {
  busybox: 'local.test/busybox:1',
  coredns: 'local.test/coredns:1',
  pause: 'local.test/pause:1',
} as const;

interface ImageSource {
  readonly reference: string;
  /** What makes up the folder of the image. */
  readonly fill: (folder: string) => Promise<void> | void;
  readonly entrypoint: readonly string[];
}

/** Makes the archives that every node loads, once per version of the programs. Returns their folder. */
export async function baseImages(): Promise<string> {
  const programs = await kubernetesPrograms('all');
  const folder = join(cache, `images-${basename(programs)}`);
  await makeImage(join(folder, 'busybox.tar'), {
    reference: images.busybox,
    fill: fillBusybox,
    entrypoint: [],
  });
  await makeImage(join(folder, 'pause.tar'), {
    reference: images.pause,
    // Holds the namespaces of a pod open; the runtime kills it, so that it need not listen to signals.
    fill: fillBusybox,
    entrypoint: ['/bin/busybox', 'sleep', '2147483647'],
  });
  await makeImage(join(folder, 'coredns.tar'), programImage(programs, 'coredns'));
  return folder;
}

/** Makes the archive of an ingress controller. Returns its path. */
export async function ingressImage(name: 'skipper' | 'traefik'): Promise<string> {
  const programs = await kubernetesPrograms(name);
  const archive = join(cache, `images-${basename(programs)}`, `${name}.tar`);
  await makeImage(archive, programImage(programs, name));
  return archive;
}

function programImage(programs: string, name: string): ImageSource {
  return {
    reference: `local.test/${name}:1`,
    fill: (folder) => {
      mkdirSync(join(folder, 'tmp'));
      copyFileSync(join(programs, name), join(folder, name));
    },
    entrypoint: [`/${name}`],
  };
}

async function fillBusybox(folder: string): Promise<void> {
  for (const name of ['bin', 'tmp', 'etc', 'root', 'var']) mkdirSync(join(folder, name));
  copyFileSync(busybox, join(folder, 'bin', 'busybox'));
  for (const name of (await run(busybox, ['--list'])).trim().split('\n')) {
    if (name !== 'busybox') symlinkSync('busybox', join(folder, 'bin', name));
  }
  writeFileSync(join(folder, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
}

/** Writes an archive as `docker save` does, from a folder and without Docker; unless it is there. */
async function makeImage(archive: string, source: ImageSource): Promise<void> {
  if (existsSync(archive)) return;
  mkdirSync(join(archive, '..'), { recursive: true });
  const work = mkdtempSync(`${archive}-`);
  const pack = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  try {
    const content = join(work, 'content');
    mkdirSync(content);
    await source.fill(content);
    await run('tar', [...pack, '-C', content, '-cf', join(work, 'layer.tar'), '.']);
    const config = JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: {
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        Entrypoint: source.entrypoint,
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(readFileSync(join(work, 'layer.tar')))}`] },
    });
    const configName = `${sha256(config)}.json`;
    writeFileSync(join(work, configName), config);
    const manifest = [{ Config: configName, RepoTags: [source.reference], Layers: ['layer.tar'] }];
    writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
    const finished = join(work, 'image.tar');
    await run('tar', [...pack, '-C', work, '-cf', finished, 'manifest.json', configName, 'layer.tar']);
    renameSync(finished, archive);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
