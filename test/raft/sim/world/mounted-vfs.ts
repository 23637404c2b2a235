import type { Done, Vfs, VfsFile } from '../../../../agent/src/raft/storage/vfs.ts';
import type { Chance } from './chance.ts';
import { second, type Clock } from './clock.ts';
import { diskError, type Disk } from './disk.ts';
import { sectorBytes, type Inode, type Stretch } from './inode.ts';

/** Even a sick disk comes to an end some time. */
const slowest = second;

export interface MountOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly chance: Chance;
  /** Hands a completion to the process, unless that has died meanwhile. */
  readonly deliver: (completion: () => void) => void;
  /** Whether the process lives: what it has begun before it died may be done or not. */
  readonly isAlive: () => boolean;
  /** Told of what the disk has refused to do. */
  readonly failed: (what: string) => void;
}

const failures = { read: 'reads failed', write: 'writes failed', sync: 'syncs failed' } as const;

/** A disk as one process sees it. Operations take time, and their completions come as events of the clock. */
export class MountedVfs implements Vfs {
  readonly #options: MountOptions;

  constructor(options: MountOptions) {
    this.#options = options;
  }

  open(path: string, mode: 'read' | 'write'): VfsFile {
    const inode = this.#options.disk.find(path);
    if (inode === undefined) throw diskError('ENOENT', path);
    return new MountedFile(this, this.#options, path, inode, mode === 'write');
  }

  create(path: string, done: (error: Error | undefined, file: VfsFile | undefined) => void): void {
    const { disk } = this.#options;
    let file: VfsFile | undefined;
    this.operate(
      'write',
      path,
      (error) => done(error, file),
      () => {
        file = new MountedFile(this, this.#options, path, disk.create(path), true);
        return undefined;
      },
    );
  }

  list(directory: string): readonly string[] {
    const { disk, chance } = this.#options;
    if (!disk.hasDirectory(directory)) throw diskError('ENOENT', directory);
    return chance.shuffled(disk.list(directory));
  }

  makeDirectory(path: string): void {
    this.#options.disk.makeDirectory(path);
  }

  rename(from: string, to: string, done: Done): void {
    const { disk } = this.#options;
    this.operate('write', from, done, () => (disk.rename(from, to) ? undefined : diskError('ENOENT', from)));
  }

  remove(path: string, done: Done): void {
    const { disk } = this.#options;
    this.operate('write', path, done, () => (disk.remove(path) ? undefined : diskError('ENOENT', path)));
  }

  syncDirectory(path: string, done: Done): void {
    const { disk } = this.#options;
    const mark = disk.markNames();
    this.operate('sync', path, done, () => {
      if (!disk.hasDirectory(path)) return diskError('ENOENT', path);
      disk.namesSynced(path, mark);
      return undefined;
    });
  }

  /**
   * Has something done to the disk after a while, unless it fails.
   * @param work @returns the error that it ends with
   * @param failed what a failure leaves
   */
  operate(
    kind: 'read' | 'write' | 'sync',
    path: string,
    done: Done,
    work: () => Error | undefined,
    failed?: () => void,
  ): void {
    const { disk, clock, chance, deliver, isAlive } = this.#options;
    const { faults } = disk;
    const share = kind === 'sync' ? 1 : 0.2;
    const probability = { read: faults.readFails, write: faults.writeFails, sync: faults.syncFails }[kind];
    const fails = probability > 0 && chance.happens(probability);
    const time = Math.min(chance.around(disk.latency * share * faults.slowness), slowest);
    clock.after(1 + time, () => {
      if (!isAlive()) return;
      if (fails) failed?.();
      const error = fails ? diskError('EIO', path) : work();
      if (fails) this.#options.failed(failures[kind]);
      if (fails && kind === 'sync') disk.hasFailedSync = true;
      deliver(() => {
        if (error === undefined) done();
        else done(error);
      });
    });
  }
}

class MountedFile implements VfsFile {
  readonly #vfs: MountedVfs;
  readonly #options: MountOptions;
  readonly #path: string;
  readonly #inode: Inode;
  readonly #writable: boolean;
  #open = true;

  constructor(vfs: MountedVfs, options: MountOptions, path: string, inode: Inode, writable: boolean) {
    this.#vfs = vfs;
    this.#options = options;
    this.#path = path;
    this.#inode = inode;
    this.#writable = writable;
  }

  size(): number {
    this.#check();
    return this.#inode.size;
  }

  read(into: Uint8Array, position: number): number {
    this.#check();
    const { disk, chance } = this.#options;
    const { readFails } = disk.faults;
    if (readFails > 0 && chance.happens(readFails)) {
      this.#options.failed(failures.read);
      throw diskError('EIO', this.#path);
    }
    return this.#inode.read(into, position);
  }

  readLater(
    into: Uint8Array,
    position: number,
    done: (error: Error | undefined, bytes: number) => void,
  ): void {
    this.#check();
    let bytes = 0;
    this.#vfs.operate(
      'read',
      this.#path,
      (error) => done(error, bytes),
      () => {
        bytes = this.#inode.read(into, position);
        return undefined;
      },
    );
  }

  write(chunks: readonly Uint8Array[], position: number, done: Done): void {
    this.#check(true);
    const { disk, chance, clock, isAlive } = this.#options;
    // Read when they are written, not now: who changes them meanwhile has changed what is written.
    const bytes = (): Buffer => Buffer.concat(chunks);
    const size = bytes().length;
    const beyond = position + size - this.#inode.size;
    // The kernel may get to some sectors right away and to the rest at the end; a crash in between tears it.
    const cut = position + chance.below(size + 1);
    const early = chance.happens(0.3) ? Math.max(0, cut - (cut % sectorBytes) - position) : 0;
    if (early > 0 && disk.hasRoomFor(beyond))
      clock.after(0, () => {
        if (isAlive()) this.#inode.write(bytes().subarray(0, early), position);
      });
    this.#vfs.operate('write', this.#path, done, () => {
      if (!disk.hasRoomFor(beyond)) return this.#full();
      this.#inode.write(bytes(), position);
      disk.written();
      return undefined;
    });
  }

