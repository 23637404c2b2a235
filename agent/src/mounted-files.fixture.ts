import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of files as Kubernetes mounts a Secret: links into a folder that is replaced as a whole. */
export class MountedFiles {
  readonly folder: string;
  #version = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(files: Readonly<Record<string, string>>): Promise<MountedFiles> {
    const mounted = new MountedFiles(await mkdtemp(join(tmpdir(), 'mounted-')));
    await mounted.replace(files);
    for (const name of Object.keys(files)) await symlink(join('..data', name), mounted.path(name));
    return mounted;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** All at once, as the kubelet does it: a new folder, a new link to it over the old one, then the old folder goes. */
  async replace(files: Readonly<Record<string, string>>): Promise<void> {
    const old = `..version-${this.#version}`;
    this.#version += 1;
    const next = `..version-${this.#version}`;
    await mkdir(this.path(next));
    for (const [name, content] of Object.entries(files))
      await writeFile(join(this.path(next), name), content);
    await symlink(next, this.path('..data_tmp'));
    await rename(this.path('..data_tmp'), this.path('..data'));
    await rm(this.path(old), { recursive: true, force: true });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