  /** It can be written and not be durable, if the process or the power dies in between, or syncing it fails. */
  writeDurably(chunks: readonly Uint8Array[], position: number, done: Done): void {
    const to = position + chunks.reduce((sum, { length }) => sum + length, 0);
    this.write(chunks, position, (error) => {
      if (error === undefined) this.sync(done, { from: position, to });
      else done(error);
    });
  }

  sync(done: Done, bytes?: Stretch): void {
    this.#check(true);
    const mark = this.#inode.mark();
    this.#vfs.operate(
      'sync',
      this.#path,
      done,
      () => {
        this.#inode.synced(mark, bytes);
        return undefined;
      },
      () => this.#inode.syncFailed(mark, this.#options.chance, bytes),
    );
  }

  preallocate(bytes: number, done: Done): void {
    this.#check(true);
    const { disk } = this.#options;
    this.#vfs.operate('write', this.#path, done, () => {
      if (!disk.hasRoomFor(bytes - this.#inode.size)) return this.#full();
      this.#inode.extend(bytes);
      return undefined;
    });
  }

  truncate(size: number, done: Done): void {
    this.#check(true);
    this.#vfs.operate('write', this.#path, done, () => {
      this.#inode.truncate(size);
      return undefined;
    });
  }

  close(): void {
    this.#check();
    this.#open = false;
  }

  #full(): Error {
    this.#options.failed('disks full');
    return diskError('ENOSPC', this.#path);
  }

  #check(writes = false): void {
    if (!this.#open) throw new Error(`${this.#path} is used after it was closed`);
    if (writes && !this.#writable) throw new Error(`${this.#path} is open for reading only`);
  }
}
